//! What lists contain.

use integration_tests::{Client, Shop, ids};
use serde_json::{Value, json};

use super::{named_customers, sign_up};

/// The names in a list, page by page and in alphabetical sequence.
async fn names(reader: &Client, list: &str, query: &str) -> Vec<String> {
    let and = if query.is_empty() { "" } else { "&" };
    let path = format!("{list}?limit=2&sort=nome{and}{query}");
    let items = reader.walk(&path).await;
    let name = |item: &Value| item["nome"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

/// Four products.
async fn catalogue(shop: &Shop) {
    for (name, description, price, stock) in [
        ("Açúcar Mascavo", Some("Do Cerrado."), "12.00", 0),
        ("Café Cerrado Mineiro", None, "38.90", 5),
        ("Café Sul de Minas", Some("Torra média."), "42.00", 1),
        ("Xícara", Some("Para café."), "25.50", 3),
    ] {
        let body = json!({
            "nome": name, "descricao": description, "preco": price,
            "quantidade_disponivel": stock,
        });
        let _ = shop.staff.post("/products", &body).await.expect(201);
    }
}

#[tokio::test]
async fn products_are_found_whatever_the_case_the_accents_and_the_typing_errors() {
    let shop = Shop::open().await;
    catalogue(&shop).await;
    let (sugar, cerrado, minas, cup) = (
        "Açúcar Mascavo",
        "Café Cerrado Mineiro",
        "Café Sul de Minas",
        "Xícara",
    );
    for (search, found) in [
        ("cafe", vec![cerrado, minas, cup]),
        ("CAF%C3%89", vec![cerrado, minas, cup]),
        ("cafe%CC%81", vec![cerrado, minas, cup]),
        ("CERRADO", vec![sugar, cerrado]),
        ("cerr", vec![sugar, cerrado]),
        ("cerado", vec![sugar, cerrado]),
        ("cerado+mineiro", vec![cerrado]),
        ("mineiro+cafe", vec![cerrado]),
        ("cerrado+acucar", vec![sugar]),
        ("xicara+cafe", vec![cup]),
        ("media", vec![minas]),
        ("kafe", vec![cerrado, minas, cup]),
        ("torra+cerrado", vec![]),
        ("bicicleta", vec![]),
        // Text, whatever it means to the database.
        ("cafe%27+%26+%21cerrado", vec![cerrado]),
        ("%25", vec![]),
        ("%5C%27", vec![]),
    ] {
        let listed = names(&shop.anonymous(), "/products", &format!("q={search}")).await;
        assert_eq!(listed, found, "{search}");
    }
}

#[tokio::test]
async fn a_long_word_may_lack_its_end_and_a_short_one_is_looked_for_as_it_is() {
    let shop = Shop::open().await;
    catalogue(&shop).await;
    // More words that begin alike than a search names one by one.
    for size in 10..40 {
        let body = json!({"nome": format!("Parafuso{size} M{size}"), "preco": "0.50"});
        let _ = shop.staff.post("/products", &body).await.expect(201);
    }
    for (search, found) in [
        ("para", 31),
        ("parafuso1", 10),
        ("parafuso12", 1),
        ("paraf+m12", 1),
        ("do", 1),
    ] {
        let path = format!("q={search}");
        let listed = names(&shop.anonymous(), "/products", &path).await;
        assert_eq!(listed.len(), found, "{search}: {listed:?}");
    }
}

#[tokio::test]
async fn products_are_filtered_by_price_stock_and_words_together() {
    let shop = Shop::open().await;
    catalogue(&shop).await;
    let (sugar, cerrado, minas, cup) = (
        "Açúcar Mascavo",
        "Café Cerrado Mineiro",
        "Café Sul de Minas",
        "Xícara",
    );
    for (query, found) in [
        ("min_price=25.50", vec![cerrado, minas, cup]),
        ("min_price=25.51", vec![cerrado, minas]),
        ("max_price=25.50", vec![sugar, cup]),
        ("max_price=25.49", vec![sugar]),
        ("min_price=20&max_price=40", vec![cerrado, cup]),
        ("min_price=40&max_price=20", vec![]),
        ("in_stock=true", vec![cerrado, minas, cup]),
        ("in_stock=false", vec![sugar]),
        ("q=cerrado&in_stock=true", vec![cerrado]),
        ("q=cafe&max_price=30", vec![cup]),
        (
            "q=cafe&min_price=30&max_price=40&in_stock=true",
            vec![cerrado],
        ),
    ] {
        let listed = names(&shop.anonymous(), "/products", query).await;
        assert_eq!(listed, found, "{query}");
    }
}

#[tokio::test]
async fn a_product_is_out_of_stock_from_the_last_unit_that_is_sold_to_the_first_that_comes_back() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 2).await;
    let (ana, _) = shop.customer().await;
    let anonymous = shop.anonymous();
    let is_listed = |query: &'static str| {
        let anonymous = anonymous.clone();
        async move { !anonymous.walk(query).await.is_empty() }
    };
    let is_in_stock = || async {
        let (there, gone) = (
            is_listed("/products?in_stock=true").await,
            is_listed("/products?in_stock=false").await,
        );
        assert_ne!(there, gone);
        there
    };
    let _ = ana.order(&product, 1).await.expect(201);
    assert!(is_in_stock().await);
    let last = ana.order(&product, 1).await.expect(201);
    assert!(!is_in_stock().await);
    let cancel = json!({"status": "cancelled"});
    let _ = ana
        .put(last.header("location").unwrap(), &cancel)
        .await
        .expect(200);
    assert!(is_in_stock().await);
    let stock = format!("/products/{product}/stock");
    for (units, there) in [(0, false), (7, true)] {
        let level = json!({"quantidade_disponivel": units});
        let _ = shop.staff.put(&stock, &level).await.expect(200);
        assert_eq!(is_in_stock().await, there);
    }
}

