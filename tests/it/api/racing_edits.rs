//! Edits that meet: each other, an address or a number that somebody else has, and orders.

use futures_util::future::join_all;
use integration_tests::{Caches, PASSWORD, Shop};
use serde_json::{Value, json};

#[tokio::test]
async fn of_many_editors_who_have_seen_one_version_exactly_one_wins() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let servers = [shop.anonymous(), there.anonymous()];
    let product = format!("/products/{}", shop.product("1.00", 9).await);
    let customer = format!("/customers/{}", shop.customer().await.1);
    for path in [&product, &customer] {
        for _ in 0..5 {
            let seen = shop.staff.get(path).await.expect(200).tag();
            let editors = (0..16).map(|n| {
                let (editor, seen) = (shop.staff.at(&servers[n % 2]), seen.clone());
                async move {
                    let change = json!({"nome": format!("Editor {n} of {seen}")});
                    editor.patch(path, &seen, &change).await
                }
            });
            let (mut won, mut lost) = (Vec::new(), 0);
            for answer in join_all(editors).await {
                if answer.status == 200 {
                    won.push(answer);
                } else {
                    let _ = answer.expect_problem(412, "stale");
                    lost += 1;
                }
            }
            assert_eq!((won.len(), lost), (1, 15));
            for server in &servers {
                let kept = shop.staff.at(server).get(path).await.expect(200);
                assert_eq!((&kept.body, kept.tag()), (&won[0].body, won[0].tag()));
            }
        }
    }
}

