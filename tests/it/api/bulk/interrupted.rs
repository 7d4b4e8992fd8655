//! Imports that are interrupted: by a client that hangs up, and by a PostgreSQL that crashes.

use integration_tests::{PATIENCE, PrivatePostgres, Shop, eventually, table_of_products};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{CSV, begin, done, import, import_under, last, products, replayed};

/// An import whose last row is still to be sent.
struct Unfinished {
    socket: TcpStream,
    last_row: String,
}

impl Unfinished {
    /// Begins to import rows, under a key.
    async fn begin(shop: &Shop, path: &str, rows: &str) -> Self {
        let mut socket = begin(shop, path, rows.len()).await;
        let (sent, last_row) = rows.split_at(rows.len() - 9);
        socket.write_all(sent.as_bytes()).await.unwrap();
        Self {
            socket,
            last_row: last_row.to_owned(),
        }
    }

    /// The same, of which two batches are written.
    async fn after_two_batches(shop: &Shop, rows: &str) -> Self {
        let unfinished = Self::begin(shop, "/products/import", rows).await;
        let two_batches = || async { products(shop).await == 2_000 };
        eventually("two batches are written", two_batches).await;
        unfinished
    }

    /// Sends the last row, if the server still takes it, and returns what was answered.
    async fn finish(mut self) -> String {
        let _ = self.socket.write_all(self.last_row.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = self.socket.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_whole_batches_and_goes_on_under_its_key() {
    let shop = Shop::open().await;
    let rows = table_of_products(2_500);
    let unfinished = Unfinished::after_two_batches(&shop, &rows).await;
    drop(unfinished);
    let told = import_under(&shop.staff, "key", &rows).await;
    assert_eq!(last(&told), &done(2_500, 2_500, 0, 0, 0));
    assert_eq!(products(&shop).await, 2_500);
}

#[tokio::test]
async fn after_a_crash_of_postgresql_every_row_is_imported_once_under_the_same_key() {
    let postgres = PrivatePostgres::start().await;
    let shop = Shop::on(&postgres).await;
    let rows = table_of_products(2_500);
    let unfinished = Unfinished::after_two_batches(&shop, &rows).await;
    postgres.restart().await;
    // It may have met the crash or not: either is told.
    let told = unfinished.finish().await;
    let is_done = told.contains("\"created\":2500");
    assert!(is_done || told.contains("\"unavailable\""), "{told}");
    let told = import_under(&shop.staff, "key", &rows).await;
    let all = done(2_500, 2_500, 0, 0, 0);
    let again = if is_done { replayed(&all) } else { all };
    assert_eq!(last(&told), &again);
    assert_eq!(products(&shop).await, 2_500);
}

#[tokio::test]
async fn an_import_that_meets_a_silent_postgresql_ends_and_goes_on_under_its_key() {
    let postgres = PrivatePostgres::start().await;
    let shop = Shop::on(&postgres).await;
    let rows = table_of_products(2_500);
    let unfinished = Unfinished::after_two_batches(&shop, &rows).await;
    postgres.signal("-STOP").await;
    let told = tokio::time::timeout(PATIENCE, unfinished.finish()).await;
    let told = told.expect("it ends");
    assert!(told.contains("\"unavailable\""), "{told}");
    postgres.signal("-CONT").await;
    let told = import_under(&shop.staff, "key", &rows).await;
    assert_eq!(last(&told), &done(2_500, 2_500, 0, 0, 0));
    assert_eq!(products(&shop).await, 2_500);
}

#[tokio::test]
async fn an_atomic_import_that_meets_a_crash_of_postgresql_has_done_nothing() {
    let postgres = PrivatePostgres::start().await;
    let shop = Shop::on(&postgres).await;
    let rows = table_of_products(2_500);
    let atomic = "/products/import?atomic=true";
    let unfinished = Unfinished::begin(&shop, atomic, &rows).await;
    let client = shop.database.client().await;
    let is_staging = || async {
        let staged = "
            select
            from pg_class
            where relname = 'staged'
              and pg_relation_size(oid) > 0";
        client.query_opt(staged, &[]).await.unwrap().is_some()
    };
    eventually("it has rows", is_staging).await;
    postgres.restart().await;
    let told = unfinished.finish().await;
    assert!(told.contains("\"unavailable\""), "{told}");
    assert_eq!(products(&shop).await, 0);
    let told = import(&shop.staff, atomic, CSV, &rows).await;
    assert_eq!(last(&told)["created"], 2_500);
    assert_eq!(products(&shop).await, 2_500);
}

#[tokio::test]
async fn an_atomic_import_that_hangs_up_leaves_nothing() {
    let shop = Shop::open().await;
    let rows = table_of_products(2_500);
    let atomic = "/products/import?atomic=true";
    let mut unfinished = Unfinished::begin(&shop, atomic, &rows).await;
    // Half a connection is none: the answer, if there is one, ends.
    unfinished.socket.shutdown().await.unwrap();
    let _ = unfinished.finish().await;
    assert_eq!(products(&shop).await, 0);
    let told = import(&shop.staff, atomic, CSV, &rows).await;
    assert_eq!(last(&told)["created"], 2_500);
}
