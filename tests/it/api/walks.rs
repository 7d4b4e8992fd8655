//! Walks over lists that change meanwhile. What stays as it is, is listed once, whatever happens
//! around it; what changes its own sort key may move before or behind the place that the walk has
//! come to.

use std::collections::HashMap;

use integration_tests::{Client, Shop, ids};
use serde_json::{Value, json};

/// How many products there are of each kind when the walk begins.
const EACH: usize = 9;

/// Products of a walk, by what happens to them.
struct Products {
    /// They are not touched.
    stay: Vec<String>,
    /// They get another description, and keep every sort key.
    described: Vec<String>,
    /// They get another name and another price.
    moved: Vec<String>,
    retired: Vec<String>,
}

/// Adds products of every kind in turn, many of them with the same name and the same price.
async fn products(shop: &Shop) -> Products {
    let mut kinds: [Vec<String>; 4] = Default::default();
    for n in 0..EACH {
        for kind in &mut kinds {
            kind.push(add(&shop.staff, n).await);
        }
    }
    let [stay, described, moved, retired] = kinds;
    Products {
        stay,
        described,
        moved,
        retired,
    }
}

/// Adds a product whose name and price are those of every third.
async fn add(staff: &Client, n: usize) -> String {
    let (name, price) = [("B", "20.00"), ("F", "60.00"), ("D", "40.00")][n % 3];
    let body = json!({"nome": name, "preco": price});
    staff.post("/products", &body).await.expect(201).id()
}

async fn change(staff: &Client, product: &str, change: &Value) {
    let path = format!("/products/{product}");
    let _ = staff.patch(&path, "*", change).await.expect(200);
}

/// What happens between two pages; `n` counts the pages.
async fn happen(shop: &Shop, products: &Products, n: usize) {
    let staff = &shop.staff;
    // New ones at both ends and in the middle of every sequence.
    for (name, price) in [("A", "1.00"), ("D", "40.00"), ("Z", "99.00")] {
        let body = json!({"nome": name, "preco": price});
        let _ = staff.post("/products", &body).await.expect(201);
    }
    let Some(described) = products.described.get(n) else {
        return;
    };
    let text = json!({"descricao": format!("Changed on page {n}.")});
    change(staff, described, &text).await;
    // One from the beginning and one from the end: seen already, or not yet.
    let (name, price) = [("A", "0.50"), ("Z", "99.50")][n % 2];
    for moved in [&products.moved[n], &products.moved[EACH - 1 - n]] {
        change(staff, moved, &json!({"nome": name, "preco": price})).await;
    }
    for retired in [&products.retired[n], &products.retired[EACH - 1 - n]] {
        let path = format!("/products/{retired}");
        let _ = staff.delete(&path).await.expect(204);
    }
}

/// The key by which a list is sorted, so that greater keys are greater text.
fn key(item: &Value, by: &str) -> String {
    let key = item[by].as_str().unwrap();
    match by {
        "preco" => format!("{key:0>20}"),
        // A moment without its "Z" sorts behind one that only has more digits after the same ones.
        "created_at" => key.trim_end_matches('Z').to_owned(),
        _ => key.to_owned(),
    }
}

/// What a walk has shown: every item, and how often each id was among them.
#[derive(Default)]
struct Walked {
    items: Vec<Value>,
    times: HashMap<String, usize>,
}

impl Walked {
    fn see(&mut self, items: &[Value]) {
        for id in ids(items) {
            *self.times.entry(id.to_owned()).or_default() += 1;
        }
        self.items.extend_from_slice(items);
    }

    fn times(&self, id: &str) -> usize {
        self.times.get(id).copied().unwrap_or(0)
    }

    /// Each of these is listed once.
    #[track_caller]
    fn listed_once<'a>(&self, ids: impl IntoIterator<Item = &'a String>, what: &str) {
        for id in ids {
            assert_eq!(self.times(id), 1, "{what}: {id}");
        }
    }
}

/// Walks over the products, while others come, change and go between the pages.
async fn walk_while_products_change(sort: &str) {
    let shop = Shop::open().await;
    let products = products(&shop).await;
    let mut walked = Walked::default();
    let mut gone: Vec<String> = Vec::new();
    let mut next = Some(format!("/products?limit=3&sort={sort}"));
    let mut pages = 0;
    while let Some(path) = next {
        let page = shop.anonymous().get(&path).await.expect(200);
        for id in ids(page.items()) {
            assert!(!gone.iter().any(|gone| gone == id), "{id} is retired");
        }
        walked.see(page.items());
        next = page.next();
        // Those that come must end before the walk does, or it would follow them for ever.
        if pages < EACH {
            happen(&shop, &products, pages).await;
            gone.extend_from_slice(&[
                products.retired[pages].clone(),
                products.retired[EACH - 1 - pages].clone(),
            ]);
        }
        pages += 1;
    }
    assert!(pages > EACH, "everything has happened during the walk");
    walked.listed_once(&products.stay, "untouched");
    walked.listed_once(&products.described, "changed, but for its keys");
    let by = sort.trim_start_matches('-');
    let has_moved = |id: &str| by != "created_at" && products.moved.iter().any(|moved| moved == id);
    for (id, times) in &walked.times {
        assert!(*times == 1 || has_moved(id), "{id} is listed {times} times");
    }
    let mut keys: Vec<_> = walked.items.iter().map(|item| key(item, by)).collect();
    if sort.starts_with('-') {
        keys.reverse();
    }
    assert!(keys.is_sorted(), "{sort}: {keys:?}");
}

