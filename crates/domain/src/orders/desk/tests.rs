//! The desk against a mocked store.

mod lanes;

use std::sync::Mutex;

use futures_util::{FutureExt, future::join_all};

use super::*;
use crate::{
    fixtures::{
        clock, customer_id, ids, keyed, new_order, product_id, request, state, storage_is_down,
    },
    orders::{LockWait, MockPlacementStore, placement::Plan},
    unit_of_work::{CommitError, MockUnitOfWork, Opened},
};

/// A desk with one worker, which does not run yet.
fn desk(store: MockPlacementStore, max_batch: usize, max_queued: usize) -> (Desk, Vec<DeskTask>) {
    let settings = DeskSettings {
        workers: 1,
        max_batch,
        min_parallel_batch: 1,
        max_queued,
        max_lanes: 2,
        patience: time::Duration::milliseconds(1_500),
    };
    Desk::open(Arc::new(store), clock(), ids(), None, settings)
}

/// Runs the workers.
fn run(tasks: Vec<DeskTask>) -> Vec<tokio::task::JoinHandle<()>> {
    tasks.into_iter().map(tokio::spawn).collect()
}

/// The answers to requests that are all queued before the worker starts.
async fn answers(
    store: MockPlacementStore,
    requests: Vec<Request>,
) -> Vec<Result<Outcome, DeskError>> {
    let (desk, tasks) = desk(store, 100, 100);
    let mut placing: Vec<_> = requests
        .into_iter()
        .map(|r| Box::pin(desk.place(r)))
        .collect();
    for placing in &mut placing {
        assert!(placing.now_or_never().is_none(), "nobody serves yet");
    }
    run(tasks);
    join_all(placing).await
}

/// A store that hands out these units one after the other, over three units of product 1.
fn store_of(units: Vec<MockUnitOfWork<Plan>>) -> MockPlacementStore {
    let mut store = MockPlacementStore::new();
    let count = units.len();
    let units = Mutex::new(units.into_iter());
    store.expect_open().times(count).returning(move |_, _| {
        Ok(Opened {
            state: state(&[(1, 3)], &[1]),
            unit: Box::new(units.lock().unwrap().next().unwrap()),
        })
    });
    store
}

type Commit = fn() -> Result<(), CommitError>;

fn committing(outcome: Commit) -> MockUnitOfWork<Plan> {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .times(1)
        .return_once(move |_| outcome());
    unit
}

fn abandoned() -> MockUnitOfWork<Plan> {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit().never();
    unit.expect_abandon().times(1).returning(|| Ok(()));
    unit
}

