//! `DELETE /products/{id}`: a product is retired.

use integration_tests::{Answer, Caches, Shop, ids};
use serde_json::json;

#[tokio::test]
async fn what_is_retired_is_sold_shown_and_found_no_more_but_by_the_shop() {
    let shop = Shop::with(Caches::redis()).await;
    let body = json!({
        "nome": "Café Cerrado", "preco": "38.90", "sku": "CAFE-250", "quantidade_disponivel": 9,
    });
    let made = shop.staff.post("/products", &body).await.expect(201);
    let (path, product) = (made.header("location").unwrap(), made.id());
    let stays = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let order = ana.order(&product, 2).await.expect(201);
    let _ = shop.staff.delete(path).await.expect(204);

    for list in ["/products", "/products?q=cafe", "/products?sort=nome"] {
        for reader in [&shop.anonymous(), &ana, &shop.staff] {
            assert_eq!(ids(&reader.walk(list).await), [&stays], "{list}");
        }
    }
    let of_words = shop.anonymous().walk("/products?q=cerrado").await;
    assert!(of_words.is_empty());
    for reader in [&shop.anonymous(), &ana] {
        let _ = reader.get(path).await.expect_problem(404, "not_found");
    }
    for query in ["", "?validate_only=true"] {
        let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
        let refused = ana.post(&format!("/orders{query}"), &body).await;
        let refused = refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.body["errors"][0]["code"], "unknown_product");
        assert_eq!(refused.body["errors"][0]["product_id"], *product);
    }
    // Still there for the shop, and on the order.
    let kept = shop.staff.get(path).await.expect(200);
    assert!(kept.body["retired_at"].is_string());
    assert_eq!(kept.body["version"], 2);
    assert_eq!(kept.body["quantidade_disponivel"], 7);
    let seen = ana.get(order.header("location").unwrap()).await.expect(200);
    assert_eq!(seen.body, order.body);
    let of_product = ana.walk(&format!("/orders?product_id={product}")).await;
    assert_eq!(ids(&of_product), [order.id()]);
}

#[tokio::test]
async fn what_is_retired_is_no_best_seller() {
    let shop = Shop::open().await;
    let (stays, goes) = (shop.product("1.00", 9).await, shop.product("2.00", 9).await);
    let (ana, _) = shop.customer().await;
    let _ = ana.order(&goes, 3).await.expect(201);
    let _ = ana.order(&stays, 1).await.expect(201);
    let best = async || {
        // A fresh server: lists of best sellers may be a minute old.
        let fresh = shop.replica();
        let list = fresh.anonymous().get("/products/best-sellers").await;
        let list = list.expect(200);
        let items = list.items().iter();
        items
            .map(|item| item["product_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(best().await, [goes.clone(), stays.clone()]);
    let _ = shop
        .staff
        .delete(&format!("/products/{goes}"))
        .await
        .expect(204);
    assert_eq!(best().await, [stays]);
}

#[tokio::test]
async fn retiring_again_changes_nothing_and_succeeds() {
    let shop = Shop::open().await;
    let path = format!("/products/{}", shop.product("1.00", 9).await);
    let _ = shop.staff.delete(&path).await.expect(204);
    let first = shop.staff.get(&path).await.expect(200);
    let _ = shop.staff.delete(&path).await.expect(204);
    let second = shop.staff.get(&path).await.expect(200);
    assert_eq!((first.tag(), first.body), (second.tag(), second.body));
    let nothing = "/products/0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let nothing = shop.staff.delete(nothing).await;
    let _ = nothing.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_product_is_retired_by_the_shop_and_as_it_was_seen() {
    let shop = Shop::open().await;
    let path = format!("/products/{}", shop.product("1.00", 9).await);
    let (ana, _) = shop.customer().await;
    let _ = ana.delete(&path).await.expect_problem(403, "forbidden");
    let anonymous = shop.anonymous().delete(&path).await;
    let _ = anonymous.expect_problem(401, "token_missing");
    let seen = shop.staff.get(&path).await.expect(200).tag();
    let change = json!({"nome": "Chá"});
    let edited = shop.staff.patch(&path, &seen, &change).await.expect(200);
    let retire = async |tag: &str| {
        let request = shop.staff.request("DELETE", &path);
        Answer::to(request.header("if-match", tag)).await
    };
    let _ = retire(&seen).await.expect_problem(412, "stale");
    let _ = shop.anonymous().get(&path).await.expect(200);
    let _ = retire(&edited.tag()).await.expect(204);
    let _ = shop.anonymous().get(&path).await.expect(404);
}

#[tokio::test]
async fn units_of_a_retired_product_come_back_when_its_order_is_cancelled() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let path = format!("/products/{product}");
    let (ana, _) = shop.customer().await;
    let order = ana.order(&product, 4).await.expect(201);
    let _ = shop.staff.delete(&path).await.expect(204);
    let cancel = json!({"status": "cancelled"});
    let _ = ana
        .put(order.header("location").unwrap(), &cancel)
        .await
        .expect(200);
    let kept = shop.staff.get(&path).await.expect(200);
    assert_eq!(kept.body["quantidade_disponivel"], 9);
}

#[tokio::test]
async fn orders_that_meet_the_end_of_their_product_are_placed_whole_or_refused() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 99).await;
    let path = format!("/products/{product}");
    let (ana, _) = shop.customer().await;
    let orders = futures_util::future::join_all((0..48).map(|_| ana.order(&product, 1)));
    let (orders, retired) = futures_util::future::join(orders, shop.staff.delete(&path)).await;
    let _ = retired.expect(204);
    let mut placed = 0;
    for order in orders {
        if order.status == 201 {
            placed += 1;
        } else {
            let refused = order.expect_problem(422, "validation_failed");
            assert_eq!(refused.body["errors"][0]["code"], "unknown_product");
        }
    }
    let kept = shop.staff.get(&path).await.expect(200);
    assert_eq!(kept.body["quantidade_disponivel"], 99 - placed);
    let late = ana.order(&product, 1).await;
    let _ = late.expect_problem(422, "validation_failed");
}
