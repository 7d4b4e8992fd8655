//! `StockRepository`, over PostgreSQL.

use std::time::Duration;

use domain::{
    catalog::ProductId,
    orders::placement::Scope,
    stock::{StockLevel, StockRepository},
};
use integration_tests::World;

#[tokio::test]
async fn stock_is_read_and_set() {
    let world = World::new().await;
    let stock: &dyn StockRepository = &world.stock;
    let product = world.product(5).await;
    let before = stock.find(product).await.unwrap().unwrap();
    assert_eq!(before.available.units(), 5);
    let set = stock
        .set(product, StockLevel::parse(7).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (set.id, set.product_id, set.available.units()),
        (before.id, product, 7)
    );
    assert_eq!(stock.find(product).await.unwrap(), Some(set));
}

#[tokio::test]
async fn a_product_that_does_not_exist_has_no_stock() {
    let world = World::new().await;
    let stock: &dyn StockRepository = &world.stock;
    let nothing = ProductId::new(World::id());
    assert_eq!(stock.find(nothing).await.unwrap(), None);
    assert_eq!(stock.set(nothing, StockLevel::EMPTY).await.unwrap(), None);
}

#[tokio::test]
async fn setting_stock_waits_for_a_placement_that_holds_it() {
    let world = World::new().await;
    let product = world.product(5).await;
    let scope = Scope {
        products: vec![product],
        customers: Vec::new(),
        accounts: Vec::new(),
        keys: Vec::new(),
    };
    let open = world.open(&scope).await;
    let stock = world.stock.clone();
    let mut set =
        tokio::spawn(async move { StockRepository::set(&stock, product, StockLevel::EMPTY).await });
    let early = tokio::time::timeout(Duration::from_millis(200), &mut set).await;
    assert!(early.is_err(), "it was set while a placement held it");
    open.unit.abandon().await.unwrap();
    let set = World::soon("setting stock", set)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(set.available, StockLevel::EMPTY);
}
