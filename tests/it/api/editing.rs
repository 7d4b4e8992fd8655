//! `PATCH` on customers and products, and the preconditions of every change.

use integration_tests::{Answer, Caches, Client, PASSWORD, Shop};
use serde_json::{Value, json};

/// Adds a product with everything that one can have, and returns its path.
async fn full_product(shop: &Shop) -> String {
    let body = json!({
        "nome": "Café Cerrado", "descricao": "Em grãos.", "preco": "38.90", "sku": "CAFE-250",
        "quantidade_disponivel": 9,
    });
    let made = shop.staff.post("/products", &body).await.expect(201);
    made.header("location").unwrap().to_owned()
}

/// A customer with an account, as a client, and their path.
async fn signed_up(shop: &Shop, email: &str) -> (Client, String) {
    let body = json!({"nome": "Ana Souza", "email": email, "password": PASSWORD});
    let made = shop.anonymous().post("/customers", &body).await.expect(201);
    let path = made.header("location").unwrap().to_owned();
    (shop.anonymous().logged_in(email).await, path)
}

#[tokio::test]
async fn an_edit_changes_the_fields_that_are_sent_and_keeps_the_others() {
    let shop = Shop::open().await;
    let path = full_product(&shop).await;
    let mut expected = shop.staff.get(&path).await.expect(200).body;
    for (version, change) in (2..).zip([
        json!({"preco": "41.90"}),
        json!({"nome": "Café do Cerrado", "descricao": "Moído."}),
        json!({"descricao": null}),
        json!({"sku": null}),
        json!({"sku": "CAFE-500", "descricao": ""}),
    ]) {
        let edited = shop.staff.patch(&path, "*", &change).await.expect(200);
        for (field, value) in change.as_object().unwrap() {
            expected[field] = value.clone();
        }
        expected["version"] = json!(version);
        assert_eq!(edited.body, expected);
        let seen = shop.anonymous().get(&path).await.expect(200);
        assert_eq!((&seen.body, seen.tag()), (&expected, edited.tag()));
    }
}

#[tokio::test]
async fn an_edit_of_a_customer_is_seen_at_once_at_another_replica() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let (ana, path) = signed_up(&shop, "ana@example.com").await;
    let ana_there = ana.at(&there.anonymous());
    let before = ana_there.get(&path).await.expect(200);
    let change = json!({"nome": "Ana Lima"});
    let edited = ana.patch(&path, &before.tag(), &change).await.expect(200);
    let mut expected = before.body.clone();
    expected["nome"] = json!("Ana Lima");
    assert_eq!(edited.body, expected);
    assert_ne!(edited.tag(), before.tag());
    for reader in [&ana, &ana_there] {
        let seen = reader.get(&path).await.expect(200);
        assert_eq!((seen.tag(), &seen.body), (edited.tag(), &expected));
    }
}

#[tokio::test]
async fn an_edit_that_is_not_valid_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    let product = full_product(&shop).await;
    let (_, customer) = signed_up(&shop, "ana@example.com").await;
    for (path, change, pointer, code) in [
        (&product, json!({"nome": null}), "/nome", "required"),
        (&product, json!({"preco": null}), "/preco", "required"),
        (&customer, json!({"nome": null}), "/nome", "required"),
        (&customer, json!({"email": null}), "/email", "required"),
        (
            &product,
            json!({"quantidade_disponivel": 1}),
            "/quantidade_disponivel",
            "unknown_field",
        ),
        (&product, json!({"version": 7}), "/version", "unknown_field"),
        (
            &customer,
            json!({"password": PASSWORD}),
            "/password",
            "unknown_field",
        ),
        (&product, json!({"nome": 1}), "/nome", "wrong_type"),
    ] {
        let before = shop.staff.get(path).await.expect(200);
        let answer = shop.staff.patch(path, "*", &change).await;
        let answer = answer.expect_problem(422, "validation_failed");
        let fault = &answer.body["errors"][0];
        assert_eq!(fault["pointer"], pointer, "{change}");
        assert_eq!(fault["code"], code, "{change}");
        let after = shop.staff.get(path).await.expect(200);
        assert_eq!(
            (&after.body, after.tag()),
            (&before.body, before.tag()),
            "{change}"
        );
    }
}