#[tokio::test]
async fn edits_of_any_version_that_meet_are_all_made_one_after_the_other() {
    let shop = Shop::open().await;
    let path = format!("/products/{}", shop.product("1.00", 9).await);
    let editors = (0..16).map(|n| {
        let (staff, path) = (shop.staff.clone(), path.clone());
        async move {
            let change = json!({"nome": format!("Editor {n}")});
            let edited = staff.patch(&path, "*", &change).await.expect(200);
            edited.body["version"].as_i64().unwrap()
        }
    });
    let mut versions = join_all(editors).await;
    versions.sort_unstable();
    assert_eq!(versions, (2..18).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_number_belongs_to_one_product_until_that_is_retired() {
    let shop = Shop::open().await;
    let add = async |sku: &str| {
        let body = json!({"nome": "Café", "preco": "1.00", "sku": sku});
        shop.staff.post("/products", &body).await
    };
    let first = add("CAFE-250").await.expect(201);
    let second = add("CAFE-500").await.expect(201);
    let _ = add("CAFE-250").await.expect_problem(409, "sku_taken");
    // Upper and lower case are different numbers.
    let _ = add("cafe-250").await.expect(201);
    let path = second.header("location").unwrap();
    let take = json!({"sku": "CAFE-250", "nome": "Other"});
    let taken = shop.staff.patch(path, "*", &take).await;
    let _ = taken.expect_problem(409, "sku_taken");
    let unchanged = shop.staff.get(path).await.expect(200);
    assert_eq!(unchanged.body, second.body);
    let _ = shop
        .staff
        .delete(first.header("location").unwrap())
        .await
        .expect(204);
    let edited = shop.staff.patch(path, "*", &take).await.expect(200);
    assert_eq!(edited.body["sku"], "CAFE-250");
    let _ = add("CAFE-500").await.expect(201);
    let retired = shop.staff.get(first.header("location").unwrap()).await;
    assert_eq!(retired.expect(200).body["sku"], "CAFE-250");
}

#[tokio::test]
async fn a_number_that_many_want_at_once_goes_to_one() {
    let shop = Shop::open().await;
    let body = json!({"nome": "Café", "preco": "1.00", "sku": "CAFE-250"});
    let answers = join_all((0..16).map(|_| shop.staff.post("/products", &body))).await;
    let (made, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        let _ = answer.expect_problem(409, "sku_taken");
    }
}

#[tokio::test]
async fn a_new_address_is_the_one_to_log_in_with() {
    let shop = Shop::open().await;
    let sign_up = async |email: &str| {
        let body = json!({"nome": "Ana", "email": email, "password": PASSWORD});
        let made = shop.anonymous().post("/customers", &body).await.expect(201);
        made.header("location").unwrap().to_owned()
    };
    let login = async |email: &str| {
        let body = json!({"email": email, "password": PASSWORD});
        shop.anonymous().post("/auth/login", &body).await
    };
    let (ana_path, bob_path) = (
        sign_up("ana@example.com").await,
        sign_up("bob@example.com").await,
    );
    let ana = shop.anonymous().logged_in("ana@example.com").await;
    let to = |email: &str| json!({"email": email});
    let edited = ana.patch(&ana_path, "*", &to("ana.lima@example.com")).await;
    assert_eq!(edited.expect(200).body["email"], "ana.lima@example.com");
    let _ = login("ana@example.com")
        .await
        .expect_problem(401, "wrong_credentials");
    let _ = login("Ana.Lima@example.com").await.expect(200);
    // Whoever it is of, in whatever case, and of those who work in the shop too.
    let shops = "select email from users where role = 'staff'";
    let client = shop.database.client().await;
    let staff: String = client.query_one(shops, &[]).await.unwrap().get(0);
    for taken in ["BOB@example.com", &staff] {
        let taken = ana.patch(&ana_path, "*", &to(taken)).await;
        let _ = taken.expect_problem(409, "email_taken");
    }
    let _ = login("ana.lima@example.com").await.expect(200);
    // Their own in another case is not taken.
    let edited = ana.patch(&ana_path, "*", &to("ANA.LIMA@example.com")).await;
    assert_eq!(edited.expect(200).body["email"], "ANA.LIMA@example.com");
    let _ = login("ana.lima@example.com").await.expect(200);
    let of_bob = ana.patch(&bob_path, "*", &to("eve@example.com")).await;
    let _ = of_bob.expect_problem(404, "not_found");
    let bobs = to("bob.l@example.com");
    let _ = shop.staff.patch(&bob_path, "*", &bobs).await.expect(200);
    let _ = login("bob.l@example.com").await.expect(200);
    // What was left is free again.
    sign_up("ana@example.com").await;
}

#[tokio::test]
async fn an_order_keeps_the_price_at_which_it_was_placed() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("19.90", 9).await;
    let (ana, _) = shop.customer().await;
    let before = ana.order(&product, 2).await.expect(201);
    let path = format!("/products/{product}");
    let dearer = json!({"preco": "25.00"});
    let _ = shop.staff.patch(&path, "*", &dearer).await.expect(200);
    let seen = ana
        .get(before.header("location").unwrap())
        .await
        .expect(200);
    assert_eq!(seen.body, before.body);
    assert_eq!(
        ana.walk("/orders").await,
        std::slice::from_ref(&before.body)
    );
    let after = ana.order(&product, 2).await.expect(201);
    assert_eq!(after.body["total"], "50.00");
}

#[tokio::test]
async fn an_edit_and_orders_of_one_product_do_not_stop_each_other() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 64).await;
    let (ana, _) = shop.customer().await;
    let path = format!("/products/{product}");
    let orders = join_all((0..64).map(|_| ana.order(&product, 1)));
    let edits = async {
        for cents in 1..=16 {
            let change = json!({"preco": format!("1.{cents:02}")});
            let _ = shop.staff.patch(&path, "*", &change).await.expect(200);
        }
    };
    let (orders, ()) = futures_util::future::join(orders, edits).await;
    for order in orders {
        let order = order.expect(201).body;
        // Every price is one that the product had.
        let price = order["itens"][0]["preco_unitario"].as_str().unwrap();
        let cents: u32 = price.strip_prefix("1.").unwrap().parse().unwrap();
        assert!(cents <= 16, "{order}");
    }
    let left = shop.staff.get(&path).await.expect(200).body;
    assert_eq!(left["quantidade_disponivel"], 0);
    assert_eq!(left["preco"], Value::from("1.16"));
}
