//! Imports and exports over HTTP.

use integration_tests::{Answer, Client, Shop, eventually};
use serde_json::{Value, json};

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

/// The lines of the answer to an import.
async fn import(client: &Client, path: &str, media_type: &str, rows: &str) -> Vec<Value> {
    let request = client
        .request("POST", path)
        .header("content-type", media_type)
        .body(rows.to_owned());
    lines(&Answer::to(request).await.expect(200))
}

async fn import_under(client: &Client, key: &str, rows: &str) -> Vec<Value> {
    let request = client
        .request("POST", "/products/import")
        .header("content-type", CSV)
        .header("idempotency-key", key)
        .body(rows.to_owned());
    lines(&Answer::to(request).await.expect(200))
}

/// The lines of a body of NDJSON, of which one alone is read as JSON already.
fn lines(answer: &Answer) -> Vec<Value> {
    match &answer.body {
        Value::Null => Vec::new(),
        Value::String(text) => text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        one => vec![one.clone()],
    }
}

fn last(lines: &[Value]) -> &Value {
    lines.last().unwrap()
}

fn done(rows: u64, created: u64, updated: u64, unchanged: u64, refused: u64) -> Value {
    json!({
        "type": "done",
        "rows": rows,
        "created": created,
        "updated": updated,
        "unchanged": unchanged,
        "refused": refused,
        "is_applied": true,
    })
}

async fn exported(client: &Client, path: &str, accept: &str) -> Answer {
    let request = client.request("GET", path).header("accept", accept);
    Answer::to(request).await.expect(200)
}

fn text(answer: &Answer) -> String {
    answer.body.as_str().unwrap_or_default().to_owned()
}

async fn products(shop: &Shop) -> usize {
    lines(&exported(&shop.staff, "/products/export", NDJSON).await).len()
}

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
    assert_eq!(last(&again), last(&first));
    // The same rows and more go on where the first ended.
    let more = import_under(&shop.staff, "key", &format!("{rows}C,3\n")).await;
    assert_eq!(last(&more), &done(3, 3, 0, 0, 0));
    for other in ["nome,preco\nA,1\nX,2\nC,3\n", "nome,preco\nA,1\n"] {
        let refused = import_under(&shop.staff, "key", other).await;
        assert_eq!(last(&refused)["problem"]["code"], "idempotency_key_reused");
    }
    assert_eq!(products(&shop).await, 3);
}