#[tokio::test]
async fn an_edit_is_a_merge_patch_or_json_and_nothing_else() {
    let shop = Shop::open().await;
    let product = full_product(&shop).await;
    let (_, customer) = signed_up(&shop, "ana@example.com").await;
    for path in [&product, &customer] {
        for (n, (media_type, status)) in [
            (Some("application/merge-patch+json"), 200),
            (Some("application/json"), 200),
            (Some("Application/JSON; charset=utf-8"), 200),
            (Some("text/plain"), 415),
            (Some("application/json-patch+json"), 415),
            (None, 415),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("Name {n}");
            let request = shop.staff.request("PATCH", path).header("if-match", "*");
            let mut request = request.body(json!({"nome": name}).to_string());
            if let Some(media_type) = media_type {
                request = request.header("content-type", media_type);
            }
            let answer = Answer::to(request).await;
            if status == 415 {
                let _ = answer.expect_problem(415, "unsupported_media_type");
            } else {
                assert_eq!(answer.expect(status).body["nome"], *name);
            }
        }
    }
}

#[tokio::test]
async fn what_changes_nothing_is_no_new_version() {
    let shop = Shop::open().await;
    let product = full_product(&shop).await;
    let (_, customer) = signed_up(&shop, "ana@example.com").await;
    for (path, same, other) in [
        (&product, json!({"sku": "CAFE-250"}), json!({"sku": null})),
        (&product, json!({"preco": 38.90}), json!({"preco": 38.91})),
        (&product, json!({"sku": null}), json!({"sku": "CAFE-1"})),
        (
            &customer,
            json!({"nome": "Ana Souza"}),
            json!({"nome": "Ana"}),
        ),
    ] {
        let before = shop.staff.get(path).await.expect(200);
        for nothing in [&json!({}), &same, &same] {
            let edited = shop.staff.patch(path, &before.tag(), nothing).await;
            let edited = edited.expect(200);
            assert_eq!(
                (&edited.body, edited.tag()),
                (&before.body, before.tag()),
                "{nothing}"
            );
        }
        let edited = shop.staff.patch(path, &before.tag(), &other).await;
        assert_ne!(edited.expect(200).tag(), before.tag());
    }
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_made_to() {
    let shop = Shop::open().await;
    let product = full_product(&shop).await;
    let (_, customer) = signed_up(&shop, "ana@example.com").await;
    for path in [&product, &customer] {
        let old = shop.staff.get(path).await.expect(200).tag();
        let first = json!({"nome": "First"});
        let now = shop.staff.patch(path, &old, &first).await.expect(200).tag();
        let lost = json!({"nome": "Lost"});
        for unfit in [
            old.clone(),
            format!("W/{now}"),
            now.trim_matches('"').to_owned(),
            now.trim_end_matches('"').to_owned(),
            "\"\"".to_owned(),
            "\"two\"".to_owned(),
            "\"-1\"".to_owned(),
            "\"99999999999999999999\"".to_owned(),
            "nonsense".to_owned(),
            String::new(),
            format!("{old}, \"7\""),
        ] {
            let answer = shop.staff.patch(path, &unfit, &lost).await;
            let _ = answer.expect_problem(412, "stale");
        }
        let unconditional = shop.staff.request("PATCH", path).json(&lost);
        let unconditional = Answer::to(unconditional).await;
        let _ = unconditional.expect_problem(428, "match_required");
        assert_eq!(shop.staff.get(path).await.expect(200).body["nome"], "First");
        for (fit, name) in [(now.clone(), "Second"), ("*".to_owned(), "Third")] {
            let edited = shop.staff.patch(path, &fit, &json!({"nome": name})).await;
            assert_eq!(edited.expect(200).body["nome"], name);
        }
        let several = format!("\"1\", {}", shop.staff.get(path).await.expect(200).tag());
        let fourth = json!({"nome": "Fourth"});
        let edited = shop.staff.patch(path, &several, &fourth).await.expect(200);
        assert_eq!(edited.body["nome"], "Fourth");
    }
}

#[tokio::test]
async fn what_is_sold_meanwhile_shows_in_the_tag_but_makes_no_edit_stale() {
    let shop = Shop::open().await;
    let path = full_product(&shop).await;
    let (ana, _) = shop.customer().await;
    let read = shop.staff.get(&path).await.expect(200);
    let _ = ana
        .order(path.trim_start_matches("/products/"), 2)
        .await
        .expect(201);
    let sold = shop.staff.get(&path).await.expect(200).tag();
    assert_ne!(sold, read.tag());
    let edited = shop
        .staff
        .patch(&path, &read.tag(), &json!({"preco": "41.90"}))
        .await
        .expect(200);
    assert_eq!(edited.body["quantidade_disponivel"], 7);
    // The edit does make the older tags stale.
    for stale in [&read.tag(), &sold] {
        let cheaper = json!({"preco": "1.00"});
        let again = shop.staff.patch(&path, stale, &cheaper).await;
        let _ = again.expect_problem(412, "stale");
    }
}

#[tokio::test]
async fn who_has_what_is_shown_already_gets_no_body() {
    let shop = Shop::open().await;
    let product = full_product(&shop).await;
    let (ana, customer) = signed_up(&shop, "ana@example.com").await;
    let id = product.trim_start_matches("/products/");
    let order = ana.order(id, 1).await.expect(201);
    let order = order.header("location").unwrap().to_owned();
    let (stock, history) = (format!("{product}/stock"), format!("{order}/history"));
    let know = async |path: &String, tag: &str| {
        let request = shop.staff.request("GET", path);
        Answer::to(request.header("if-none-match", tag)).await
    };
    let everything = [&customer, &product, &stock, &order, &history];
    let mut tags = Vec::new();
    for path in everything {
        let shown = shop.staff.get(path).await.expect(200);
        assert_eq!(shown.header("cache-control"), Some("private, no-cache"));
        let known = know(path, &shown.tag()).await.expect(304);
        assert_eq!((known.tag(), known.body), (shown.tag(), Value::Null));
        let _ = know(path, "\"0\"").await.expect(200);
        tags.push(shown.tag());
    }
    for (path, change) in [
        (&customer, json!({"nome": "Ana Lima"})),
        (&product, json!({"preco": "1.00"})),
    ] {
        let _ = shop.staff.patch(path, "*", &change).await.expect(200);
    }
    for (path, change) in [
        (&stock, json!({"quantidade_disponivel": 1})),
        (&order, json!({"status": "paid"})),
    ] {
        let _ = shop.staff.put(path, &change).await.expect(200);
    }
    for (path, tag) in everything.into_iter().zip(&tags) {
        assert_ne!(know(path, tag).await.expect(200).tag(), *tag, "{path}");
    }
}

#[tokio::test]
async fn a_status_is_not_changed_by_whoever_has_seen_an_older_one() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let order = ana.order(&product, 1).await.expect(201);
    let path = order.header("location").unwrap();
    let seen = ana.get(path).await.expect(200).tag();
    let put = async |tag: &str, status: &str| {
        let request = shop.staff.request("PUT", path).header("if-match", tag);
        Answer::to(request.json(&json!({"status": status}))).await
    };
    let paid = put(&seen, "paid").await.expect(200);
    let _ = put(&seen, "shipped").await.expect_problem(412, "stale");
    let weak = format!("W/{}", paid.tag());
    let _ = put(&weak, "shipped").await.expect_problem(412, "stale");
    // A repeat finds done what it asks for.
    let repeated = put(&seen, "paid").await.expect(200);
    assert_eq!(repeated.body, paid.body);
    let shipped = put(&paid.tag(), "shipped").await.expect(200);
    assert_eq!(shipped.body["version"], 3);
    assert_eq!(ana.get(path).await.expect(200).tag(), shipped.tag());
}
