//! Orders of a product whose stock another transaction keeps locked.

use time::OffsetDateTime;

use super::*;
use crate::{Clock, orders::placement::State};

/// What opening a placement returns while product 2 is locked.
fn while_2_is_held(unit: MockUnitOfWork<Plan>) -> Opened<State, Plan> {
    let mut state = state(&[(1, 3)], &[1]);
    state.held = [product_id(2)].into();
    Opened {
        state,
        unit: Box::new(unit),
    }
}

#[tokio::test]
async fn orders_of_a_locked_product_wait_in_line_and_the_others_are_placed() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .withf(|_, wait| *wait == LockWait::Briefly)
        .times(1)
        .returning(|_, _| Ok(while_2_is_held(committing(|| Ok(())))));
    // Still locked at first.
    let mut sequence = mockall::Sequence::new();
    let in_line = |scope: &crate::orders::placement::Scope, wait: &LockWait| {
        scope.products == [product_id(2)] && *wait == LockWait::InLineFor(product_id(2))
    };
    store
        .expect_open()
        .withf(in_line)
        .times(2)
        .in_sequence(&mut sequence)
        .returning(|_, _| Ok(while_2_is_held(abandoned())));
    store
        .expect_open()
        .withf(in_line)
        .times(1)
        .in_sequence(&mut sequence)
        .returning(|_, _| {
            Ok(Opened {
                state: state(&[(2, 3)], &[1]),
                unit: Box::new(committing(|| Ok(()))),
            })
        });
    let batch = vec![
        request(1, &[(2, 2)]),
        request(1, &[(1, 1)]),
        // Behind the first, and too late: two of three are gone by then.
        request(1, &[(2, 2)]),
    ];
    let answers = answers(store, batch).await;
    assert!(matches!(
        answers[..],
        [
            Ok(Outcome::Placed(_)),
            Ok(Outcome::Placed(_)),
            Err(DeskError::Refused(Refusal::InsufficientStock { .. })),
        ]
    ));
}

/// The lane is retried while the product is locked: it must not take the only thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_order_waits_behind_those_in_line() {
    let is_held = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (in_line, mut is_in_line) = tokio::sync::mpsc::unbounded_channel();
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .withf(|_, wait| *wait == LockWait::Briefly)
        .returning(|_, _| Ok(while_2_is_held(abandoned())));
    let held = Arc::clone(&is_held);
    let left = std::sync::atomic::AtomicI64::new(1);
    store
        .expect_open()
        .withf(|_, wait| *wait == LockWait::InLineFor(product_id(2)))
        .returning(move |_, _| {
            let _ = in_line.send(());
            if held.load(std::sync::atomic::Ordering::SeqCst) {
                return Ok(while_2_is_held(abandoned()));
            }
            // One unit is left until it is taken.
            let left = left.swap(0, std::sync::atomic::Ordering::SeqCst);
            let mut unit = MockUnitOfWork::new();
            unit.expect_commit().returning(|_| Ok(()));
            unit.expect_abandon().returning(|| Ok(()));
            Ok(Opened {
                state: state(&[(2, left)], &[1]),
                unit: Box::new(unit),
            })
        });
    let (desk, tasks) = desk(store, 100, 100);
    let mut first = Box::pin(desk.place(request(1, &[(2, 1)])));
    assert!((&mut first).now_or_never().is_none());
    run(tasks);
    is_in_line.recv().await.unwrap();
    let mut second = Box::pin(desk.place(request(1, &[(2, 1)])));
    assert!((&mut second).now_or_never().is_none());
    while desk.queued().orders > 0 {
        tokio::task::yield_now().await;
    }
    is_held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(first.await.is_ok());
    assert!(matches!(
        second.await,
        Err(DeskError::Refused(Refusal::InsufficientStock { .. }))
    ));
}

#[tokio::test]
async fn an_order_that_has_waited_in_line_for_too_long_is_refused_as_held() {
    /// A clock that advances by a second whenever it is read.
    struct Hasty(Mutex<OffsetDateTime>);

    impl Clock for Hasty {
        fn now(&self) -> OffsetDateTime {
            let mut now = self.0.lock().unwrap();
            *now += time::Duration::SECOND;
            *now
        }
    }

    impl Timer for Hasty {
        fn sleep(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
            std::future::ready(()).boxed()
        }
    }

    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .returning(|_, _| Ok(while_2_is_held(abandoned())));
    let settings = DeskSettings {
        workers: 1,
        max_batch: 10,
        min_parallel_batch: 1,
        max_queued: 10,
        max_lanes: 1,
        patience: time::Duration::milliseconds(1_500),
    };
    let clock = Arc::new(Hasty(Mutex::new(crate::fixtures::now())));
    let (desk, tasks) = Desk::open(Arc::new(store), clock, ids(), None, settings);
    run(tasks);
    let told = desk.place(request(1, &[(2, 1)])).await;
    let held = product_id(2);
    assert!(matches!(
        told,
        Err(DeskError::Refused(Refusal::Held { product_id })) if product_id == held
    ));
}
