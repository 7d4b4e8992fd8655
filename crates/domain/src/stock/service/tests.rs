//! Stock against mocked ports.

use super::*;
use crate::{
    fixtures::{caller, clock, ids, now, own_caller, product_id, storage_is_down},
    idempotency::Creation,
    identity::Principal,
    stock::{LedgerReason, MockStockRepository, MovementReason, StockDelta, StockId},
    unit_of_work::MockUnitOfWork,
    values::{Freshness, Limit},
};
use uuid::Uuid;

fn service(stock: MockStockRepository) -> StockService {
    StockService::new(Arc::new(stock), clock(), ids())
}

fn level(units: i64) -> StockLevel {
    StockLevel::parse(units).unwrap()
}

fn stock(units: i64) -> Stock {
    Stock {
        id: StockId::new(Uuid::from_u128(1)),
        product_id: product_id(1),
        available: level(units),
    }
}

/// Storage in which there are so many units.
fn holding(units: i64, unit: MockUnitOfWork<StockChange>) -> StockService {
    let mut repository = MockStockRepository::new();
    repository.expect_open().times(1).return_once(move |_| {
        Ok(Some(Opened {
            state: stock(units),
            unit: Box::new(unit),
        }))
    });
    service(repository)
}

fn abandoned() -> MockUnitOfWork<StockChange> {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit().never();
    unit.expect_abandon().times(1).returning(|| Ok(()));
    unit
}

/// A unit in which this change is committed.
fn committed(units: i64, delta: i64, reason: LedgerReason) -> MockUnitOfWork<StockChange> {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .withf(move |change: &StockChange| {
            let movement = &change.movement;
            let told = (movement.delta, movement.reason, movement.at);
            change.stock == stock(units) && told == (delta, reason, now())
        })
        .times(1)
        .returning(|_| Ok(()));
    unit
}

fn counted(units: i64) -> Count {
    Count {
        available: level(units),
        seen: Expected::Any,
        expected: None,
    }
}

fn loss(units: i64) -> NewMovement {
    NewMovement {
        delta: StockDelta::parse(-units).unwrap(),
        reason: MovementReason::Loss,
        note: None,
    }
}

fn first_page() -> PageRequest {
    PageRequest {
        limit: Limit::TWENTY,
        after: None,
        freshness: Freshness::Latest,
    }
}

#[tokio::test]
async fn a_customer_neither_sees_nor_changes_stock() {
    let service = service(MockStockRepository::new());
    let (customer, id) = (own_caller(1), product_id(1));
    let refused = [
        service.get(&customer, id).await.err(),
        service.count(&customer, id, counted(1)).await.err(),
        service.record(&customer, id, loss(1), None).await.err(),
        service.ledger(&customer, id, &first_page()).await.err(),
        service
            .levels(&customer, level(1), &first_page())
            .await
            .err(),
        service.books(&customer).err().map(StockError::Forbidden),
    ];
    for refused in refused {
        assert!(matches!(refused, Some(StockError::Forbidden(_))));
    }
}

#[tokio::test]
async fn the_stock_of_no_product_is_not_found() {
    let mut repository = MockStockRepository::new();
    repository.expect_find().returning(|_| Ok(None));
    repository.expect_open().returning(|_| Ok(None));
    let nothing = |_, _: &_| Ok(Page::empty());
    repository.expect_ledger().returning(nothing);
    let service = service(repository);
    let (staff, id) = (caller(Principal::Staff), product_id(1));
    let not_found = [
        service.get(&staff, id).await.err(),
        service.count(&staff, id, counted(1)).await.err(),
        service.record(&staff, id, loss(1), None).await.err(),
        service.ledger(&staff, id, &first_page()).await.err(),
    ];
    for not_found in not_found {
        assert!(matches!(not_found, Some(StockError::NotFound)));
    }
}

#[tokio::test]
async fn what_was_counted_is_set_and_stands_in_the_ledger_as_the_difference() {
    let service = holding(5, committed(7, 2, LedgerReason::Count));
    let staff = caller(Principal::Staff);
    let set = service.count(&staff, product_id(1), counted(7)).await;
    assert_eq!(set.unwrap(), stock(7));
}

#[tokio::test]
async fn a_count_of_what_is_there_writes_nothing() {
    let service = holding(5, abandoned());
    let staff = caller(Principal::Staff);
    let set = service.count(&staff, product_id(1), counted(5)).await;
    assert_eq!(set.unwrap(), stock(5));
}

