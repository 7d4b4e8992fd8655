//! `OrderRepository`, over PostgreSQL.

use domain::orders::{OrderId, OrderRepository};
use integration_tests::World;

#[tokio::test]
async fn an_order_is_found_whole_and_with_its_items_as_they_were_asked_for() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(9).await, world.product(9).await);
    let orders: &dyn OrderRepository = &world.orders;
    let placed = world
        .place(&customer, &[(second, 2), (first, 3), (second, 1)])
        .await
        .unwrap();
    let asked: Vec<_> = placed
        .items
        .iter()
        .map(|item| (item.product_id, item.quantity.units()))
        .collect();
    assert_eq!(asked, [(second, 3), (first, 3)]);
    assert_eq!(orders.find(placed.id).await.unwrap(), Some(placed));
    assert_eq!(orders.find(OrderId::new(World::id())).await.unwrap(), None);
}
