//! What an order costs: its items, at the prices of one moment, whatever is edited meanwhile.

use futures_util::future::{join, join_all};
use integration_tests::Client;
use serde_json::{Value, json};

use super::{Race, import, order_of};

fn cents(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// The unit prices of an order of two products, in the sequence of `products`; its total is right.
fn prices(order: &Value, products: &[String; 2]) -> [i64; 2] {
    let items = order["itens"].as_array().unwrap();
    let subtotals = items.iter().map(|item| cents(&item["subtotal"]));
    assert_eq!(subtotals.sum::<i64>(), cents(&order["total"]), "{order}");
    products.each_ref().map(|product| {
        let item = items
            .iter()
            .find(|item| item["product_id"] == **product)
            .unwrap();
        let (price, units) = (
            cents(&item["preco_unitario"]),
            item["quantidade"].as_i64().unwrap(),
        );
        assert_eq!(price * units, cents(&item["subtotal"]), "{order}");
        price
    })
}

async fn set_price(staff: &Client, product: &str, cents: i64) {
    let price = json!({"preco": format!("{}.{:02}", cents / 100, cents % 100)});
    let _ = staff
        .patch(&format!("/products/{product}"), "*", &price)
        .await
        .expect(200);
}

/// Orders two products, in the one sequence or the other, over and over, and returns the prices.
async fn prices_of_orders(buyer: &Client, products: &[String; 2], turns: usize) -> Vec<[i64; 2]> {
    let [first, second] = products;
    let mut charged = Vec::new();
    for turn in 0..turns {
        let mut lines = [(first, 2), (second, 3)];
        if turn % 2 == 1 {
            lines.reverse();
        }
        let placed = buyer.post("/orders", &order_of(&lines)).await.expect(201);
        charged.push(prices(&placed.body, products));
        // What is offered is as much of one moment.
        let quote = buyer
            .post("/orders?validate_only=true", &order_of(&lines))
            .await;
        charged.push(prices(&quote.expect(200).body, products));
    }
    charged
}

async fn two_products(race: &Race, price: &str) -> [String; 2] {
    [
        race.shop.product(price, 9_999).await,
        race.shop.product(price, 9_999).await,
    ]
}

#[tokio::test]
async fn an_order_is_charged_at_the_prices_of_one_moment() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let products = two_products(&race, "1.00").await;
    let buyers = race.each(&ana, 6);
    let charged = join_all(
        buyers
            .iter()
            .map(|buyer| prices_of_orders(buyer, &products, 8)),
    );
    let edits = async {
        // The first is always as dear as the second, or a cent dearer.
        for cents in 101..=120 {
            set_price(&race.at(&race.shop.staff, 0), &products[0], cents).await;
            set_price(&race.at(&race.shop.staff, 1), &products[1], cents).await;
        }
    };
    let (charged, ()) = join(charged, edits).await;
    for [first, second] in charged.concat() {
        assert!(
            (0..=1).contains(&(first - second)),
            "{first} and {second} cents"
        );
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn prices_that_are_imported_together_are_charged_together() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let products = two_products(&race, "1.00").await;
    for (product, sku) in products.iter().zip(["TEA", "CUP"]) {
        let path = format!("/products/{product}");
        let _ = race
            .shop
            .staff
            .patch(&path, "*", &json!({"sku": sku}))
            .await
            .expect(200);
    }
    let buyers = race.each(&ana, 6);
    let charged = join_all(
        buyers
            .iter()
            .map(|buyer| prices_of_orders(buyer, &products, 8)),
    );
    let imports = async {
        for cents in 1..=12 {
            let rows = format!("sku,nome,preco\nTEA,Tea,1.{cents:02}\nCUP,Cup,1.{cents:02}\n");
            let staff = race.at(&race.shop.staff, cents);
            let path = ["/products/import", "/products/import?atomic=true"][cents / 2 % 2];
            let told = import(&staff, path, None, &rows).await.expect(200);
            assert_eq!(told.body["updated"], 2, "{}", told.body);
        }
    };
    let (charged, ()) = join(charged, imports).await;
    for [first, second] in charged.concat() {
        assert_eq!(first, second);
    }
    race.everything_holds().await;
}
