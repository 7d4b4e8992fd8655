//! `Idempotency-Key` on `POST /customers` and `POST /products`.

use futures_util::future::join_all;
use integration_tests::{Answer, Caches, Client, PASSWORD, Shop};
use serde_json::{Value, json};

async fn create(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let request = client.request("POST", path).header("idempotency-key", key);
    Answer::to(request.json(body)).await
}

fn product() -> Value {
    json!({
        "nome": "Café", "descricao": "Em grãos.", "preco": "38.90", "sku": "CAFE-250",
        "quantidade_disponivel": 9,
    })
}

fn customer() -> Value {
    json!({"nome": "Ana Souza", "email": "Ana@example.com", "password": PASSWORD})
}

/// The ways to create something: who, where, and what; and something else to create there.
fn ways(shop: &Shop) -> [(Client, &'static str, Value, Value); 3] {
    let bob = json!({"nome": "Bob", "email": "bob@example.com", "password": PASSWORD});
    let mut dearer = product();
    dearer["preco"] = json!("38.91");
    let anonymous = shop.anonymous();
    let by_the_shop = json!({"nome": "Cai", "email": "cai@example.com"});
    let mut with_account = by_the_shop.clone();
    with_account["password"] = json!(PASSWORD);
    [
        (shop.staff.clone(), "/products", product(), dearer),
        (anonymous, "/customers", customer(), bob),
        (shop.staff.clone(), "/customers", by_the_shop, with_account),
    ]
}

/// How many customers and products there are.
async fn count(shop: &Shop) -> i64 {
    let count = "
        select (select count(*) from customers) + (select count(*) from products)";
    let client = shop.database.client().await;
    client.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_and_creates_nothing() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    for (made, (client, path, body, _)) in (1..).zip(ways(&shop)) {
        let first = create(&client, path, "key-1", &body).await.expect(201);
        assert_eq!(first.header("idempotency-replayed"), None);
        // Bare or as a structured string, it is the same key, and at every server.
        for (client, key) in [
            (client.clone(), "key-1"),
            (client.at(&there.anonymous()), "\"key-1\""),
        ] {
            let again = create(&client, path, key, &body).await.expect(201);
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.body, first.body);
        }
        assert_eq!(count(&shop).await, made);
        let location = first.header("location").unwrap();
        let seen = shop.staff.get(location).await.expect(200);
        assert_eq!(seen.body, first.body);
    }
    let _ = shop.anonymous().logged_in("ana@example.com").await;
}

#[tokio::test]
async fn a_key_does_not_stand_for_another_request() {
    let shop = Shop::open().await;
    for (made, (client, path, body, other)) in (1..).zip(ways(&shop)) {
        let _ = create(&client, path, "key-1", &body).await.expect(201);
        let reused = create(&client, path, "key-1", &other).await;
        let _ = reused.expect_problem(422, "idempotency_key_reused");
        assert_eq!(count(&shop).await, made);
    }
}

#[tokio::test]
async fn every_field_of_a_product_tells_it_from_another_request() {
    let shop = Shop::open().await;
    let _ = create(&shop.staff, "/products", "key-1", &product())
        .await
        .expect(201);
    for (field, value) in [
        ("nome", json!("Chá")),
        ("descricao", json!("")),
        ("descricao", json!(null)),
        ("preco", json!("389.0")),
        ("sku", json!(null)),
        ("quantidade_disponivel", json!(8)),
    ] {
        let mut other = product();
        other[field] = value;
        let reused = create(&shop.staff, "/products", "key-1", &other).await;
        let _ = reused.expect_problem(422, "idempotency_key_reused");
    }
    // The same, written otherwise.
    let mut same = product();
    same["preco"] = json!(38.9);
    let again = create(&shop.staff, "/products", "key-1", &same).await;
    let again = again.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_repeat_of_a_sign_up_is_known_by_everything_but_the_password() {
    let shop = Shop::open().await;
    let first = create(&shop.anonymous(), "/customers", "key-1", &customer()).await;
    let first = first.expect(201);
    let mut other = customer();
    other["password"] = json!("another horse battery");
    let again = create(&shop.anonymous(), "/customers", "key-1", &other).await;
    assert_eq!(again.expect(201).body, first.body);
    // The first password is the one that counts.
    let login = |password: &str| json!({"email": "ana@example.com", "password": password});
    let anonymous = shop.anonymous();
    let _ = anonymous
        .post("/auth/login", &login(PASSWORD))
        .await
        .expect(200);
    let refused = anonymous
        .post("/auth/login", &login("another horse battery"))
        .await;
    let _ = refused.expect_problem(401, "wrong_credentials");
    let key = "
        select count(*)
        from creation_keys as t
        where t::text ilike '%ana%' or t::text ilike '%horse%'";
    let client = shop.database.client().await;
    let told: i64 = client.query_one(key, &[]).await.unwrap().get(0);
    assert_eq!(told, 0, "a key tells nothing about whom it registered");
}

#[tokio::test]
async fn one_key_from_sixteen_tasks_at_two_servers_creates_one() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let servers = [shop.anonymous(), there.anonymous()];
    for (made, (client, path, body, _)) in (1..).zip(ways(&shop)) {
        let requests = (0..16).map(|n| {
            let (client, body) = (client.at(&servers[n % 2]), body.clone());
            async move { create(&client, path, "key-1", &body).await.expect(201) }
        });
        let answers = join_all(requests).await;
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        let replayed = answers
            .iter()
            .filter(|answer| answer.header("idempotency-replayed").is_some());
        assert_eq!(replayed.count(), 15);
        assert_eq!(count(&shop).await, made);
    }
}

