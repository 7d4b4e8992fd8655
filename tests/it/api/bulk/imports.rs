//! What is imported, and what is refused.

use integration_tests::Shop;
use serde_json::json;

use super::{CSV, NDJSON, done, exported, import, import_under, last, products, replayed, text};

const TWO: &str = "sku,nome,descricao,preco,quantidade_disponivel\n\
                   A,First,\"=1+1\",1.00,5\n\
                   B,Second,,2.50,\n";

#[tokio::test]
async fn a_table_creates_products_and_again_changes_those_whose_numbers_it_names() {
    let shop = Shop::open().await;
    let path = "/products/import";
    let first = import(&shop.staff, path, CSV, TWO).await;
    assert_eq!(last(&first), &done(2, 2, 0, 0, 0));
    let again = import(&shop.staff, path, CSV, TWO).await;
    assert_eq!(last(&again), &done(2, 0, 0, 2, 0));
    let change = "sku;preco;nome\nB;3.00;Second\nC;4.00;Third\n";
    let changed = import(&shop.staff, path, CSV, change).await;
    assert_eq!(last(&changed), &done(2, 1, 1, 0, 0));
    let table = text(&exported(&shop.staff, "/products/export", CSV).await);
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows.len(), 4);
    assert!(rows[1].contains(",A,First,'=1+1,1.00,5,"), "{table}");
    assert!(rows[2].contains(",B,Second,,3.00,0,"), "{table}");
    let found = shop.staff.get("/products?q=third").await.expect(200);
    assert_eq!(found.body["items"][0]["sku"], "C");
    assert_eq!(found.body["items"][0]["version"], 1);
}

#[tokio::test]
async fn lines_of_json_are_taken_and_what_is_wrong_is_told_line_by_line() {
    let shop = Shop::open().await;
    let rows = "{\"nome\":\"Good\",\"preco\":\"1.00\"}\n\
                {\"nome\":\"\",\"preco\":\"1.001\"}\n\
                nonsense\n\
                {\"nome\":\"Also good\",\"preco\":2,\"colour\":\"red\"}\n\
                {\"nome\":\"Also good\",\"preco\":2}";
    let told = import(&shop.staff, "/products/import", NDJSON, rows).await;
    assert_eq!(last(&told), &done(5, 2, 0, 0, 3));
    let refused: Vec<_> = told
        .iter()
        .filter(|line| line["type"] == "refused")
        .map(|line| {
            let fields = line["errors"].as_array().unwrap().iter();
            let fields = fields.map(|error| error["field"].as_str().unwrap().to_owned());
            (line["line"].as_u64().unwrap(), fields.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        (2, vec!["nome".to_owned(), "preco".to_owned()]),
        (3, vec![String::new()]),
        (4, vec!["colour".to_owned()]),
    ];
    assert_eq!(refused, expected);
    assert_eq!(products(&shop).await, 2);
}

#[tokio::test]
async fn an_atomic_import_with_a_bad_row_does_nothing_and_one_without_does_all() {
    let shop = Shop::open().await;
    let atomic = "/products/import?atomic=true";
    let bad = format!("{TWO}C,Third,,x,\n");
    let told = import(&shop.staff, atomic, CSV, &bad).await;
    assert_eq!(last(&told)["is_applied"], false);
    assert_eq!(last(&told)["refused"], 1);
    assert_eq!(last(&told)["created"], 0);
    assert_eq!(products(&shop).await, 0);
    let good = format!("{TWO}C,Third,,3.00,\nA,First again,,1.00,\n");
    let told = import(&shop.staff, atomic, CSV, &good).await;
    assert_eq!(last(&told)["is_applied"], true);
    assert_eq!(
        (&last(&told)["rows"], &last(&told)["created"]),
        (&json!(4), &json!(3))
    );
    let found = shop.staff.get("/products?q=again").await.expect(200);
    assert_eq!(
        found.body["items"][0]["sku"], "A",
        "the last row of a number counts"
    );
}

#[tokio::test]
async fn an_import_that_only_validates_changes_nothing() {
    let shop = Shop::open().await;
    let _ = import(
        &shop.staff,
        "/products/import",
        CSV,
        "sku,nome,preco\nA,Old,1\n",
    )
    .await;
    let told = import(&shop.staff, "/products/import?validate_only=true", CSV, TWO).await;
    let would = last(&told);
    assert_eq!(
        (&would["created"], &would["updated"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(would["is_applied"], false);
    assert_eq!(products(&shop).await, 1);
    let old = shop.staff.get("/products?q=old").await.expect(200);
    assert_eq!(old.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn under_a_key_every_row_is_imported_once() {
    let shop = Shop::open().await;
    let rows = "nome,preco\nA,1\nB,2\n";
    let first = import_under(&shop.staff, "key", rows).await;
    let again = import_under(&shop.staff, "key", rows).await;
    assert_eq!(last(&first), &done(2, 2, 0, 0, 0));
    assert_eq!(last(&again), &replayed(last(&first)));
    for other in [
        "nome,preco\nA,1\nX,2\n",
        "nome,preco\nA,1\n",
        "nome,preco\nA,1\nB,2\nC,3\n",
    ] {
        let refused = import_under(&shop.staff, "key", other).await;
        assert_eq!(last(&refused)["problem"]["code"], "idempotency_key_reused");
    }
    assert_eq!(products(&shop).await, 2);
}

#[tokio::test]
async fn a_first_line_that_names_no_columns_is_told_once() {
    let shop = Shop::open().await;
    let rows = "name;price\nA;1\nB;2\n";
    let told = import(&shop.staff, "/products/import", CSV, rows).await;
    assert_eq!(
        told.iter().filter(|line| line["type"] == "refused").count(),
        0
    );
    let detail = last(&told)["problem"]["detail"].as_str().unwrap();
    assert!(detail.ends_with("It names: name, price"), "{detail}");
}
