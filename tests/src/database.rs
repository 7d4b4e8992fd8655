//! A private database for each test.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use adapters_postgres::{Database, DatabaseSettings};
use domain::Clock as _;
use http_actix::adapters::SystemClock;
use time::Duration;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::{
    pooler::{self, Route},
    variable,
};

/// Whoever makes the template holds this lock.
const TEMPLATE_LOCK: i64 = 0x0074_656d_706c_6174;

/// A database of this test's own; it is dropped with this value.
pub struct TestDatabase {
    /// The URL of the server's first database.
    server: String,
    name: String,
}

impl TestDatabase {
    /// A database with the schema of this checkout and nothing in it.
    pub async fn migrated() -> Self {
        Self::migrated_on(&variable("TEST_DATABASE_URL")).await
    }

    /// The same, on another server than that of the tests.
    pub(crate) async fn migrated_on(server: &str) -> Self {
        let are_partitioned = env::var_os("TEST_PARTITIONED").is_some();
        Self::of(server, are_partitioned).await
    }

    /// The same, whose orders are not kept month by month, whatever others do.
    pub async fn of_whole_tables() -> Self {
        Self::of(&variable("TEST_DATABASE_URL"), false).await
    }

    async fn of(server: &str, are_partitioned: bool) -> Self {
        let template = template(server, are_partitioned).await;
        Self::create(server, &format!("template {template}")).await
    }

    /// A database without a schema.
    pub async fn empty() -> Self {
        Self::create(&variable("TEST_DATABASE_URL"), "").await
    }

    async fn create(server: &str, from: &str) -> Self {
        let name = format!("balcao_test_{}", Uuid::new_v4().simple());
        let create = format!("create database {name} {from}");
        let client = connect(server).await;
        client.batch_execute(&create).await.unwrap();
        let database = Self {
            server: server.to_owned(),
            name,
        };
        look_into_schema(&client, &database.name).await;
        database
    }

    /// Gives it to a new role that may log in, and is no superuser; returns the role's name.
    pub async fn given_away(&self) -> String {
        let owner = format!("owner_{}", Uuid::new_v4().simple());
        let give = format!(
            "create role {owner} login;
             alter database {} owner to {owner}",
            self.name
        );
        self.client().await.batch_execute(&give).await.unwrap();
        owner
    }

    /// Takes it, and all that is in it, back from this role, which is gone then.
    pub async fn taken_back(&self, owner: &str) {
        let take_back = format!(
            "alter database {} owner to current_user;
             reassign owned by {owner} to current_user;
             drop owned by {owner};
             drop role {owner}",
            self.name
        );
        self.client().await.batch_execute(&take_back).await.unwrap();
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(&self.server, &self.name)
    }

    /// How the product reaches it.
    #[must_use]
    pub fn route(&self) -> Route {
        Route::to(&self.server, self.url())
    }

    /// The product's settings of it.
    pub(crate) fn settings(&self, max_connections: usize) -> DatabaseSettings {
        self.route().settings(max_connections)
    }

    /// A pool of at most `max_connections`.
    #[must_use]
    pub fn pool(&self, max_connections: usize) -> Database {
        Database::new(&self.settings(max_connections)).unwrap()
    }

    /// A connection past the product, to look at what is really there.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("drop database {} with (force)", self.name);
        let server = self.server.clone();
        // On a thread of its own: the test's runtime may be on its way out.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = connect(&server).await;
                // Whatever a test has left behind: no standby is waited for.
                let alone = "set synchronous_commit = local";
                client.batch_execute(alone).await.unwrap();
                client.batch_execute(&drop).await.unwrap();
            });
        });
        let is_dropped = dropping.join().is_ok() || std::thread::panicking();
        assert!(is_dropped, "the database {} was not dropped", self.name);
    }
}

