//! The desk against a mocked store.

use std::sync::Mutex;

use futures_util::{FutureExt, future::join_all};

use super::*;
use crate::{
    fixtures::{clock, customer_id, ids, new_order, product_id, request, state, storage_is_down},
    ports::{CommitError, MockPlacement, MockPlacementStore},
};

/// A desk with one clerk, who does not serve yet.
fn desk(store: MockPlacementStore, max_batch: usize, max_waiting: usize) -> (Desk, Clerk) {
    let settings = DeskSettings {
        clerks: 1,
        max_batch,
        side_batch: 1,
        max_waiting,
    };
    let (desk, mut clerks) = Desk::open(Arc::new(store), clock(), ids(), settings);
    (desk, clerks.remove(0))
}

/// The answers to requests that all wait when the clerk begins to serve.
async fn answers(
    store: MockPlacementStore,
    requests: Vec<Request>,
) -> Vec<Result<Outcome, DeskError>> {
    let (desk, clerk) = desk(store, 100, 100);
    let mut placing: Vec<_> = requests
        .into_iter()
        .map(|r| Box::pin(desk.place(r)))
        .collect();
    for placing in &mut placing {
        assert!(placing.now_or_never().is_none(), "nobody serves yet");
    }
    tokio::spawn(clerk.serve());
    join_all(placing).await
}

/// A store that hands out these units one after the other, over three units of product 1.
fn store_of(units: Vec<MockPlacement>) -> MockPlacementStore {
    let mut store = MockPlacementStore::new();
    let count = units.len();
    let units = Mutex::new(units.into_iter());
    store.expect_open().times(count).returning(move |_| {
        Ok(OpenPlacement {
            state: state(&[(1, 3)], &[1]),
            unit: Box::new(units.lock().unwrap().next().unwrap()),
        })
    });
    store
}

type Commit = fn() -> Result<(), CommitError>;

fn committing(outcome: Commit) -> MockPlacement {
    let mut unit = MockPlacement::new();
    unit.expect_commit()
        .times(1)
        .return_once(move |_| outcome());
    unit
}

fn abandoned() -> MockPlacement {
    let mut unit = MockPlacement::new();
    unit.expect_commit().never();
    unit.expect_abandon().times(1).returning(|| Ok(()));
    unit
}

fn rejected() -> Result<(), CommitError> {
    Err(CommitError::Rejected("the customer went away".into()))
}

#[tokio::test]
async fn an_accepted_order_is_committed() {
    let store = store_of(vec![committing(|| Ok(()))]);
    let answers = answers(store, vec![request(1, &[(1, 3)])]).await;
    let [Ok(Outcome::Placed(order))] = &answers[..] else {
        panic!("it is placed, got {answers:?}");
    };
    assert_eq!(order.customer_id, customer_id(1));
}

#[tokio::test]
async fn a_refused_order_never_reaches_commit() {
    let answers = answers(store_of(vec![abandoned()]), vec![request(1, &[(1, 4)])]).await;
    assert!(matches!(
        answers[..],
        [Err(DeskError::Refused(Refusal::InsufficientStock { .. }))]
    ));
}

#[tokio::test]
async fn those_who_wait_are_placed_in_one_batch_and_each_gets_its_own_answer() {
    let store = store_of(vec![committing(|| Ok(()))]);
    let batch = vec![
        request(1, &[(1, 2)]),
        request(1, &[(1, 2)]),
        request(2, &[(1, 1)]),
        request(1, &[(1, 1)]),
    ];
    let answers = answers(store, batch).await;
    assert!(matches!(
        answers[..],
        [
            Ok(Outcome::Placed(_)),
            Err(DeskError::Refused(Refusal::InsufficientStock { .. })),
            Err(DeskError::Refused(Refusal::UnknownCustomer)),
            Ok(Outcome::Placed(_)),
        ]
    ));
}

