//! The lists: their pages, their sequences, their filters and their cursors.

mod cursors;
mod filters;

use std::cmp::Ordering;

use integration_tests::{Answer, Client, PASSWORD, Shop, ids};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Names, and what is left of them without case and accents.
const NAMES: [(&str, &str); 6] = [
    ("Café", "cafe"),
    ("cafe", "cafe"),
    ("CAFÉ", "cafe"),
    ("Água", "agua"),
    ("chá", "cha"),
    ("Zimbro", "zimbro"),
];

/// Adds products of which many have the same name or the same price, and returns them as they were
/// answered.
async fn products(shop: &Shop, count: usize) -> Vec<Value> {
    let mut products = Vec::new();
    for n in 0..count {
        let price = ["2.00", "10.00", "9.50"][n % 3];
        let body = json!({"nome": NAMES[n % NAMES.len()].0, "preco": price});
        let made = shop.staff.post("/products", &body).await.expect(201);
        products.push(made.body);
    }
    products
}

async fn named_customers(shop: &Shop, names: &[&str]) -> Vec<Value> {
    let mut customers = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let body = json!({"nome": name, "email": format!("Customer-{n}@Example.com")});
        let made = shop.staff.post("/customers", &body).await.expect(201);
        customers.push(made.body);
    }
    customers
}

fn moment(item: &Value, field: &str) -> OffsetDateTime {
    OffsetDateTime::parse(item[field].as_str().unwrap(), &Rfc3339).unwrap()
}

fn folded(item: &Value) -> &'static str {
    let name = NAMES.iter().find(|(name, _)| item["nome"] == *name);
    name.unwrap().1
}

fn cents(item: &Value) -> u64 {
    let price = item["preco"].as_str().unwrap().replace('.', "");
    price.parse().unwrap()
}

/// The ids in the sequence in which a list has to show them; of equal keys the id decides, in the
/// same direction.
fn sorted<'a>(items: &'a [Value], sort: &str) -> Vec<&'a str> {
    let by = sort.trim_start_matches('-');
    let compare = |a: &&Value, b: &&Value| -> Ordering {
        let keys = match by {
            "nome" => folded(a).cmp(folded(b)),
            "preco" => cents(a).cmp(&cents(b)),
            moments => moment(a, moments).cmp(&moment(b, moments)),
        };
        keys.then_with(|| a["id"].as_str().cmp(&b["id"].as_str()))
    };
    let mut sorted: Vec<_> = items.iter().collect();
    sorted.sort_by(compare);
    if sort.starts_with('-') {
        sorted.reverse();
    }
    sorted
        .into_iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

/// Walks a list in every sequence, with pages of several lengths; without a sequence, the latest
/// come first.
async fn walk_in_every_sequence(reader: &Client, list: &str, items: &[Value], sorts: &[&str]) {
    for sort in sorts {
        for limit in [1, 4, 100] {
            let path = format!("{list}?limit={limit}&sort={sort}");
            let walked = reader.walk(&path).await;
            assert_eq!(ids(&walked), sorted(items, sort), "{path}");
        }
    }
    assert_eq!(ids(&reader.walk(list).await), sorted(items, sorts[0]));
}

#[tokio::test]
async fn a_page_has_twenty_entries_unless_one_to_a_hundred_are_asked_for() {
    let shop = Shop::open().await;
    products(&shop, 21).await;
    let anonymous = shop.anonymous();
    let first = anonymous.get("/products").await.expect(200);
    assert_eq!(first.items().len(), 20);
    let rest = anonymous.get(&first.next().unwrap()).await.expect(200);
    assert_eq!(rest.items().len(), 1);
    assert_eq!(rest.next(), None);
    for (limit, entries) in [(1, 1), (20, 20), (21, 21), (100, 21)] {
        let page = anonymous.get(&format!("/products?limit={limit}")).await;
        let page = page.expect(200);
        assert_eq!(page.items().len(), entries);
        assert_eq!(page.next().is_some(), entries < 21);
    }
    for list in ["/products", "/orders", "/customers"] {
        for limit in ["0", "101", "-1", "1.5", "all", ""] {
            let answer = shop.staff.get(&format!("{list}?limit={limit}")).await;
            let answer = answer.expect_problem(400, "malformed_query");
            assert_eq!(answer.body["errors"][0]["parameter"], "limit");
        }
    }
}

#[tokio::test]
async fn an_empty_list_is_a_page_without_a_next_one() {
    let shop = Shop::open().await;
    for list in ["/products", "/orders", "/customers"] {
        let page = shop.staff.get(list).await.expect(200);
        assert_eq!(page.body, json!({"items": [], "next_cursor": null}));
        assert_eq!(page.header("link"), None);
    }
}

