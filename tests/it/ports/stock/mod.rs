//! `StockRepository`, over PostgreSQL.

mod books;
mod ledger;

use std::{sync::Arc, time::Duration};

use domain::{
    catalog::ProductId,
    orders::placement::Scope,
    stock::{
        Count, MovementReason, NewMovement, StockDelta, StockError, StockLevel, StockRepository,
    },
    values::{Expected, Freshness, Limit, PageRequest, Position},
};
use futures_util::future::join_all;
use integration_tests::World;

fn level(units: i64) -> StockLevel {
    StockLevel::parse(units).unwrap()
}

fn counted(units: i64) -> Count {
    Count {
        available: level(units),
        seen: Expected::Any,
        expected: None,
    }
}

fn movement(delta: i64, reason: MovementReason) -> NewMovement {
    NewMovement {
        delta: StockDelta::parse(delta).unwrap(),
        reason,
        note: None,
    }
}

fn page(limit: i64, after: Option<Position>) -> PageRequest {
    PageRequest {
        limit: Limit::parse(limit).unwrap(),
        after,
        freshness: Freshness::Latest,
    }
}

#[tokio::test]
async fn stock_is_read_and_counted() {
    let world = World::new().await;
    let (stock, service) = (&world.stock, world.stock_service());
    let product = world.product(5).await;
    let before = stock.find(product).await.unwrap().unwrap();
    assert_eq!(before.available, level(5));
    let set = service.count(&World::staff(), product, counted(7)).await;
    let set = set.unwrap();
    assert_eq!(
        (set.id, set.product_id, set.available),
        (before.id, product, level(7))
    );
    assert_eq!(stock.find(product).await.unwrap(), Some(set));
}

#[tokio::test]
async fn a_product_that_does_not_exist_has_no_stock() {
    let world = World::new().await;
    let stock: &dyn StockRepository = &world.stock;
    let nothing = ProductId::new(World::id());
    assert_eq!(stock.find(nothing).await.unwrap(), None);
    assert!(stock.open(nothing).await.unwrap().is_none());
    let ledger = stock.ledger(nothing, &page(20, None)).await.unwrap();
    assert!(ledger.items.is_empty());
    world.no_transaction_is_left_open().await;
}

#[tokio::test]
async fn changing_stock_waits_for_a_placement_that_holds_it() {
    let world = World::new().await;
    let product = world.product(5).await;
    let scope = Scope {
        products: vec![product],
        customers: Vec::new(),
        accounts: Vec::new(),
        keys: Vec::new(),
    };
    let open = world.open(&scope).await;
    let service = world.stock_service();
    let mut set =
        tokio::spawn(async move { service.count(&World::staff(), product, counted(0)).await });
    let early = tokio::time::timeout(Duration::from_millis(200), &mut set).await;
    assert!(early.is_err(), "it was set while a placement held it");
    open.unit.abandon().await.unwrap();
    let set = World::soon("setting stock", set).await.unwrap().unwrap();
    assert_eq!(set.available, StockLevel::EMPTY);
}

#[tokio::test]
async fn thirty_two_movements_at_once_take_what_there_is_and_no_more() {
    let world = World::ready_to_race().await;
    let product = world.product(20).await;
    let service = Arc::new(world.stock_service());
    let movements = (0..32).map(|_| {
        let service = Arc::clone(&service);
        let loss = movement(-1, MovementReason::Loss);
        tokio::spawn(async move { service.record(&World::staff(), product, loss, None).await })
    });
    let mut balances = Vec::new();
    let mut refused = 0;
    for moved in join_all(movements).await {
        match moved.unwrap() {
            Ok(moved) => balances.push(moved.entity.balance),
            Err(StockError::Insufficient { available, .. }) => {
                assert_eq!(available, StockLevel::EMPTY);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    balances.sort_unstable();
    assert_eq!(balances, (0..20).collect::<Vec<_>>());
    assert_eq!((refused, world.available(product).await), (12, 0));
    assert_eq!(world.books().await.discrepancies(), []);
}

#[tokio::test]
async fn of_two_who_count_the_same_stock_at_once_one_is_told_that_it_has_changed() {
    let world = World::ready_to_race().await;
    let product = world.product(5).await;
    let service = Arc::new(world.stock_service());
    let counts = [7, 8].map(|units| {
        let service = Arc::clone(&service);
        let count = Count {
            expected: Some(level(5)),
            ..counted(units)
        };
        tokio::spawn(async move { service.count(&World::staff(), product, count).await })
    });
    let mut set = Vec::new();
    let mut seen = Vec::new();
    for count in join_all(counts).await {
        match count.unwrap() {
            Ok(stock) => set.push(stock.available),
            Err(StockError::Unexpected(found)) => seen.push(found),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((set.len(), &set), (1, &seen));
    assert_eq!(level(world.available(product).await), set[0]);
}

#[tokio::test]
async fn stock_is_listed_the_lowest_first_without_what_is_retired() {
    let world = World::new().await;
    let mut products = Vec::new();
    for units in [7, 0, 3, 3, 12] {
        products.push(world.product(units).await);
    }
    let retired = world.product(1).await;
    let client = world.test.client().await;
    let retire = "update products set retired_at = now() where id = $1";
    client.execute(retire, &[&retired.as_uuid()]).await.unwrap();

    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let found = world.stock.levels(level(12), &page(2, after)).await;
        let found = found.unwrap();
        listed.extend(found.items);
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    let levels: Vec<_> = listed.iter().map(|one| one.available.units()).collect();
    assert_eq!(levels, [0, 3, 3, 7]);
    let ids: Vec<_> = listed.iter().map(|one| one.product_id).collect();
    let expected = [1, 2, 3, 0].map(|n: usize| products[n]);
    assert_eq!(ids, expected);
}