#[tokio::test]
async fn a_batch_is_no_larger_than_it_may_be() {
    let store = store_of(vec![committing(|| Ok(())), committing(|| Ok(()))]);
    let (desk, clerk) = desk(store, 2, 10);
    let mut placing: Vec<_> = (0..3)
        .map(|_| Box::pin(desk.place(request(1, &[(1, 1)]))))
        .collect();
    for placing in &mut placing {
        assert!(placing.now_or_never().is_none());
    }
    tokio::spawn(clerk.serve());
    assert!(join_all(placing).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn locks_are_asked_for_once_a_product_and_in_id_order() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .withf(|scope| {
            scope.products == [1, 2, 3].map(product_id)
                && scope.customers == [1, 2].map(customer_id)
        })
        .times(1)
        .returning(|_| Err(storage_is_down()));
    let batch = vec![
        request(2, &[(3, 1), (1, 1)]),
        request(1, &[(2, 1), (3, 1)]),
        request(2, &[(1, 1)]),
    ];
    assert!(answers(store, batch).await.iter().all(Result::is_err));
}

#[tokio::test]
async fn a_failure_to_open_places_nothing_and_is_told_to_everybody() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .times(1)
        .returning(|_| Err(storage_is_down()));
    let batch = vec![request(1, &[(1, 1)]), request(1, &[(1, 1)])];
    for answer in answers(store, batch).await {
        assert!(matches!(
            answer,
            Err(DeskError::Storage(StorageError::Unavailable(_)))
        ));
    }
}

#[tokio::test]
async fn a_commit_that_may_have_happened_is_told_and_not_tried_again() {
    let store = store_of(vec![committing(|| Err(storage_is_down().into()))]);
    let batch = vec![request(1, &[(1, 1)]), request(1, &[(1, 1)])];
    for answer in answers(store, batch).await {
        assert!(matches!(
            answer,
            Err(DeskError::Storage(StorageError::Unavailable(_)))
        ));
    }
}

#[tokio::test]
async fn a_batch_that_storage_rejects_is_placed_one_by_one_and_only_the_poisoned_fails() {
    let poison: Commit = || Err(StorageError::internal("it does not fit").into());
    let rejects: Commit = rejected;
    for first in [rejects, poison] {
        let store = store_of(vec![
            committing(first),
            committing(|| Ok(())),
            committing(poison),
            committing(|| Ok(())),
        ]);
        let batch = vec![request(1, &[(1, 1)]); 3];
        let answers = answers(store, batch).await;
        assert!(matches!(
            answers[..],
            [
                Ok(Outcome::Placed(_)),
                Err(DeskError::Storage(StorageError::Internal(_))),
                Ok(Outcome::Placed(_)),
            ]
        ));
    }
}

#[tokio::test]
async fn an_order_that_is_rejected_twice_is_a_bug_and_told_as_one() {
    let store = store_of(vec![committing(rejected), committing(rejected)]);
    let answers = answers(store, vec![request(1, &[(1, 1)])]).await;
    assert!(matches!(
        answers[..],
        [Err(DeskError::Storage(StorageError::Internal(_)))]
    ));
}

#[tokio::test]
async fn a_full_queue_turns_away_and_takes_orders_again_when_it_has_drained() {
    let store = store_of(vec![committing(|| Ok(())), committing(|| Ok(()))]);
    let (desk, clerk) = desk(store, 10, 1);
    let mut waiting = Box::pin(desk.place(request(1, &[(1, 1)])));
    assert!((&mut waiting).now_or_never().is_none());
    let turned_away = desk.place(request(1, &[(1, 1)])).now_or_never();
    assert!(
        matches!(turned_away, Some(Err(DeskError::Full))),
        "and at once"
    );
    tokio::spawn(clerk.serve());
    assert!(waiting.await.is_ok());
    assert!(desk.place(request(1, &[(1, 1)])).await.is_ok());
}