/// So many rows, each a new product.
fn many(rows: usize) -> String {
    let row = |n| format!("Product {n},1.00\n");
    format!("nome,preco\n{}", (0..rows).map(row).collect::<String>())
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_whole_batches_and_goes_on_under_its_key() {
    use tokio::io::AsyncWriteExt as _;
    let shop = Shop::open().await;
    let rows = many(2_500);
    let mut socket = tokio::net::TcpStream::connect(shop.staff.addr())
        .await
        .unwrap();
    let head = format!(
        "POST /products/import HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: text/csv\r\nidempotency-key: key\r\ncontent-length: {}\r\n\r\n",
        shop.staff.token().unwrap(),
        rows.len()
    );
    let all_but_the_last = &rows[..rows.len() - 9];
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(all_but_the_last.as_bytes()).await.unwrap();
    let two_batches = || async { products(&shop).await == 2_000 };
    eventually("two batches are written", two_batches).await;
    drop(socket);
    let told = import_under(&shop.staff, "key", &rows).await;
    assert_eq!(last(&told), &done(2_500, 2_500, 0, 0, 0));
    assert_eq!(products(&shop).await, 2_500);
}

#[tokio::test]
async fn an_atomic_import_that_hangs_up_leaves_nothing() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let shop = Shop::open().await;
    let rows = many(2_500);
    let mut socket = tokio::net::TcpStream::connect(shop.staff.addr())
        .await
        .unwrap();
    let head = format!(
        "POST /products/import?atomic=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: text/csv\r\ncontent-length: {}\r\n\r\n",
        shop.staff.token().unwrap(),
        rows.len() + 1
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(rows.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    // Half a connection is none: the answer, if there is one, ends.
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert_eq!(products(&shop).await, 0);
    let told = import(&shop.staff, "/products/import?atomic=true", CSV, &rows).await;
    assert_eq!(last(&told)["created"], 2_500);
}

#[tokio::test]
async fn an_export_holds_what_a_list_would_and_is_refused_in_other_formats() {
    let shop = Shop::open().await;
    let product = shop.product("2.50", 90).await;
    let other = shop.product("1.00", 9).await;
    let (ana, ana_id) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    for n in 1..=3 {
        let _ = ana.order(&product, n).await.expect(201);
        let _ = bob.order(&product, n).await.expect(201);
    }
    let _ = bob.order(&other, 1).await.expect(201);
    let count =
        async |client: &Client, path: &str| lines(&exported(client, path, NDJSON).await).len();
    assert_eq!(count(&shop.staff, "/orders/export").await, 7);
    assert_eq!(count(&ana, "/orders/export").await, 3);
    assert_eq!(
        count(&bob, &format!("/orders/export?customer_id={ana_id}")).await,
        0
    );
    let of_product = format!("/orders/export?product_id={product}&status=pending");
    assert_eq!(count(&shop.staff, &of_product).await, 6);
    let listed = ana.get("/orders?sort=data_order").await.expect(200);
    let lines = lines(&exported(&ana, "/orders/export", "*/*").await);
    assert_eq!(listed.body["items"].as_array().unwrap(), &lines);
    let table = exported(&ana, "/orders/export", "text/html, text/csv;q=0.5").await;
    assert_eq!(text(&table).lines().count(), 4);
    let disposition = table.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"orders.csv\""));
    let html = ana
        .request("GET", "/orders/export")
        .header("accept", "text/html");
    let _ = Answer::to(html).await.expect_problem(406, "not_acceptable");
    let json = shop
        .staff
        .request("POST", "/products/import")
        .json(&json!({}));
    let _ = Answer::to(json)
        .await
        .expect_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_person_gets_all_that_is_known_of_them_and_nothing_of_others() {
    let shop = Shop::open().await;
    let product = shop.product("2.50", 90).await;
    let (ana, ana_id) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    let order = ana.order(&product, 2).await.expect(201).body;
    let _ = bob.order(&product, 1).await.expect(201);
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let paid = json!({"status": "paid", "note": "by Pix"});
    let _ = shop.staff.put(&path, &paid).await.expect(200);
    let path = format!("/customers/{ana_id}/export");
    let told = ana.get(&path).await.expect(200).body;
    assert_eq!(told["customer"]["id"], ana_id.as_str());
    assert_eq!(told["account"]["email"], told["customer"]["email"]);
    assert_eq!(told["orders"][0]["id"], order["id"]);
    assert_eq!(told["orders"].as_array().unwrap().len(), 1);
    let history = told["history"].as_array().unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1]["note"], "by Pix");
    assert_eq!(history[1]["account_id"], Value::Null);
    let _ = shop.staff.get(&path).await.expect(200);
    let _ = bob.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_export_of_many_reads_cuts_no_order_and_ends_with_the_last() {
    let shop = Shop::open().await;
    let (ana, ana_id) = shop.customer().await;
    for _ in 0..3 {
        let _ = shop.product("1.00", 1).await;
    }
    let many = format!(
        "with placed as (
             insert into orders (id, customer_id, data_order, status)
             select gen_random_uuid(), '{ana_id}', now(), 'pending'
             from generate_series(1, 1500)
             returning id
         )
         insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
         select gen_random_uuid(), placed.id, products.id, 1, 1
         from placed
         cross join products"
    );
    shop.database
        .client()
        .await
        .batch_execute(&many)
        .await
        .unwrap();
    let orders = lines(&exported(&shop.staff, "/orders/export", NDJSON).await);
    assert_eq!(orders.len(), 1_500);
    let is_whole = |order: &Value| order["itens"].as_array().unwrap().len() == 3;
    assert!(orders.iter().all(is_whole));
    let table = text(&exported(&shop.staff, "/orders/export", CSV).await);
    assert_eq!(table.lines().count(), 1 + 3 * 1_500);
    let told = ana.get(&format!("/customers/{ana_id}/export")).await;
    let told = told.expect(200).body;
    assert_eq!(
        told["orders"].as_array().unwrap(),
        &as_its_customer(&orders)
    );
    assert_eq!(told["history"].as_array().unwrap().len(), 1_500);
}

/// The same orders as a customer sees them, who may only cancel.
fn as_its_customer(orders: &[Value]) -> Vec<Value> {
    let own = |order: &Value| {
        let mut order = order.clone();
        order["allowed_transitions"] = json!(["cancelled"]);
        order
    };
    orders.iter().map(own).collect()
}