#[tokio::test]
async fn customers_are_found_by_their_address_and_by_names_like_theirs() {
    let shop = Shop::open().await;
    named_customers(&shop, &["Ana Souza", "Ana Lima", "João Pereira", "Zé"]).await;
    sign_up(&shop, "Bruna Conceição", "Bruna@Example.com").await;
    for (query, found) in [
        ("email=BRUNA@EXAMPLE.COM", vec!["Bruna Conceição"]),
        ("email=customer-0@example.com", vec!["Ana Souza"]),
        ("email=nobody@example.com", vec![]),
        ("q=ana+sousa", vec!["Ana Souza"]),
        ("q=JOAO", vec!["João Pereira"]),
        ("q=conceicao", vec!["Bruna Conceição"]),
        ("q=lima", vec!["Ana Lima"]),
        ("q=xavier", vec![]),
        ("q=lima&email=customer-1@example.com", vec!["Ana Lima"]),
        ("q=lima&email=customer-0@example.com", vec![]),
    ] {
        let listed = names(&shop.staff, "/customers", query).await;
        assert_eq!(listed, found, "{query}");
    }
}

#[tokio::test]
async fn orders_are_filtered_by_everything_alone_and_together() {
    let shop = Shop::open().await;
    let (tea, coffee) = (
        shop.product("1.00", 99).await,
        shop.product("2.00", 99).await,
    );
    let (ana, ana_id) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    let mut orders = Vec::new();
    for (buyer, product) in [(&ana, &tea), (&ana, &coffee), (&bob, &tea), (&bob, &coffee)] {
        orders.push(buyer.order(product, 1).await.expect(201));
    }
    for (order, status) in [(0, "paid"), (1, "paid"), (2, "cancelled")] {
        let path = format!("/orders/{}", orders[order].id());
        let to = json!({"status": status});
        let _ = shop.staff.put(&path, &to).await.expect(200);
    }
    let placed = |order: usize| orders[order].body["data_order"].as_str().unwrap();
    let (first, third) = (placed(0), placed(2));
    for (query, found) in [
        ("status=pending".to_owned(), vec![3]),
        ("status=paid".to_owned(), vec![0, 1]),
        ("status=cancelled".to_owned(), vec![2]),
        ("status=delivered".to_owned(), vec![]),
        (format!("product_id={tea}"), vec![0, 2]),
        (format!("product_id={ana_id}"), vec![]),
        (format!("placed_after={first}"), vec![1, 2, 3]),
        (format!("placed_before={third}"), vec![0, 1]),
        (
            format!("placed_after={first}&placed_before={third}"),
            vec![1],
        ),
        (format!("customer_id={ana_id}"), vec![0, 1]),
        (format!("customer_id={ana_id}&product_id={tea}"), vec![0]),
        (format!("product_id={coffee}&status=paid"), vec![1]),
        (format!("product_id={tea}&placed_after={first}"), vec![2]),
        (format!("status=paid&placed_before={first}"), vec![]),
        (
            format!("customer_id={ana_id}&status=paid&product_id={coffee}&placed_before={third}"),
            vec![1],
        ),
    ] {
        let expected: Vec<_> = found.iter().map(|&n: &usize| orders[n].id()).collect();
        let path = format!("/orders?sort=data_order&limit=1&{query}");
        assert_eq!(ids(&shop.staff.walk(&path).await), expected, "{query}");
        let latest_first: Vec<_> = expected.into_iter().rev().collect();
        let path = format!("/orders?limit=1&{query}");
        assert_eq!(ids(&shop.staff.walk(&path).await), latest_first, "{query}");
    }
}

#[tokio::test]
async fn moments_with_an_offset_are_the_same_moments() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let order = ana.order(&product, 1).await.expect(201);
    for (query, count) in [
        ("placed_after=2020-01-01T00:00:00-03:00", 1),
        ("placed_before=2020-01-01T00:00:00%2B03:00", 0),
        ("placed_before=9999-12-31T23:59:59Z", 1),
    ] {
        let page = ana.get(&format!("/orders?{query}")).await.expect(200);
        assert_eq!(page.items().len(), count, "{query}");
    }
    // Both ends are open.
    let moment = order.body["data_order"].as_str().unwrap();
    for end in ["placed_after", "placed_before"] {
        let page = ana.get(&format!("/orders?{end}={moment}")).await;
        assert_eq!(page.expect(200).items().len(), 0, "{end}");
    }
}
