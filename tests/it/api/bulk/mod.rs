//! Imports and exports over HTTP.

mod exports;
mod imports;
mod interrupted;
mod slow;

use integration_tests::{Answer, Client, Shop};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

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

/// Begins to import so many bytes of a table, under a key.
async fn begin(shop: &Shop, path: &str, bytes: usize) -> TcpStream {
    let mut socket = TcpStream::connect(shop.staff.addr()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: {CSV}\r\nidempotency-key: key\r\ncontent-length: {bytes}\r\n\r\n",
        shop.staff.token().unwrap(),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

/// Places so many orders for somebody, each of one unit of every product, past the product.
async fn place(shop: &Shop, customer: &str, orders: usize) {
    let place = format!(
        "with placed as (
             insert into orders (id, customer_id, data_order, status)
             select gen_random_uuid(), '{customer}', now(), 'pending'
             from generate_series(1, {orders})
             returning id
         )
         insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
         select gen_random_uuid(), placed.id, products.id, 1, 1
         from placed
         cross join products"
    );
    let client = shop.database.client().await;
    client.batch_execute(&place).await.unwrap();
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
        "is_replay": false,
    })
}

/// The same, told again.
fn replayed(done: &Value) -> Value {
    let mut done = done.clone();
    done["is_replay"] = json!(true);
    done
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
