//! The ledger of a product: every change of its stock, the newest first.

use domain::{
    identity::Caller,
    orders::OrderStatus,
    stock::{LedgerEntry, LedgerReason, MovementReason, StockRepository},
    values::Expected,
};
use integration_tests::World;

use super::{counted, movement, page};

/// The whole ledger, read in pages of this length.
async fn walk(world: &World, product: domain::catalog::ProductId, limit: i64) -> Vec<LedgerEntry> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let found = world.stock.ledger(product, &page(limit, after)).await;
        let found = found.unwrap();
        entries.extend(found.items);
        after = found.next;
        if after.is_none() {
            return entries;
        }
    }
}

/// Does something of every kind to a product, and returns who did it.
async fn live(world: &World, product: domain::catalog::ProductId) -> Caller {
    let (staff, customer) = (World::staff(), world.customer().await);
    let (stock, orders) = (world.stock_service(), world.order_service());
    let receipt = movement(5, MovementReason::Receipt);
    stock.record(&staff, product, receipt, None).await.unwrap();
    let sold = world.place(&customer, &[(product, 4)]).await.unwrap();
    stock.count(&staff, product, counted(10)).await.unwrap();
    let cancelled = OrderStatus::Cancelled.into();
    let any = Expected::Any;
    orders
        .transition(&staff, sold.id, cancelled, &any)
        .await
        .unwrap();
    world.place(&customer, &[(product, 1)]).await.unwrap();
    let loss = movement(-2, MovementReason::Loss);
    stock.record(&staff, product, loss, None).await.unwrap();
    staff
}

#[tokio::test]
async fn a_ledger_has_every_change_the_newest_first_with_the_balance_after_it() {
    let world = World::new().await;
    let (product, other) = (world.product(20).await, world.product(3).await);
    let staff = live(&world, product).await;
    let entries = walk(&world, product, 100).await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.reason, entry.delta, entry.balance))
        .collect();
    assert_eq!(
        told,
        [
            (LedgerReason::Loss, -2, 11),
            (LedgerReason::Sale, -1, 13),
            (LedgerReason::Cancellation, 4, 14),
            (LedgerReason::Count, -11, 10),
            (LedgerReason::Sale, -4, 21),
            (LedgerReason::Receipt, 5, 25),
            (LedgerReason::Opening, 20, 20),
        ]
    );
    assert_eq!(world.available(product).await, 11);
    for entry in &entries {
        let is_of_an_order = matches!(
            entry.reason,
            LedgerReason::Sale | LedgerReason::Cancellation
        );
        assert_eq!(entry.order_id.is_some(), is_of_an_order, "{entry:?}");
        let by = match entry.reason {
            LedgerReason::Sale | LedgerReason::Opening => world.shop.account_id,
            _ => staff.account_id,
        };
        assert_eq!(entry.account_id, Some(by), "{entry:?}");
        assert_eq!(entry.role, Some(world.shop.role));
    }
    assert!(entries.is_sorted_by(|newer, older| newer.at > older.at));
    // A sale and its cancellation are the same item.
    assert_eq!(entries[2].id, entries[4].id);
    assert_eq!(walk(&world, other, 100).await.len(), 1);
}

#[tokio::test]
async fn a_walk_tells_what_one_page_tells_whatever_happens_meanwhile() {
    let world = World::new().await;
    let product = world.product(20).await;
    let staff = live(&world, product).await;
    let whole = walk(&world, product, 100).await;
    for limit in 1..8 {
        assert_eq!(walk(&world, product, limit).await, whole, "by {limit}");
    }
    let stock: &dyn StockRepository = &world.stock;
    let first = stock.ledger(product, &page(3, None)).await.unwrap();
    let receipt = movement(9, MovementReason::Receipt);
    let service = world.stock_service();
    service
        .record(&staff, product, receipt, None)
        .await
        .unwrap();
    let rest = stock.ledger(product, &page(100, first.next)).await.unwrap();
    assert_eq!([first.items, rest.items].concat(), whole);
}
