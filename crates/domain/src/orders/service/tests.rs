//! The order use cases against mocked ports.

mod coherence;
mod lists;

use futures_util::FutureExt as _;
use mockall::Sequence;

use super::*;
use crate::{
    cache::{Cached, Lease, MockCache},
    fixtures::{
        caller, clock, customer_id, ids, line, order, order_id, own_caller, scoped, state,
        storage_is_down,
    },
    orders::{
        DeskSettings, MockOrderRepository, MockPlacementStore, MockTransitionStore, OrderStatus,
        placement::Plan,
    },
    unit_of_work::MockUnitOfWork,
    values::Version,
};

/// The mocked ports; a call that a test does not expect fails it.
#[derive(Default)]
struct Ports {
    placements: MockPlacementStore,
    orders: MockOrderRepository,
    transitions: MockTransitionStore,
    cache: MockCache<Order>,
}

impl Ports {
    fn service(self) -> OrderService {
        let settings = DeskSettings {
            workers: 1,
            max_batch: 10,
            min_parallel_batch: 1,
            max_queued: 10,
            max_lanes: 1,
            patience: time::Duration::milliseconds(1_500),
        };
        let (desk, tasks) = Desk::open(Arc::new(self.placements), clock(), ids(), None, settings);
        for task in tasks {
            tokio::spawn(task);
        }
        OrderService::new(
            desk,
            Arc::new(self.orders),
            Arc::new(self.transitions),
            Arc::new(self.cache),
            clock(),
        )
    }

    /// Opens a placement over three units of product 1 and customer 1.
    fn opening(mut self, unit: MockUnitOfWork<Plan>) -> Self {
        self.placements
            .expect_open()
            .times(1)
            .return_once(move |_, _| {
                Ok(Opened {
                    state: state(&[(1, 3)], &[1]),
                    unit: Box::new(unit),
                })
            });
        self
    }

    /// Locks the order of customer 1 in this status.
    fn locking(mut self, status: OrderStatus, unit: MockUnitOfWork<Transition>) -> Self {
        self.transitions
            .expect_open()
            .times(1)
            .return_once(move |_, _, _| {
                Ok(Some(Opened {
                    state: order(status),
                    unit: Box::new(unit),
                }))
            });
        self
    }
}

fn request(customer: Option<u128>, lines: &[OrderLine]) -> OrderRequest {
    OrderRequest {
        customer_id: customer.map(customer_id),
        lines: lines.to_vec(),
    }
}

/// A unit that must be abandoned and never committed.
fn only_abandoned() -> MockUnitOfWork<Transition> {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit().never();
    unit.expect_abandon().times(1).returning(|| Ok(()));
    unit
}

#[tokio::test]
async fn an_order_is_placed_for_the_caller_and_committed() {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit().times(1).returning(|_| Ok(()));
    let placed = Ports::default()
        .opening(unit)
        .service()
        .place(&own_caller(1), request(None, &[line(1, 2)]), None)
        .await
        .unwrap();
    assert_eq!(placed.entity.status, OrderStatus::Pending);
    assert_eq!(placed.entity.customer_id, customer_id(1));
    assert!(!placed.is_replay);
}

#[tokio::test]
async fn a_key_is_written_with_the_order_that_it_stands_for() {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .withf(|plan: &Plan| {
            let placed = plan.accepted().map(|order| order.id);
            plan.keys().iter().map(|(_, _, id)| *id).eq(placed)
                && plan.keys()[0].0 == scoped("key-1")
        })
        .times(1)
        .returning(|_| Ok(()));
    let placed = Ports::default()
        .opening(unit)
        .service()
        .place(
            &own_caller(1),
            request(None, &[line(1, 2)]),
            Some(scoped("key-1").key),
        )
        .await;
    assert!(placed.is_ok());
}

#[tokio::test]
async fn a_commit_that_fails_places_nothing_and_is_returned() {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .times(1)
        .returning(|_| Err(storage_is_down().into()));
    let failed = Ports::default()
        .opening(unit)
        .service()
        .place(&own_caller(1), request(None, &[line(1, 2)]), None)
        .await;
    assert!(matches!(
        failed,
        Err(OrderError::Storage(StorageError::Unavailable(_)))
    ));
}

#[tokio::test]
async fn a_refused_order_names_what_is_short_and_is_neither_committed_nor_cached() {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit().never();
    unit.expect_abandon().times(1).returning(|| Ok(()));
    let refused = Ports::default()
        .opening(unit)
        .service()
        .place(&own_caller(1), request(None, &[line(1, 4)]), None)
        .await;
    let Err(OrderError::Refused(Refusal::InsufficientStock { lines })) = refused else {
        panic!("not enough is in stock, got {refused:?}");
    };
    assert_eq!(lines[0].requested.units(), 4);
    assert_eq!(lines[0].available.units(), 3);
}

#[tokio::test]
async fn a_customer_cannot_order_for_another() {
    let refused = Ports::default()
        .service()
        .place(&own_caller(1), request(Some(2), &[line(1, 1)]), None)
        .await;
    assert!(matches!(refused, Err(OrderError::NotForAnother)));
}

#[tokio::test]
async fn the_shop_names_whom_it_orders_for() {
    let refused = Ports::default()
        .service()
        .place(
            &caller(Principal::Staff),
            request(None, &[line(1, 1)]),
            None,
        )
        .await;
    assert!(matches!(refused, Err(OrderError::CustomerRequired)));
}

#[tokio::test]
async fn an_order_without_lines_does_not_reach_storage() {
    let refused = Ports::default()
        .service()
        .place(&own_caller(1), request(None, &[]), None)
        .await;
    assert!(matches!(refused, Err(OrderError::Lines(_))));
}