#[tokio::test]
async fn a_key_of_another_account_and_of_another_kind_is_another_key() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let mut number = 0;
    for client in [&shop.staff, &admin, &shop.anonymous()] {
        for path in ["/customers", "/products"] {
            number += 1;
            let body = match path {
                "/products" => json!({"nome": format!("Café {number}"), "preco": 1}),
                _ => json!({
                    "nome": "Ana", "email": format!("ana-{number}@example.com"),
                    "password": PASSWORD,
                }),
            };
            if (client.token(), path) == (None, "/products") {
                let refused = create(client, path, "key-1", &body).await;
                let _ = refused.expect_problem(401, "token_missing");
                continue;
            }
            let made = create(client, path, "key-1", &body).await.expect(201);
            assert_eq!(made.header("idempotency-replayed"), None, "{number} {path}");
        }
    }
    // Nor is it the key of an order.
    let product = shop.product("1.00", 9).await;
    let (_, customer) = shop.customer().await;
    let order =
        json!({"customer_id": customer, "itens": [{"product_id": product, "quantidade": 1}]});
    let order = create(&shop.staff, "/orders", "key-1", &order).await;
    assert_eq!(order.expect(201).header("idempotency-replayed"), None);
}

#[tokio::test]
async fn what_is_refused_does_not_use_its_key_up() {
    let shop = Shop::open().await;
    let first = shop.staff.post("/products", &product()).await.expect(201);
    let mut second = product();
    second["nome"] = json!("Other");
    let refused = create(&shop.staff, "/products", "key-1", &second).await;
    let _ = refused.expect_problem(409, "sku_taken");
    let path = first.header("location").unwrap();
    let _ = shop.staff.delete(path).await.expect(204);
    let made = create(&shop.staff, "/products", "key-1", &second).await;
    assert_eq!(made.expect(201).header("idempotency-replayed"), None);

    let first = shop.staff.post("/customers", &customer()).await.expect(201);
    let other = json!({"nome": "Other Ana", "email": "ANA@example.com", "password": PASSWORD});
    for client in [&shop.staff, &shop.anonymous()] {
        let refused = create(client, "/customers", "key-1", &other).await;
        let _ = refused.expect_problem(409, "email_taken");
    }
    let moved = json!({"email": "ana.souza@example.com"});
    let path = first.header("location").unwrap();
    let _ = shop.staff.patch(path, "*", &moved).await.expect(200);
    let made = create(&shop.anonymous(), "/customers", "key-1", &other).await;
    assert_eq!(made.expect(201).header("idempotency-replayed"), None);
    let invalid = create(&shop.staff, "/customers", "key-2", &json!({"nome": "Ana"})).await;
    let _ = invalid.expect_problem(422, "validation_failed");
    let body = json!({"nome": "Bob", "email": "bob@example.com"});
    let made = create(&shop.staff, "/customers", "key-2", &body).await;
    assert_eq!(made.expect(201).header("idempotency-replayed"), None);
}

#[tokio::test]
async fn a_repeat_after_an_edit_is_answered_as_the_first_was() {
    let shop = Shop::with(Caches::redis()).await;
    for (client, path, body, _) in ways(&shop) {
        let first = create(&client, path, "key-1", &body).await.expect(201);
        let location = first.header("location").unwrap();
        let change = json!({"nome": "Somebody else"});
        let edited = shop.staff.patch(location, "*", &change).await.expect(200);
        let again = create(&client, path, "key-1", &body).await.expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.body, first.body);
        let seen = shop.staff.get(location).await.expect(200);
        assert_eq!((&seen.body, seen.tag()), (&edited.body, edited.tag()));
        if path == "/products" {
            let stock = json!({"quantidade_disponivel": 1});
            let _ = shop
                .staff
                .put(&format!("{location}/stock"), &stock)
                .await
                .expect(200);
            let _ = shop.staff.delete(location).await.expect(204);
            let again = create(&client, path, "key-1", &body).await.expect(201);
            assert_eq!(again.body, first.body);
        }
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let shop = Shop::open().await;
    for (client, path, body, _) in ways(&shop) {
        for key in ["", "\"\"", "a b", &"k".repeat(256)] {
            let answer = create(&client, path, key, &body).await;
            let _ = answer.expect_problem(400, "malformed_idempotency_key");
        }
    }
    assert_eq!(count(&shop).await, 0);
}
