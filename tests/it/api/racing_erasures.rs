//! A customer who is erased while something of theirs is under way.

use futures_util::future::{join, join_all};
use integration_tests::{Answer, Caches, Client, PASSWORD, Shop, World};
use serde_json::{Value, json};

/// Places one order after the other until one is refused, every second one under a key, and returns
/// how many there were.
async fn place_until_refused(buyer: &Client, body: &Value) -> i64 {
    for n in 0.. {
        let mut request = buyer.request("POST", "/orders").json(body);
        if n % 2 == 1 {
            request = request.header("idempotency-key", World::id().to_string());
        }
        let answer = Answer::to(request).await;
        match answer.status {
            201 => continue,
            401 => drop(answer.expect_problem(401, "session_ended")),
            _ => {
                let refused = answer.expect_problem(422, "validation_failed");
                assert_eq!(refused.body["errors"][0]["code"], "unknown_customer");
            }
        }
        return n;
    }
    unreachable!("the customer is erased some time");
}

async fn number(client: &tokio_postgres::Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn orders_that_meet_the_end_of_their_customer_are_placed_whole_or_refused() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let servers = [shop.anonymous(), there.anonymous()];
    let product = shop.product("1.00", 1_000_000).await;
    let client = shop.database.client().await;
    let mut placed = 0;
    for _ in 0..8 {
        let (ana, id) = shop.customer().await;
        let of_ana = json!({"itens": [{"product_id": product, "quantidade": 1}]});
        let mut of_the_shop = of_ana.clone();
        of_the_shop["customer_id"] = json!(id);
        let buyers = (0..16).map(|n| {
            let (buyer, body) = match n % 4 {
                0 => (&shop.staff, &of_the_shop),
                _ => (&ana, &of_ana),
            };
            let buyer = buyer.at(&servers[n / 2 % 2]);
            async move { place_until_refused(&buyer, body).await }
        });
        let path = format!("/customers/{id}");
        let erase = async {
            // Some orders are placed by then, and others are under way.
            let _ = ana.order(&product, 1).await.expect(201);
            ana.delete(&path).await.expect(204)
        };
        let (orders, _) = join(join_all(buyers), erase).await;
        placed += 1 + orders.iter().sum::<i64>();
        let left = "
            select (select count(*) from users where customer_id is not null)
                 + (select count(*)
                    from idempotency_keys
                    where not exists (select from users where id = account_id))
                 + (select count(*)
                    from orders
                    where not exists (select from itens_order where order_id = orders.id))";
        let left = number(&client, left).await;
        assert_eq!(
            left, 0,
            "no account, no key and no half of an order is left"
        );
        let orders = number(&client, "select count(*) from orders").await;
        assert_eq!(orders, placed);
        assert_eq!(shop.available(&product).await, 1_000_000 - placed);
    }
}

#[tokio::test]
async fn of_an_edit_and_an_erasure_that_meet_nothing_is_left() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let staff_there = shop.staff.at(&there.anonymous());
    let admin = shop.server.admin().await;
    for n in 0..10 {
        let (_, id) = shop.customer().await;
        let path = format!("/customers/{id}");
        let change = json!({"email": format!("edited-{n}@example.com")});
        let edits = (0..4).map(|_| staff_there.patch(&path, "*", &change));
        let (edits, erased) = join(join_all(edits), admin.delete(&path)).await;
        let _ = erased.expect(204);
        for edit in edits {
            assert!(matches!(edit.status, 200 | 404), "{}", edit.body);
        }
        for reader in [&shop.staff, &staff_there] {
            let gone = reader.get(&path).await;
            let _ = gone.expect_problem(404, "not_found");
        }
        let body = json!({"nome": "Eve", "email": change["email"], "password": PASSWORD});
        let _ = shop.anonymous().post("/customers", &body).await.expect(201);
    }
}

#[tokio::test]
async fn a_reader_never_sees_who_is_erased_come_back() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let servers = [shop.anonymous(), there.anonymous()];
    let admin = shop.server.admin().await;
    for _ in 0..10 {
        let path = format!("/customers/{}", shop.customer().await.1);
        let readers = (0..8).map(|n| {
            let (reader, path) = (shop.staff.at(&servers[n % 2]), path.clone());
            async move {
                let mut is_gone = false;
                for _ in 0..20 {
                    let status = reader.get(&path).await.status;
                    assert!(!is_gone || status == 404, "{status}");
                    is_gone = status == 404;
                }
            }
        });
        let (_, erased) = join(join_all(readers), admin.delete(&path)).await;
        let _ = erased.expect(204);
        for server in &servers {
            let gone = shop.staff.at(server).get(&path).await;
            let _ = gone.expect_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn of_two_who_erase_a_customer_at_once_one_does() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let path = format!("/customers/{}", shop.customer().await.1);
    let answers = join_all((0..8).map(|_| admin.delete(&path))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404, 404, 404, 404, 404]);
}
