//! Nothing that one client does stops the orders of the others.

use std::time::Duration;

use futures_util::future::join_all;
use integration_tests::{Answer, Client, Shop, World, eventually};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// The path of a product's stock.
fn stock_of(product: &str) -> String {
    format!("/products/{product}/stock")
}

/// Somebody outside of the product locks the stock of a product until this is rolled back.
async fn hold(shop: &Shop, product: &str) -> tokio_postgres::Client {
    let holder = shop.database.client().await;
    let lock = format!("begin; select id from stock where product_id = '{product}' for update");
    holder.batch_execute(&lock).await.unwrap();
    holder
}

async fn number(client: &tokio_postgres::Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_quote_waits_for_nobody_and_takes_no_lock() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let (ana, _) = shop.customer().await;
    let holder = hold(&shop, &product).await;
    let body = json!({"itens": [{"product_id": product, "quantidade": 5}]});
    let quotes = (0..64).map(|_| ana.post("/orders?validate_only=true", &body));
    for quote in World::soon("a quote", join_all(quotes)).await {
        assert_eq!(quote.expect(200).body["total"], "99.50");
    }
    holder.batch_execute("rollback").await.unwrap();
    let locks = "
        select count(*)
        from pg_locks
        join pg_stat_activity using (pid)
        where application_name = 'balcao' and datname = current_database()
          and mode in ('RowShareLock', 'RowExclusiveLock')";
    assert_eq!(number(&holder, locks).await, 0);
}

#[tokio::test]
async fn quotes_of_clients_who_hang_up_cost_no_connection() {
    let shop = Shop::open().await;
    let mut itens = Vec::new();
    for _ in 0..50 {
        let product = shop.product("1.00", 1_000).await;
        itens.push(json!({"product_id": product, "quantidade": 1}));
    }
    let (ana, _) = shop.customer().await;
    let _ = ana
        .post("/orders?validate_only=true", &json!({"itens": itens}))
        .await
        .expect(200);
    let _ = ana
        .order(itens[0]["product_id"].as_str().unwrap(), 1)
        .await
        .expect(201);
    let watcher = shop.database.client().await;
    let sessions = "select sessions from pg_stat_database where datname = current_database()";
    let before = number(&watcher, sessions).await;

    let body = json!({ "itens": itens }).to_string();
    let token = ana.token().unwrap();
    let request = format!(
        "POST /orders?validate_only=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let attackers = (0..6).map(|_| {
        let (request, addr) = (request.clone(), shop.server.addr());
        tokio::spawn(async move {
            for _ in 0..100 {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                stream.set_zero_linger().unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                // Dropped: the connection is reset at once.
            }
        })
    });
    join_all(attackers)
        .await
        .into_iter()
        .for_each(Result::unwrap);
    let product = itens[0]["product_id"].as_str().unwrap();
    let placed = World::soon("an order", ana.order(product, 1)).await;
    let _ = placed.expect(201);
    let opened = number(&watcher, sessions).await - before;
    assert!(opened <= 4, "{opened} sessions were opened");
}

#[tokio::test]
async fn reports_that_take_long_hold_up_neither_orders_nor_reads_and_few_wait_for_them() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 1_000).await;
    let (ana, _) = shop.customer().await;
    // A report takes as long as somebody has this table.
    let holder = shop.database.client().await;
    let lock = "begin; lock table sales_to_date in access exclusive mode";
    holder.batch_execute(lock).await.unwrap();
    let reports = (1..=32).map(|days| {
        let anonymous = shop.anonymous();
        tokio::spawn(async move {
            let path = format!("/products/best-sellers?days={days}");
            anonymous.get(&path).await
        })
    });
    let reports: Vec<_> = reports.collect();
    eventually("those who cannot wait are turned away", || async {
        reports.iter().filter(|report| report.is_finished()).count() >= 20
    })
    .await;
    let running = "
        select count(*)
        from pg_stat_activity
        where datname = current_database() and query like '%quantidade_vendida%'
          and state = 'active' and pid <> pg_backend_pid()";
    assert_eq!(number(&shop.database.client().await, running).await, 1);
    World::soon("orders and reads", async {
        let placed = ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        let _ = ana.get(&path).await.expect(200);
        assert_eq!(shop.available(&product).await, 999);
    })
    .await;
    holder.batch_execute("rollback").await.unwrap();
    let mut turned_away = 0;
    for report in reports {
        let report = report.await.unwrap();
        if report.status == 503 {
            let report = report.expect_problem(503, "unavailable");
            assert_eq!(report.header("retry-after"), Some("1"));
            turned_away += 1;
        } else {
            let _ = report.expect(200);
        }
    }
    assert!((20..32).contains(&turned_away), "{turned_away}");
}