#[tokio::test]
async fn a_count_after_another_level_than_the_caller_has_seen_writes_nothing() {
    let staff = caller(Principal::Staff);
    let seen = Count {
        seen: Expected::OneOf(vec![level(4)]),
        ..counted(7)
    };
    let service = holding(5, abandoned());
    let stale = service.count(&staff, product_id(1), seen).await;
    assert!(matches!(stale, Err(StockError::Stale)));
    let expected = Count {
        expected: Some(level(4)),
        ..counted(7)
    };
    let service = holding(5, abandoned());
    let unexpected = service.count(&staff, product_id(1), expected).await;
    let told = matches!(unexpected, Err(StockError::Unexpected(found)) if found == level(5));
    assert!(told);
}

#[tokio::test]
async fn a_movement_is_told_with_the_balance_after_it() {
    let service = holding(5, committed(2, -3, LedgerReason::Loss));
    let staff = caller(Principal::Staff);
    let entry = service
        .record(&staff, product_id(1), loss(3), None)
        .await
        .unwrap()
        .entity;
    assert_eq!((entry.delta, entry.balance), (-3, 2));
    assert_eq!(entry.account_id, Some(staff.account_id));
}

#[tokio::test]
async fn a_movement_of_more_than_there_is_writes_nothing_and_tells_what_there_is() {
    let service = holding(5, abandoned());
    let staff = caller(Principal::Staff);
    let refused = service.record(&staff, product_id(1), loss(6), None).await;
    let Err(StockError::Insufficient {
        requested,
        available,
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((requested, available), (6, level(5)));
}

fn key() -> IdempotencyKey {
    IdempotencyKey::parse("delivery-7").unwrap()
}

/// What the loss of so many units, at product 1, was recorded as under a key.
fn recorded(units: i64) -> Creation {
    Creation {
        fingerprint: loss(units).fingerprint(product_id(1)),
        id: Uuid::from_u128(9),
        created_at: now(),
    }
}

fn entry() -> LedgerEntry {
    LedgerEntry {
        id: Uuid::from_u128(9),
        at: now(),
        delta: -3,
        balance: 2,
        reason: LedgerReason::Loss,
        order_id: None,
        role: None,
        account_id: None,
        note: None,
    }
}

#[tokio::test]
async fn a_repeat_under_a_key_gets_the_first_answer_and_moves_nothing() {
    let mut repository = MockStockRepository::new();
    repository
        .expect_recorded_under()
        .returning(|_| Ok(Some(recorded(3))));
    repository
        .expect_entry()
        .returning(|_, _| Ok(Some(entry())));
    repository.expect_open().never();
    let service = service(repository);
    let staff = caller(Principal::Staff);
    let repeat = service
        .record(&staff, product_id(1), loss(3), Some(key()))
        .await;
    let expected = Created {
        entity: entry(),
        is_replay: true,
    };
    assert_eq!(repeat.unwrap(), expected);
    let reused = service
        .record(&staff, product_id(1), loss(4), Some(key()))
        .await;
    assert!(matches!(reused, Err(StockError::KeyReused(_))));
    let elsewhere = service
        .record(&staff, product_id(2), loss(3), Some(key()))
        .await;
    assert!(matches!(elsewhere, Err(StockError::KeyReused(_))));
}

#[tokio::test]
async fn of_two_under_one_key_at_once_the_slower_gets_the_answer_of_the_faster() {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit()
        .times(1)
        .returning(|_: &StockChange| Err(CommitError::Taken(storage_is_down())));
    let mut repository = MockStockRepository::new();
    let mut earlier = [Some(recorded(3)), None];
    repository
        .expect_recorded_under()
        .times(2)
        .returning(move |_| {
            earlier.swap(0, 1);
            Ok(earlier[0])
        });
    repository
        .expect_entry()
        .returning(|_, _| Ok(Some(entry())));
    repository.expect_open().return_once(move |_| {
        Ok(Some(Opened {
            state: stock(5),
            unit: Box::new(unit),
        }))
    });
    let staff = caller(Principal::Staff);
    let slower = service(repository);
    let slower = slower
        .record(&staff, product_id(1), loss(3), Some(key()))
        .await;
    assert!(slower.unwrap().is_replay);
}
