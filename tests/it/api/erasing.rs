//! `DELETE /customers/{id}`: a customer is erased.

use integration_tests::{Answer, Caches, Client, PASSWORD, RawRedis, Shop, ids};
use serde_json::{Value, json};
use uuid::Uuid;

/// Somebody whom nobody else in the database is like.
struct Person {
    client: Client,
    path: String,
    id: String,
    /// A word that is in the name, the address and the notes, and nowhere else.
    word: String,
    email: String,
}

async fn sign_up(shop: &Shop) -> Person {
    let word = format!("zuleica{}", Uuid::new_v4().simple());
    let email = format!("{word}@example.com");
    let body = json!({"nome": format!("Ana {word}"), "email": email, "password": PASSWORD});
    let request = shop.anonymous().request("POST", "/customers");
    let request = request.header("idempotency-key", Uuid::new_v4().to_string());
    let made = Answer::to(request.json(&body)).await.expect(201);
    Person {
        client: shop.anonymous().logged_in(&email).await,
        path: made.header("location").unwrap().to_owned(),
        id: made.id(),
        word,
        email,
    }
}

/// Places an order under a key, and takes it through notes that name the customer.
async fn noted_order(shop: &Shop, ana: &Person, product: &str) -> String {
    let body = json!({"itens": [{"product_id": product, "quantidade": 2}]});
    let request = ana.client.request("POST", "/orders");
    let request = request.header("idempotency-key", &ana.word);
    let order = Answer::to(request.json(&body)).await.expect(201);
    let path = order.header("location").unwrap().to_owned();
    for status in ["paid", "shipped"] {
        let note = format!("{} has called.", ana.word);
        let to = json!({"status": status, "note": note});
        let _ = shop.staff.put(&path, &to).await.expect(200);
    }
    path
}

/// How many rows of which tables hold this text, in whatever column and of whatever type.
async fn rows_with(shop: &Shop, text: &str) -> Vec<(String, i64)> {
    let client = shop.database.client().await;
    let tables = "
        select oid::regclass::text
        from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and not relispartition";
    let mut found = Vec::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let count = format!("select count(*) from {table} as t where t::text ilike $1");
        let pattern = format!("%{text}%");
        let count = client.query_one(&count, &[&pattern]).await.unwrap();
        found.push((table, count.get(0)));
    }
    found.retain(|(_, count)| *count > 0);
    found.sort();
    found
}

/// How many keys and values of Redis hold this text.
async fn entries_with(text: &str) -> String {
    let count = "
        local count = 0
        for _, key in ipairs(redis.call('KEYS', '*')) do
            local kind = redis.call('TYPE', key).ok
            local parts = {key}
            if kind == 'string' then
                table.insert(parts, redis.call('GET', key))
            elseif kind == 'hash' then
                for _, part in ipairs(redis.call('HGETALL', key)) do
                    table.insert(parts, part)
                end
            elseif kind ~= 'none' then
                return redis.error_reply('what is a ' .. kind .. '?')
            end
            if string.find(string.lower(table.concat(parts, ' ')), ARGV[1], 1, true) then
                count = count + 1
            end
        end
        return count";
    RawRedis::shared()
        .command(&["EVAL", count, "0", text])
        .await
}

#[tokio::test]
async fn customers_are_erased_by_an_admin_and_by_themselves() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let (ana, bob) = (sign_up(&shop).await, sign_up(&shop).await);
    let _ = shop
        .staff
        .delete(&ana.path)
        .await
        .expect_problem(403, "forbidden");
    let anonymous = shop.anonymous().delete(&ana.path).await;
    let _ = anonymous.expect_problem(401, "token_missing");
    let by_another = bob.client.delete(&ana.path).await;
    let _ = by_another.expect_problem(404, "not_found");
    let _ = ana.client.get(&ana.path).await.expect(200);
    let _ = ana.client.delete(&ana.path).await.expect(204);
    let _ = admin.delete(&bob.path).await.expect(204);
    for path in [&ana.path, &bob.path] {
        let again = admin.delete(path).await;
        let _ = again.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_customer_is_erased_as_they_were_seen() {
    let shop = Shop::open().await;
    let ana = sign_up(&shop).await;
    let seen = ana.client.get(&ana.path).await.expect(200).tag();
    let change = json!({"nome": "Ana Lima"});
    let edited = shop.staff.patch(&ana.path, &seen, &change).await;
    let edited = edited.expect(200).tag();
    let erase = async |tag: &str| {
        let request = ana.client.request("DELETE", &ana.path);
        Answer::to(request.header("if-match", tag)).await
    };
    let _ = erase(&seen).await.expect_problem(412, "stale");
    let _ = ana.client.get(&ana.path).await.expect(200);
    let _ = erase(&edited).await.expect(204);
    let _ = ana.client.get(&ana.path).await.expect(404);
}

#[tokio::test]
async fn who_is_erased_is_gone_for_everybody_at_once_at_every_replica() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let admin = shop.server.admin().await;
    let ana = sign_up(&shop).await;
    let readers = [&admin, &shop.staff, &ana.client];
    let readers: Vec<_> = readers
        .into_iter()
        .flat_map(|reader| [reader.clone(), reader.at(&there.anonymous())])
        .collect();
    for reader in &readers {
        let _ = reader.get(&ana.path).await.expect(200);
    }
    let _ = admin.delete(&ana.path).await.expect(204);
    for reader in &readers {
        let change = json!({"nome": "Back"});
        for gone in [
            reader.get(&ana.path).await,
            reader.patch(&ana.path, "*", &change).await,
        ] {
            // The replica may have heard by now that the session of who was erased has ended.
            let is_ended =
                gone.body["code"] == "session_ended" && reader.token() == ana.client.token();
            let expected = if is_ended { 401 } else { 404 };
            let _ = gone.expect(expected);
        }
    }
    for list in [
        "/customers".to_owned(),
        "/customers?q=erased".to_owned(),
        format!("/customers?q={}", ana.word),
        format!("/customers?email={}", ana.email),
        format!("/customers?email={}@erased.invalid", ana.id),
    ] {
        assert!(shop.staff.walk(&list).await.is_empty(), "{list}");
    }
}