#[tokio::test]
async fn an_order_waits_for_its_own_products_only() {
    let shop = Shop::open().await;
    let (held, free) = (
        shop.product("1.00", 2).await,
        shop.product("1.00", 99).await,
    );
    let (ana, _) = shop.customer().await;
    let holder = hold(&shop, &held).await;
    let wants_both = json!({"itens": [
        {"product_id": free, "quantidade": 1},
        {"product_id": held, "quantidade": 1},
    ]});
    let first = tokio::spawn({
        let (ana, body) = (ana.clone(), wants_both.clone());
        async move { ana.post("/orders", &body).await }
    });
    // The first is in line before the others come.
    let waits = "
        select count(*)
        from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let watcher = shop.database.client().await;
    eventually("it waits for the lock", || async {
        number(&watcher, waits).await == 1
    })
    .await;
    let second = tokio::spawn({
        let (ana, held) = (ana.clone(), held.clone());
        async move { ana.order(&held, 2).await }
    });
    for _ in 0..3 {
        let others = (0..8).map(|_| ana.order(&free, 1));
        for placed in World::soon("orders of other products", join_all(others)).await {
            let _ = placed.expect(201);
        }
    }
    assert!(!first.is_finished() && !second.is_finished());
    holder.batch_execute("rollback").await.unwrap();
    // In the sequence in which they came: the first leaves one, the second wants two.
    let first = World::soon("the first", first).await.unwrap();
    let _ = first.expect(201);
    let second = World::soon("the second", second).await.unwrap();
    let _ = second.expect_problem(409, "insufficient_stock");
    assert_eq!(shop.available(&held).await, 1);
    assert_eq!(shop.available(&free).await, 99 - 25);
}

#[tokio::test]
async fn a_product_that_somebody_never_lets_go_of_is_told_and_nothing_is_placed() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let holder = hold(&shop, &product).await;
    let told = ana
        .order(&product, 1)
        .await
        .expect_problem(503, "unavailable");
    assert_eq!(told.header("retry-after"), Some("1"));
    assert!(told.body["detail"].as_str().unwrap().contains(&product));
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(shop.available(&product).await, 9);
    let _ = ana.order(&product, 1).await.expect(201);
}

#[tokio::test]
async fn changes_that_wait_for_a_locked_row_keep_nothing_else_waiting() {
    let shop = Shop::open().await;
    let (held, free) = (
        shop.product("1.00", 99).await,
        shop.product("1.00", 99).await,
    );
    let (ana, ana_id) = shop.customer().await;
    let placed = ana.order(&held, 1).await.expect(201);
    let order = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    let holder = hold(&shop, &held).await;
    let mut waiting = Vec::new();
    for n in 0..9 {
        let (staff, path) = (shop.staff.clone(), stock_of(&held));
        let body = json!({"quantidade_disponivel": 500 + n});
        waiting.push(tokio::spawn(async move { staff.put(&path, &body).await }));
    }
    let (client, path) = (ana.clone(), order.clone());
    let cancelled = json!({"status": "cancelled"});
    waiting.push(tokio::spawn(
        async move { client.put(&path, &cancelled).await },
    ));
    let waits = "
        select count(*)
        from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let watcher = shop.database.client().await;
    eventually("they wait", || async { number(&watcher, waits).await >= 2 }).await;
    for _ in 0..5 {
        World::soon("everything else", async {
            let _ = ana.order(&free, 1).await.expect(201);
            let _ = ana.get(&order).await.expect(200);
            let _ = ana.get(&format!("/customers/{ana_id}")).await.expect(200);
            let _ = shop.available(&free).await;
            let level = json!({"quantidade_disponivel": 99});
            let _ = shop.staff.put(&stock_of(&free), &level).await.expect(200);
            let _ = shop.anonymous().get("/readyz").await.expect(200);
        })
        .await;
    }
    assert!(waiting.iter().all(|change| !change.is_finished()));
    holder.batch_execute("rollback").await.unwrap();
    for change in waiting {
        let _ = World::soon("a change", change).await.unwrap().expect(200);
    }
    let order = ana.get(&order).await.expect(200);
    assert_eq!(order.body["status"], "cancelled");
}

async fn place_under(client: &Client, key: &str, product: &str, units: i64) -> Answer {
    let body = json!({"itens": [{"product_id": product, "quantidade": units}]});
    let request = client
        .request("POST", "/orders")
        .header("idempotency-key", key);
    Answer::to(request.json(&body)).await
}