#[tokio::test]
async fn a_walk_over_the_products_shows_all_of_them_in_every_sequence() {
    let shop = Shop::open().await;
    let made = products(&shop, 25).await;
    let sorts = [
        "-created_at",
        "created_at",
        "nome",
        "-nome",
        "preco",
        "-preco",
    ];
    walk_in_every_sequence(&shop.anonymous(), "/products", &made, &sorts).await;
    // A product in the list is what it is on its own.
    let listed = shop.anonymous().walk("/products?sort=created_at").await;
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_walk_over_the_customers_shows_all_of_them_in_every_sequence() {
    let shop = Shop::open().await;
    let names: Vec<_> = (0..15).map(|n| NAMES[n % NAMES.len()].0).collect();
    let made = named_customers(&shop, &names).await;
    let sorts = ["-created_at", "created_at", "nome", "-nome"];
    walk_in_every_sequence(&shop.staff, "/customers", &made, &sorts).await;
    let listed = shop.staff.walk("/customers?sort=created_at").await;
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_walk_over_the_orders_shows_all_of_them_whole_in_every_sequence() {
    let shop = Shop::open().await;
    let (first, second) = (
        shop.product("1.00", 99).await,
        shop.product("2.00", 99).await,
    );
    let (ana, _) = shop.customer().await;
    let mut placed = Vec::new();
    for n in 1..=12 {
        // One or two items each: a page is of orders, however many items they have.
        let mut itens = vec![json!({"product_id": first, "quantidade": n})];
        if n % 2 == 0 {
            itens.push(json!({"product_id": second, "quantidade": 1}));
        }
        let made = ana.post("/orders", &json!({"itens": itens})).await;
        placed.push(made.expect(201).body);
    }
    let sorts = ["-data_order", "data_order"];
    walk_in_every_sequence(&ana, "/orders", &placed, &sorts).await;
    assert_eq!(ana.walk("/orders?sort=data_order&limit=5").await, placed);
}

#[tokio::test]
async fn customers_are_listed_their_own_orders_alone() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 99).await;
    let (ana, ana_id) = shop.customer().await;
    let (bob, bob_id) = shop.customer().await;
    let (of_ana, of_bob) = (
        ana.order(&product, 1).await.expect(201).id(),
        bob.order(&product, 1).await.expect(201).id(),
    );
    for (reader, query, expected) in [
        (&ana, String::new(), vec![&of_ana]),
        (&bob, String::new(), vec![&of_bob]),
        (&ana, format!("?customer_id={ana_id}"), vec![&of_ana]),
        (&ana, format!("?customer_id={bob_id}"), vec![]),
        (&ana, format!("?product_id={product}"), vec![&of_ana]),
        (&shop.staff, String::new(), vec![&of_bob, &of_ana]),
        (&shop.staff, format!("?customer_id={bob_id}"), vec![&of_bob]),
    ] {
        let page = reader.get(&format!("/orders{query}")).await.expect(200);
        assert_eq!(ids(page.items()), expected, "{query}");
        assert_eq!(page.next(), None);
    }
    let customers = ana.get("/customers").await;
    let _ = customers.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn an_unknown_sequence_or_parameter_is_refused() {
    let shop = Shop::open().await;
    for (list, wrong, parameter) in [
        ("/products", "sort=id", "sort"),
        ("/products", "sort=--preco", "sort"),
        ("/products", "sort=Preco", "sort"),
        ("/customers", "sort=preco", "sort"),
        ("/orders", "sort=created_at", "sort"),
        ("/orders", "status=lost", "status"),
        ("/orders", "placed_after=yesterday", "placed_after"),
        ("/orders", "q=a", "q"),
        ("/products", "min_price=1.999", "min_price"),
        ("/products", "in_stock=maybe", "in_stock"),
        ("/products", "limit=1&limit=2", "limit"),
    ] {
        let answer = shop.staff.get(&format!("{list}?{wrong}")).await;
        let answer = answer.expect_problem(400, "malformed_query");
        assert_eq!(answer.body["errors"][0]["parameter"], parameter, "{wrong}");
    }
}

#[tokio::test]
async fn a_token_that_is_none_does_not_stop_anybody_from_reading_products() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 1).await;
    let expired = shop.replica_with(|settings| {
        settings.jwt.ttl = std::time::Duration::from_secs(1);
    });
    let (customer, _) = expired.customer().await;
    let one = format!("/products/{product}");
    integration_tests::eventually("the token has expired", || async {
        customer.get("/orders").await.status == 401
    })
    .await;
    let expired = customer.get("/orders").await;
    let _ = expired.expect_problem(401, "token_expired");
    for reader in [&customer, &shop.anonymous().with_token("garbage")] {
        let page: Answer = reader.get("/products").await.expect(200);
        assert_eq!(ids(page.items()), [&product]);
        let _ = reader.get(&one).await.expect(200);
        let _ = reader.get("/products/best-sellers").await.expect(200);
    }
}

/// Somebody who signs up under this name and this address.
async fn sign_up(shop: &Shop, name: &str, email: &str) -> String {
    let body = json!({"nome": name, "email": email, "password": PASSWORD});
    shop.anonymous()
        .post("/customers", &body)
        .await
        .expect(201)
        .id()
}