#[tokio::test]
async fn a_hit_is_a_hit_for_the_owner_and_not_there_for_anybody_else() {
    for (who, may_see) in [
        (own_caller(1), true),
        (caller(Principal::Staff), true),
        (caller(Principal::Admin), true),
        (own_caller(2), false),
    ] {
        let mut ports = Ports::default();
        ports
            .cache
            .expect_get()
            .times(1)
            .returning(|_| Cached::Hit(Arc::new(order(OrderStatus::Paid))));
        let got = ports.service().get(&who, order_id(1)).await;
        if may_see {
            assert_eq!(*got.unwrap(), order(OrderStatus::Paid));
        } else {
            assert!(matches!(got, Err(OrderError::NotFound)));
        }
    }
}

#[tokio::test]
async fn a_miss_asks_storage_once_and_is_kept() {
    let mut ports = Ports::default();
    let lease = Lease::new(std::num::NonZeroU64::MIN);
    let miss = move |_| Cached::Miss(lease);
    ports.cache.expect_get().returning(miss);
    let put = ports.cache.expect_put();
    put.withf(move |order, under| order.id == order_id(1) && *under == lease)
        .times(1)
        .return_const(());
    ports
        .orders
        .expect_find()
        .times(1)
        .returning(|_| Ok(Some(order(OrderStatus::Paid))));
    let got = ports.service().get(&own_caller(1), order_id(1)).await;
    assert_eq!(got.unwrap().id, order_id(1));
}

#[tokio::test]
async fn a_missing_order_is_not_found_and_a_failure_is_returned() {
    let mut ports = Ports::default();
    ports
        .cache
        .expect_get()
        .returning(|_| Cached::Miss(Lease::NONE));
    ports.orders.expect_find().returning(|_| Ok(None));
    let missing = ports.service().get(&own_caller(1), order_id(1)).await;
    assert!(matches!(missing, Err(OrderError::NotFound)));

    let mut ports = Ports::default();
    ports
        .cache
        .expect_get()
        .returning(|_| Cached::Miss(Lease::NONE));
    ports
        .orders
        .expect_find()
        .returning(|_| Err(storage_is_down()));
    let failed = ports.service().get(&own_caller(1), order_id(1)).await;
    assert!(matches!(failed, Err(OrderError::Storage(_))));
}

#[tokio::test]
async fn a_cancellation_returns_every_line_and_is_forgotten_before_the_commit_and_cached_after_it()
{
    let mut sequence = Sequence::new();
    let mut cache = MockCache::new();
    // Whoever commits may end before it can publish.
    cache
        .expect_outdate()
        .withf(|id, version| *id == order_id(1) && *version == Version::FIRST.next())
        .times(1)
        .in_sequence(&mut sequence)
        .return_const(());
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .withf(|transition: &Transition| transition.returned.len() == transition.order.items.len())
        .times(1)
        .in_sequence(&mut sequence)
        .returning(|_| Ok(()));
    let mut ports = Ports {
        cache,
        ..Ports::default().locking(OrderStatus::Pending, unit)
    };
    ports
        .cache
        .expect_publish()
        .withf(|order| order.status == OrderStatus::Cancelled)
        .times(1)
        .in_sequence(&mut sequence)
        .return_const(());
    let cancelled = ports
        .service()
        .transition(
            &own_caller(1),
            order_id(1),
            OrderStatus::Cancelled.into(),
            &Expected::Any,
        )
        .await
        .unwrap();
    assert_eq!(
        cancelled.version,
        order(OrderStatus::Pending).version.next()
    );
}

#[tokio::test]
async fn the_status_that_an_order_has_is_a_success_that_writes_nothing() {
    let mut ports = Ports::default().locking(OrderStatus::Cancelled, only_abandoned());
    ports.cache.expect_publish().times(1).return_const(());
    let same = ports
        .service()
        .transition(
            &own_caller(1),
            order_id(1),
            OrderStatus::Cancelled.into(),
            &Expected::Any,
        )
        .await
        .unwrap();
    assert_eq!(*same, order(OrderStatus::Cancelled));
}

#[tokio::test]
async fn a_customer_cannot_mark_an_order_paid() {
    let refused = Ports::default()
        .locking(OrderStatus::Pending, only_abandoned())
        .service()
        .transition(
            &own_caller(1),
            order_id(1),
            OrderStatus::Paid.into(),
            &Expected::Any,
        )
        .await;
    assert!(matches!(
        refused,
        Err(OrderError::Transition(
            TransitionRefused::NotForCustomers { .. }
        ))
    ));
}

#[tokio::test]
async fn anothers_order_cannot_be_taken_further_and_does_not_show() {
    let refused = Ports::default()
        .locking(OrderStatus::Pending, only_abandoned())
        .service()
        .transition(
            &own_caller(2),
            order_id(1),
            OrderStatus::Cancelled.into(),
            &Expected::Any,
        )
        .await;
    assert!(matches!(refused, Err(OrderError::NotFound)));
}

#[tokio::test]
async fn a_transition_that_may_not_be_committed_is_not_cached() {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .times(1)
        .returning(|_| Err(storage_is_down().into()));
    let mut ports = Ports::default().locking(OrderStatus::Pending, unit);
    ports.cache.expect_publish().never();
    ports
        .cache
        .expect_outdate()
        .withf(|id, version| *id == order_id(1) && *version == Version::FIRST.next())
        .times(1)
        .return_const(());
    let failed = ports
        .service()
        .transition(
            &caller(Principal::Staff),
            order_id(1),
            OrderStatus::Paid.into(),
            &Expected::Any,
        )
        .await;
    assert!(matches!(failed, Err(OrderError::Storage(_))));
}
