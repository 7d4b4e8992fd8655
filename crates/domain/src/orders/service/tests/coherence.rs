//! A load that began before a change does not answer a read after it.

use super::*;

/// An order that is paid while a load of it is in progress.
struct PaidMeanwhile {
    is_paid: std::sync::atomic::AtomicBool,
    may_end: tokio::sync::Semaphore,
}

#[async_trait::async_trait]
impl OrderRepository for PaidMeanwhile {
    async fn find(&self, _: OrderId) -> Result<Option<Order>, StorageError> {
        // A statement sees what was committed when it began.
        let is_paid = self.is_paid.load(std::sync::atomic::Ordering::SeqCst);
        let status = if is_paid {
            OrderStatus::Paid
        } else {
            OrderStatus::Pending
        };
        self.may_end.acquire().await.unwrap().forget();
        Ok(Some(order(status)))
    }

    async fn page(
        &self,
        _: &OrdersFilter,
        _: Sort<OrderSort>,
        _: &PageRequest,
    ) -> Result<Page<Order>, StorageError> {
        unreachable!("this is about one order")
    }

    fn export(&self, _: OrdersFilter, _: Freshness) -> Export<Order> {
        unreachable!("this is about one order")
    }

    fn histories(&self, _: CustomerId) -> Export<(OrderId, HistoryEntry)> {
        unreachable!("this is about one order")
    }

    async fn history(&self, _: OrderId) -> Result<Option<History>, StorageError> {
        unreachable!("this is about one order")
    }
}

#[tokio::test]
async fn a_read_after_a_change_is_not_answered_by_a_load_that_began_before_it() {
    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| Cached::Miss(Lease::NONE));
    cache.expect_put().return_const(());
    cache.expect_publish().return_const(());
    let storage = Arc::new(PaidMeanwhile {
        is_paid: false.into(),
        may_end: tokio::sync::Semaphore::new(0),
    });
    let settings = DeskSettings {
        workers: 1,
        max_batch: 1,
        min_parallel_batch: 1,
        max_queued: 1,
        max_lanes: 1,
        patience: time::Duration::milliseconds(1_500),
    };
    let (desk, _) = Desk::open(
        Arc::new(MockPlacementStore::new()),
        clock(),
        ids(),
        None,
        settings,
    );
    let service = OrderService::new(
        desk,
        storage.clone(),
        Arc::new(MockTransitionStore::new()),
        Arc::new(cache),
        clock(),
    );
    let caller = own_caller(1);
    let mut before = Box::pin(service.get(&caller, order_id(1)));
    assert!(before.as_mut().now_or_never().is_none(), "its load goes on");
    storage
        .is_paid
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let after = service.get(&caller, order_id(1));
    storage.may_end.add_permits(2);
    let (before, after) = futures_util::future::join(before, after).await;
    assert_eq!(before.unwrap().status, OrderStatus::Pending);
    assert_eq!(after.unwrap().status, OrderStatus::Paid);
}