#[tokio::test]
async fn an_account_that_was_deleted_orders_nothing_and_stops_nobody() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 999).await;
    let (gone, gone_id) = shop.customer().await;
    let (ana, _) = shop.customer().await;
    let client = shop.database.client().await;
    let delete = format!("delete from users where customer_id = '{gone_id}'");
    client.batch_execute(&delete).await.unwrap();
    let mixed = (0..64).map(|n| {
        let (gone, ana, product) = (gone.clone(), ana.clone(), product.clone());
        async move {
            let who = if n % 2 == 0 { &gone } else { &ana };
            place_under(who, &format!("key-{n}"), &product, 1).await
        }
    });
    for (n, answer) in join_all(mixed).await.into_iter().enumerate() {
        if n % 2 == 0 {
            let answer = answer.expect_problem(401, "session_ended");
            assert!(answer.header("www-authenticate").is_some());
        } else {
            let _ = answer.expect(201);
        }
    }
    let _ = gone
        .order(&product, 1)
        .await
        .expect_problem(401, "session_ended");
    assert_eq!(shop.available(&product).await, 999 - 32);
    let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    let quote = gone.post("/orders?validate_only=true", &body).await;
    let _ = quote.expect_problem(401, "session_ended");
}

#[tokio::test]
async fn one_key_with_two_bodies_at_two_servers_at_once_is_one_order_and_a_422() {
    let shop = Shop::open().await;
    let there = shop.replica();
    let (one, other) = (
        shop.product("1.00", 9_999).await,
        shop.product("1.00", 9_999).await,
    );
    let (ana, _) = shop.customer().await;
    let ana_there = ana.at(&there.anonymous());
    for round in 0..10 {
        let races = (0..24).map(|n| {
            let (key, ana, ana_there) = (format!("key-{round}-{n}"), &ana, &ana_there);
            let (one, other) = (&one, &other);
            async move {
                futures_util::future::join(
                    place_under(ana, &key, one, 1),
                    place_under(ana_there, &key, other, 2),
                )
                .await
            }
        });
        for (a, b) in join_all(races).await {
            let (placed, refused) = if a.status == 201 { (a, b) } else { (b, a) };
            let _ = placed.expect(201);
            let _ = refused.expect_problem(422, "idempotency_key_reused");
        }
    }
}

#[tokio::test]
async fn a_write_runs_to_its_end_when_its_client_hangs_up() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let level = json!({"quantidade_disponivel": 5});
    let holder = hold(&shop, &product).await;
    let stock = stock_of(&product);
    let mut set = Box::pin(shop.staff.put(&stock, &level));
    let waits = "
        select count(*)
        from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let watcher = shop.database.client().await;
    tokio::select! {
        answer = &mut set => panic!("the stock is held: {}", answer.body),
        () = eventually("it waits", || async { number(&watcher, waits).await == 1 }) => {}
    }
    drop(set);
    holder.batch_execute("rollback").await.unwrap();
    eventually("the stock is set", || async {
        shop.available(&product).await == 5
    })
    .await;

    let holder = hold(&shop, &product).await;
    let mut order = Box::pin(ana.order(&product, 2));
    tokio::select! {
        answer = &mut order => panic!("the stock is held: {}", answer.body),
        () = eventually("it waits", || async { number(&watcher, waits).await == 1 }) => {}
    }
    drop(order);
    holder.batch_execute("rollback").await.unwrap();
    eventually("the order is placed", || async {
        shop.available(&product).await == 3
    })
    .await;
}

#[tokio::test]
async fn whoever_hangs_up_costs_no_connection() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 999).await;
    let (ana, ana_id) = shop.customer().await;
    let placed = ana.order(&product, 1).await.expect(201);
    let order = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    let watcher = shop.database.client().await;
    let calls = || async {
        let _ = ana.get(&order).await;
        let _ = ana.get(&format!("/customers/{ana_id}")).await;
        let _ = ana.get("/products/best-sellers?days=3").await;
        let _ = shop.staff.get(&stock_of(&product)).await;
        let _ = shop
            .staff
            .put(&stock_of(&product), &json!({"quantidade_disponivel": 999}))
            .await;
        let _ = shop.staff.put(&order, &json!({"status": "paid"})).await;
        let _ = shop
            .staff
            .post("/products", &json!({"nome": "Café", "preco": "1.00"}))
            .await;
        let _ = ana.order(&product, 1).await;
    };
    // Every connection that is wanted is open.
    join_all((0..16).map(|_| calls())).await;
    let sessions = "select sessions from pg_stat_database where datname = current_database()";
    let before = number(&watcher, sessions).await;
    for microseconds in (0..200).map(|n| n * 25) {
        let hasty = join_all((0..4).map(|_| calls()));
        let _ = tokio::time::timeout(Duration::from_micros(microseconds), hasty).await;
    }
    World::soon("everything else", calls()).await;
    let opened = number(&watcher, sessions).await - before;
    assert!(opened <= 8, "{opened} sessions were opened");
}