fn rejected() -> Result<(), CommitError> {
    Err(CommitError::Outdated(StorageError::internal(
        "the customer went away",
    )))
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
async fn queued_orders_are_placed_in_one_batch_and_each_gets_its_own_answer() {
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
    let (desk, tasks) = desk(store, 2, 10);
    let mut placing: Vec<_> = (0..3)
        .map(|_| Box::pin(desk.place(request(1, &[(1, 1)]))))
        .collect();
    for placing in &mut placing {
        assert!(placing.now_or_never().is_none());
    }
    run(tasks);
    assert!(join_all(placing).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn locks_are_asked_for_once_a_product_and_in_id_order() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .withf(|scope, _| {
            scope.products == [1, 2, 3].map(product_id)
                && scope.customers == [1, 2].map(customer_id)
        })
        .times(1)
        .returning(|_, _| Err(storage_is_down()));
    let batch = vec![
        request(2, &[(3, 1), (1, 1)]),
        request(1, &[(2, 1), (3, 1)]),
        request(2, &[(1, 1)]),
    ];
    assert!(answers(store, batch).await.iter().all(Result::is_err));
}

fn is_unavailable(answer: &Result<Outcome, DeskError>) -> bool {
    matches!(
        answer,
        Err(DeskError::Storage(StorageError::Unavailable(_)))
    )
}

#[tokio::test]
async fn a_failure_to_open_places_nothing_and_fails_every_request() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .times(1)
        .returning(|_, _| Err(storage_is_down()));
    let batch = vec![request(1, &[(1, 1)]), request(1, &[(1, 1)])];
    assert!(answers(store, batch).await.iter().all(is_unavailable));
}

#[tokio::test]
async fn a_commit_that_may_have_happened_is_returned_and_not_retried() {
    let store = store_of(vec![committing(|| Err(storage_is_down().into()))]);
    let batch = vec![request(1, &[(1, 1)]), request(1, &[(1, 1)])];
    assert!(answers(store, batch).await.iter().all(is_unavailable));
}

#[tokio::test]
async fn a_batch_that_storage_rejects_is_halved_until_only_the_poisoned_fails() {
    let poison: Commit = || Err(StorageError::internal("it does not fit").into());
    let rejects: Commit = rejected;
    for first in [rejects, poison] {
        // All three; the first; the other two; the second; the third.
        let store = store_of(vec![
            committing(first),
            committing(|| Ok(())),
            committing(first),
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
async fn an_order_that_is_rejected_whenever_it_is_decided_fails_for_that_reason() {
    let store = store_of((0..3).map(|_| committing(rejected)).collect());
    let answers = answers(store, vec![request(1, &[(1, 1)])]).await;
    assert!(matches!(
        answers[..],
        [Err(DeskError::Storage(StorageError::Internal(_)))]
    ));
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_orders_again_when_it_has_drained() {
    let store = store_of(vec![committing(|| Ok(())), committing(|| Ok(()))]);
    let (desk, tasks) = desk(store, 10, 1);
    let mut waiting = Box::pin(desk.place(request(1, &[(1, 1)])));
    assert!((&mut waiting).now_or_never().is_none());
    let turned_away = desk.place(request(1, &[(1, 1)])).now_or_never();
    assert!(
        matches!(turned_away, Some(Err(DeskError::Full))),
        "and at once"
    );
    run(tasks);
    assert!(waiting.await.is_ok());
    assert!(desk.place(request(1, &[(1, 1)])).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_queued_is_left_out_and_the_others_are_placed() {
    let mut store = MockPlacementStore::new();
    store
        .expect_open()
        .withf(|scope, _| scope.customers == [customer_id(1)])
        .times(1)
        .returning(|_, _| {
            Ok(Opened {
                state: state(&[(1, 3)], &[1]),
                unit: Box::new(committing(|| Ok(()))),
            })
        });
    let (desk, tasks) = desk(store, 10, 10);
    let mut gone = Box::pin(desk.place(request(2, &[(1, 3)])));
    let mut stays = Box::pin(desk.place(request(1, &[(1, 3)])));
    assert!((&mut gone).now_or_never().is_none());
    assert!((&mut stays).now_or_never().is_none());
    drop(gone);
    run(tasks);
    assert!(stays.await.is_ok());
}

#[tokio::test]
async fn a_panic_costs_one_batch_its_answers_and_no_more() {
    let store = store_of(vec![
        committing(|| panic!("a bug, made by this test")),
        committing(|| Ok(())),
    ]);
    let (desk, tasks) = desk(store, 10, 10);
    run(tasks);
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
    let (desk, tasks) = desk(store, 10, 10);
    let mut taken = Box::pin(desk.place(request(1, &[(1, 1)])));
    assert!((&mut taken).now_or_never().is_none());
    desk.close();
    let late = desk.place(request(1, &[(1, 1)])).await;
    assert!(matches!(late, Err(DeskError::Full)));
    let running = run(tasks);
    assert!(taken.await.is_ok());
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_quote_says_what_would_happen_and_commits_nothing() {
    let mut store = MockPlacementStore::new();
    store.expect_open().never();
    store
        .expect_peek()
        .times(2)
        .returning(|_| Ok(state(&[(1, 3)], &[1])));
    let (desk, tasks) = desk(store, 10, 10);
    run(tasks);
    let quote = desk.quote(request(1, &[(1, 3)])).await.unwrap();
    assert_eq!(quote.items.len(), 1);
    let refused = desk.quote(request(1, &[(1, 4)])).await;
    assert!(matches!(
        refused,
        Err(DeskError::Refused(Refusal::InsufficientStock { .. }))
    ));
}

#[tokio::test]
async fn quotes_that_wait_are_read_together_and_each_is_decided_as_if_it_were_alone() {
    let mut store = MockPlacementStore::new();
    store
        .expect_peek()
        .withf(|scope| scope.products == [1, 2].map(product_id))
        .times(1)
        .returning(|_| Ok(state(&[(1, 3), (2, 3)], &[1])));
    let (desk, tasks) = desk(store, 10, 10);
    let mut quotes: Vec<_> = [&[(1, 3)][..], &[(1, 3), (2, 1)]]
        .map(|lines| Box::pin(desk.quote(request(1, lines))))
        .into();
    for quote in &mut quotes {
        assert!(quote.now_or_never().is_none(), "nobody serves yet");
    }
    run(tasks);
    assert!(join_all(quotes).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn too_many_quotes_are_refused() {
    let (desk, _tasks) = desk(MockPlacementStore::new(), 10, 10);
    let mut waiting: Vec<_> = (0..quotes::QUEUE.max_queued)
        .map(|_| Box::pin(desk.quote(request(1, &[(1, 1)]))))
        .collect();
    for quote in &mut waiting {
        assert!(quote.now_or_never().is_none());
    }
    let turned_away = desk.quote(request(1, &[(1, 1)])).await;
    assert!(matches!(turned_away, Err(DeskError::Full)));
}

#[tokio::test]
async fn a_deleted_account_is_refused_alone_and_costs_the_others_no_second_try() {
    let mut store = MockPlacementStore::new();
    store.expect_open().times(1).returning(|scope, _| {
        assert_eq!(scope.accounts.len(), 2);
        Ok(Opened {
            state: state(&[(1, 3)], &[1]),
            unit: Box::new(committing(|| Ok(()))),
        })
    });
    let gone = crate::fixtures::actor(9);
    let batch = vec![
        Request::new(gone, new_order(1, &[(1, 1)])),
        keyed("key", new_order(1, &[(1, 1)])),
    ];
    let answers = answers(store, batch).await;
    assert!(matches!(
        answers[..],
        [
            Err(DeskError::Refused(Refusal::UnknownAccount)),
            Ok(Outcome::Placed(_)),
        ]
    ));
}