/// Lets whoever looks past the product find its tables, where a shop has a schema of its own.
async fn look_into_schema(client: &Client, database: &str) {
    let schema = pooler::schema();
    if !schema.is_empty() {
        let path = format!("alter database {database} set search_path = {schema}, public");
        client.batch_execute(&path).await.unwrap();
    }
}

/// The name of a database with the schema of this checkout, made once for all tests.
async fn template(url: &str, are_partitioned: bool) -> String {
    let kind = if are_partitioned { "_by_month" } else { "" };
    let schema = pooler::schema();
    let name = format!("balcao_template_{:016x}{kind}{schema}", migrations_hash());
    let server = connect(url).await;
    // Waits for whoever makes it; the lock ends with the transaction.
    server.batch_execute("begin").await.unwrap();
    let lock = "select pg_advisory_xact_lock($1)";
    server.execute(lock, &[&TEMPLATE_LOCK]).await.unwrap();
    let is_made = "select datistemplate from pg_database where datname = $1";
    let row = server.query_opt(is_made, &[&name]).await.unwrap();
    if !row.is_some_and(|row| row.get(0)) {
        // Made through another connection: `create database` runs in no transaction.
        let maker = connect(url).await;
        let (drop, create) = (
            format!("drop database if exists {name}"),
            format!("create database {name}"),
        );
        maker.batch_execute(&drop).await.unwrap();
        maker.batch_execute(&create).await.unwrap();
        look_into_schema(&maker, &name).await;
        // Past a pooler, which may not know it yet.
        let settings = Route::past_poolers(url_of(url, &name)).settings(1);
        make(&Database::new(&settings).unwrap(), are_partitioned).await;
        if are_partitioned {
            let client = connect(&url_of(url, &name)).await;
            client.batch_execute(ANY_TIME).await.unwrap();
        }
        crate::eventually("the template is left alone", || async {
            let count = "select count(*) from pg_stat_activity where datname = $1";
            let sessions: i64 = maker.query_one(count, &[&name]).await.unwrap().get(0);
            sessions == 0
        })
        .await;
        let finish = format!("alter database {name} is_template true");
        maker.batch_execute(&finish).await.unwrap();
    }
    server.batch_execute("commit").await.unwrap();
    name
}

async fn make(database: &Database, are_partitioned: bool) {
    database.migrate().await.unwrap();
    if are_partitioned {
        partition(database).await;
    }
}

/// For ids that a test makes up, whose time is anything.
const ANY_TIME: &str = "
    create table orders_of_any_time partition of orders default;
    create table itens_order_of_any_time partition of itens_order default;
    create table order_history_of_any_time partition of order_history default";

/// Keeps orders month by month since a year ago: those of a test are in one of many partitions.
pub async fn partition(database: &Database) {
    let now = SystemClock.now();
    let began = now - Duration::days(400);
    let done = database.partition(began, now + Duration::days(92), |_| {});
    done.await.unwrap();
}

/// The migrations of this checkout, in their sequence: their numbers, and what they say.
#[must_use]
pub fn migrations() -> Vec<(u32, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut migrations = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = name
            .strip_prefix('V')
            .and_then(|name| name.split_once("__"));
        if let Some((number, _)) = number {
            let sql = fs::read_to_string(&path).unwrap();
            migrations.push((number.parse::<u32>().unwrap(), sql));
        }
    }
    migrations.sort();
    migrations
}

/// Applies the migrations of these numbers, past the product.
pub async fn apply_migrations(client: &Client, numbers: impl Fn(u32) -> bool) {
    let mut migrations = migrations();
    migrations.retain(|(number, _)| numbers(*number));
    assert!(!migrations.is_empty());
    for (_, sql) in migrations {
        client.batch_execute(&sql).await.unwrap();
    }
}

/// What the migrations of this checkout say, in short.
fn migrations_hash() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        (file.file_name(), fs::read(&file).unwrap()).hash(&mut hasher);
    }
    hasher.finish()
}

/// The server's URL with another database in it.
pub(crate) fn url_of(server: &str, database: &str) -> String {
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
