//! `ProductRepository`, over PostgreSQL.

use domain::{
    catalog::{Product, ProductId, ProductRepository, StockedProduct},
    values::{Description, Name, Price, Version},
};
use integration_tests::World;

fn product(price: &str, description: Option<&str>) -> Product {
    Product {
        id: ProductId::new(World::id()),
        name: Name::parse("Café Cerrado Mineiro").unwrap(),
        description: description.map(|text| Description::parse(text).unwrap()),
        price: Price::parse(price).unwrap(),
        sku: None,
        created_at: World::now(),
        retired_at: None,
        version: Version::FIRST,
    }
}

#[tokio::test]
async fn a_product_is_found_as_it_was_kept_with_its_stock() {
    let world = World::new().await;
    let products: &dyn ProductRepository = &world.catalog;
    for (price, description) in [
        ("0.00", None),
        ("19.90", Some("Torra média.\nEm grãos.")),
        ("9999999999.99", Some("")),
    ] {
        let kept = product(price, description);
        let stock = world.new_stock(kept.id, 1_000_000_000);
        products
            .insert(&kept, &stock, None, &world.shop)
            .await
            .unwrap();
        let expected = StockedProduct {
            available: stock.stock.available,
            product: kept.clone(),
        };
        assert_eq!(products.find(kept.id).await.unwrap(), Some(expected));
    }
    let nothing = ProductId::new(World::id());
    assert_eq!(products.find(nothing).await.unwrap(), None);
}

#[tokio::test]
async fn a_product_whose_stock_is_refused_is_not_kept() {
    let world = World::new().await;
    let products: &dyn ProductRepository = &world.catalog;
    let (first, second) = (product("1.00", None), product("2.00", None));
    products
        .insert(&first, &world.new_stock(first.id, 1), None, &world.shop)
        .await
        .unwrap();
    // The stock row of the first once more: the second product must not stay without any.
    assert!(
        products
            .insert(&second, &world.new_stock(first.id, 1), None, &world.shop)
            .await
            .is_err()
    );
    assert_eq!(world.count("select count(*) from products").await, 1);
}