#[tokio::test]
async fn the_account_of_who_is_erased_ends_and_the_address_is_free() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let ana = sign_up(&shop).await;
    let _ = ana.client.order(&product, 1).await.expect(201);
    let _ = ana.client.delete(&ana.path).await.expect(204);
    let login = json!({"email": ana.email, "password": PASSWORD});
    let refused = shop.anonymous().post("/auth/login", &login).await;
    let _ = refused.expect_problem(401, "wrong_credentials");
    let order = ana.client.order(&product, 1).await;
    let _ = order.expect_problem(401, "session_ended");
    let body = json!({"customer_id": ana.id, "itens": [{"product_id": product, "quantidade": 1}]});
    let by_the_shop = shop.staff.post("/orders", &body).await;
    let by_the_shop = by_the_shop.expect_problem(422, "validation_failed");
    assert_eq!(by_the_shop.body["errors"][0]["code"], "unknown_customer");
    assert_eq!(shop.available(&product).await, 8);

    let body = json!({"nome": "Ana again", "email": ana.email, "password": PASSWORD});
    let again = shop.anonymous().post("/customers", &body).await.expect(201);
    assert_ne!(again.id(), ana.id);
    let new = shop.anonymous().logged_in(&ana.email).await;
    assert!(new.walk("/orders").await.is_empty());
    let _ = new.get(&ana.path).await.expect_problem(404, "not_found");
    let _ = new.order(&product, 1).await.expect(201);
}

#[tokio::test]
async fn the_old_token_of_who_is_erased_changes_no_order_and_leaves_no_note() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let ana = sign_up(&shop).await;
    let order = ana.client.order(&product, 1).await.expect(201);
    let path = order.header("location").unwrap();
    let _ = ana.client.delete(&ana.path).await.expect(204);
    let cancel = json!({"status": "cancelled", "note": format!("I am {}.", ana.word)});
    let cancelled = ana.client.put(path, &cancel).await;
    assert_eq!(rows_with(&shop, &ana.word).await, []);
    let _ = cancelled.expect_problem(404, "not_found");
    let order = shop.staff.get(path).await.expect(200);
    assert_eq!(order.body["status"], "pending");
}

#[tokio::test]
async fn orders_of_who_is_erased_keep_their_figures_and_lose_their_notes() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("19.90", 9).await;
    let (ana, bob) = (sign_up(&shop).await, sign_up(&shop).await);
    let path = noted_order(&shop, &ana, &product).await;
    let of_bob = noted_order(&shop, &bob, &product).await;
    let before = shop.staff.get(&path).await.expect(200).body;
    assert_eq!(before["total"], "39.80");
    let history = async |order: &str| {
        let history = shop.staff.get(&format!("{order}/history")).await;
        history.expect(200).items().to_vec()
    };
    let mut expected = history(&path).await;
    assert!(expected[1]["note"].is_string() && expected[2]["note"].is_string());
    let bobs_history = history(&of_bob).await;
    let _ = ana.client.delete(&ana.path).await.expect(204);

    assert_eq!(shop.staff.get(&path).await.expect(200).body, before);
    let list = format!("/orders?customer_id={}", ana.id);
    assert_eq!(shop.staff.walk(&list).await, [before]);
    for entry in &mut expected {
        entry["note"] = Value::Null;
    }
    assert_eq!(history(&path).await, expected);
    assert_eq!(history(&of_bob).await, bobs_history);
    let delivered = json!({"status": "delivered"});
    let _ = shop.staff.put(&path, &delivered).await.expect(200);
}

#[tokio::test]
async fn nothing_that_tells_who_they_were_is_left_in_postgresql_nor_in_redis() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("19.90", 9).await;
    let ana = sign_up(&shop).await;
    let order = noted_order(&shop, &ana, &product).await;
    let _ = ana.client.get(&ana.path).await.expect(200);
    let _ = ana.client.get(&order).await.expect(200);
    // The search does find what is there.
    let tables: Vec<_> = rows_with(&shop, &ana.word).await;
    let tables: Vec<_> = tables.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(
        tables,
        ["customers", "idempotency_keys", "order_history", "users"]
    );
    assert_eq!(entries_with(&ana.word).await, ":1");
    let _ = ana.client.delete(&ana.path).await.expect(204);
    assert_eq!(rows_with(&shop, &ana.word).await, []);
    assert_eq!(entries_with(&ana.word).await, ":0");
    // Nor does anything bring it back.
    let _ = ana.client.get(&ana.path).await.expect(404);
    let _ = ana.client.get(&order).await.expect(200);
    let login = json!({"email": ana.email, "password": PASSWORD});
    let _ = shop
        .anonymous()
        .post("/auth/login", &login)
        .await
        .expect(401);
    assert_eq!(rows_with(&shop, &ana.word).await, []);
    assert_eq!(entries_with(&ana.word).await, ":0");
    // What is left of them is an id that nothing but their orders names.
    let left = rows_with(&shop, &ana.id).await;
    assert_eq!(
        left,
        [("customers".to_owned(), 1), ("orders".to_owned(), 1)]
    );
    let orders = shop.staff.walk("/orders").await;
    assert_eq!(ids(&orders), [order.trim_start_matches("/orders/")]);
}