#[tokio::test]
async fn who_hangs_up_while_waiting_is_left_out_and_the_others_are_served() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .withf(|scope| scope.customers == [customer_id(1)])
        .times(1)
        .returning(|_| {
            Ok(OpenPlacement {
                state: state(&[(1, 3)], &[1]),
                unit: Box::new(committing(|| Ok(()))),
            })
        });
    let (desk, clerk) = desk(store, 10, 10);
    let mut gone = Box::pin(desk.place(request(2, &[(1, 3)])));
    let mut stays = Box::pin(desk.place(request(1, &[(1, 3)])));
    assert!((&mut gone).now_or_never().is_none());
    assert!((&mut stays).now_or_never().is_none());
    drop(gone);
    tokio::spawn(clerk.serve());
    assert!(stays.await.is_ok());
}

#[tokio::test]
async fn a_panic_costs_one_batch_its_answers_and_no_more() {
    let store = store_of(vec![
        committing(|| panic!("a bug, made by this test")),
        committing(|| Ok(())),
    ]);
    let (desk, clerk) = desk(store, 10, 10);
    tokio::spawn(clerk.serve());
    let lost = desk.place(request(1, &[(1, 1)])).await;
    assert!(matches!(
        lost,
        Err(DeskError::Storage(StorageError::Internal(_)))
    ));
    assert!(desk.place(request(1, &[(1, 1)])).await.is_ok());
}

#[tokio::test]
async fn a_desk_that_closes_finishes_what_it_took_and_refuses_the_rest() {
    let store = store_of(vec![committing(|| Ok(()))]);
    let (desk, clerk) = desk(store, 10, 10);
    let mut taken = Box::pin(desk.place(request(1, &[(1, 1)])));
    assert!((&mut taken).now_or_never().is_none());
    desk.close();
    let late = desk.place(request(1, &[(1, 1)])).await;
    assert!(matches!(late, Err(DeskError::Full)));
    let serving = tokio::spawn(clerk.serve());
    assert!(taken.await.is_ok());
    serving.await.unwrap();
}

#[tokio::test]
async fn a_quote_says_what_would_happen_and_commits_nothing() {
    let (desk, _clerk) = desk(store_of(vec![abandoned(), abandoned()]), 10, 10);
    let quote = desk.quote(new_order(1, &[(1, 3)])).await.unwrap();
    assert_eq!(quote.items.len(), 1);
    let refused = desk.quote(new_order(1, &[(1, 4)])).await;
    assert!(matches!(
        refused,
        Err(DeskError::Refused(Refusal::InsufficientStock { .. }))
    ));
}

#[tokio::test]
async fn a_batch_is_begun_beside_another_only_when_enough_wait() {
    let under_way = UnderWay::new(3);
    let first = under_way
        .turn(|| 1)
        .now_or_never()
        .expect("nobody else places");
    assert!(
        under_way.turn(|| 2).now_or_never().is_none(),
        "two can wait"
    );
    let beside = under_way
        .turn(|| 3)
        .now_or_never()
        .expect("three are worth it");
    let mut waits = Box::pin(under_way.turn(|| 1));
    assert!((&mut waits).now_or_never().is_none());
    drop(first);
    assert!(
        (&mut waits).now_or_never().is_none(),
        "one is still under way"
    );
    drop(beside);
    assert!(waits.now_or_never().is_some());
}

#[tokio::test]
async fn a_clerk_who_waits_is_told_when_enough_wait() {
    let under_way = UnderWay::new(3);
    let _first = under_way.turn(|| 1).await;
    let waiting = std::sync::atomic::AtomicUsize::new(2);
    let count = || waiting.load(std::sync::atomic::Ordering::SeqCst);
    let mut beside = Box::pin(under_way.turn(count));
    assert!((&mut beside).now_or_never().is_none());
    waiting.store(3, std::sync::atomic::Ordering::SeqCst);
    under_way.tell(3);
    let begun = tokio::time::timeout(std::time::Duration::from_secs(5), beside).await;
    assert!(begun.is_ok());
}