#[tokio::test]
async fn what_stays_is_listed_once_by_the_moment_while_other_products_come_change_and_go() {
    walk_while_products_change("created_at").await;
    walk_while_products_change("-created_at").await;
}

#[tokio::test]
async fn what_stays_is_listed_once_by_name_while_other_products_come_change_and_go() {
    walk_while_products_change("nome").await;
    walk_while_products_change("-nome").await;
}

#[tokio::test]
async fn what_stays_is_listed_once_by_price_while_other_products_come_change_and_go() {
    walk_while_products_change("preco").await;
    walk_while_products_change("-preco").await;
}

#[tokio::test]
async fn the_walk_goes_on_behind_an_entry_that_is_gone() {
    let shop = Shop::open().await;
    let mut products = Vec::new();
    for n in 0..4 {
        products.push(add(&shop.staff, n).await);
    }
    let first = shop.staff.get("/products?limit=2&sort=created_at").await;
    let first = first.expect(200);
    assert_eq!(ids(first.items()), products[..2]);
    // The last one seen is what the cursor names.
    let path = format!("/products/{}", products[1]);
    let _ = shop.staff.delete(&path).await.expect(204);
    let rest = shop.staff.walk(&first.next().unwrap()).await;
    assert_eq!(ids(&rest), products[2..]);
}

/// Places orders, of which every third has another product.
async fn place(buyer: &Client, products: &[String; 2], count: usize) -> Vec<String> {
    let mut placed = Vec::new();
    for n in 0..count {
        let product = &products[usize::from(n % 3 == 2)];
        placed.push(buyer.order(product, 1).await.expect(201).id());
    }
    placed
}

/// Walks over the orders of a customer, while others are placed and every order changes its status
/// between the pages.
async fn walk_while_orders_change(query: &str) -> (Vec<String>, Walked) {
    let shop = Shop::open().await;
    let products = [
        shop.product("1.00", 999).await,
        shop.product("2.00", 999).await,
    ];
    let (ana, _) = shop.customer().await;
    let placed = place(&ana, &products, 15).await;
    let query = query.replace("{product}", &products[0]);
    let mut walked = Walked::default();
    let mut next = Some(format!("/orders?limit=3&{query}"));
    for n in 0.. {
        let Some(path) = next else { break };
        let page = ana.get(&path).await.expect(200);
        walked.see(page.items());
        next = page.next();
        if let Some(last) = placed.len().checked_sub(n + 1) {
            place(&ana, &products, 1).await;
            let (first, last) = (&placed[n], &placed[last]);
            for (order, status) in [(first, "paid"), (last, "paid"), (first, "shipped")] {
                let path = format!("/orders/{order}");
                let to = json!({"status": status});
                // Of two that meet in the middle, one has come further already.
                let status = shop.staff.put(&path, &to).await.status;
                assert!(matches!(status, 200 | 409), "{status}");
            }
        }
    }
    (placed, walked)
}

#[tokio::test]
async fn every_order_is_listed_once_while_orders_are_placed_and_change_their_status() {
    for sort in ["data_order", "-data_order"] {
        let (placed, walked) = walk_while_orders_change(&format!("sort={sort}")).await;
        walked.listed_once(&placed, sort);
        assert!(walked.times.values().all(|times| *times == 1));
        let mut keys: Vec<_> = walked
            .items
            .iter()
            .map(|item| item["data_order"].as_str().unwrap().trim_end_matches('Z'))
            .collect();
        if sort.starts_with('-') {
            keys.reverse();
            assert_eq!(keys.len(), placed.len(), "new orders are before the first");
        } else {
            assert!(keys.len() > placed.len(), "new orders are behind the last");
        }
        assert!(keys.is_sorted(), "{sort}: {keys:?}");
    }
}

#[tokio::test]
async fn every_order_of_a_product_is_listed_once_while_orders_are_placed_and_change_their_status() {
    for sort in ["data_order", "-data_order"] {
        let query = format!("product_id={{product}}&sort={sort}");
        let (placed, walked) = walk_while_orders_change(&query).await;
        let of_the_product = placed.iter().enumerate().filter(|(n, _)| n % 3 != 2);
        walked.listed_once(of_the_product.map(|(_, id)| id), sort);
        assert!(walked.times.values().all(|times| *times == 1));
    }
}

#[tokio::test]
async fn what_keeps_its_status_is_listed_once_while_others_lose_it() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let placed = place(&ana, &[product.clone(), product], 12).await;
    for sort in ["data_order", "-data_order"] {
        let mut walked = Walked::default();
        let mut next = Some(format!("/orders?status=pending&limit=2&sort={sort}"));
        // Every fourth is paid in the first walk, and the one behind it in the second.
        let mut leave = placed
            .iter()
            .skip(usize::from(sort != "data_order"))
            .step_by(4);
        let mut left = Vec::new();
        while let Some(path) = next {
            let page = ana.get(&path).await.expect(200);
            for id in ids(page.items()) {
                assert!(!left.contains(&id), "{id} is paid");
            }
            walked.see(page.items());
            next = page.next();
            if let Some(order) = leave.next() {
                let path = format!("/orders/{order}");
                let to = json!({"status": "paid"});
                let _ = shop.staff.put(&path, &to).await.expect(200);
                left.push(order);
            }
        }
        let stay = placed.iter().enumerate().filter(|(n, _)| n % 4 > 1);
        walked.listed_once(stay.map(|(_, id)| id), sort);
    }
}
