//! Shops in one database, each in a schema of its own, with one Redis and one key of tokens between them.

use integration_tests::{Answer, Caches, Client, PASSWORD, TestDatabase};
use serde_json::json;
use tokio::process::Command;

use super::{CREATE_BOSS, Served, balcao, run, serve_by, stdout, terminate};

/// A command for the shop in this schema.
fn of(schema: &str, database: &TestDatabase, args: &[&str]) -> Command {
    let mut command = balcao(database, args);
    command
        .env("DATABASE_URL", database.url())
        .env("DATABASE_POOLING", "direct")
        .env("DATABASE_SCHEMA", schema);
    command
}

/// What a command that is refused says.
async fn refused(command: Command) -> String {
    let output = run(command, "").await;
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// A shop that is served, its administrator, and a customer who has the same address in every shop.
struct Shop {
    server: Served,
    boss: Client,
    ana: Client,
}

impl Shop {
    async fn open(schema: &str, database: &TestDatabase, redis: &Caches) -> Self {
        let Caches::Redis(redis) = redis else {
            unreachable!("it is in Redis")
        };
        let _ = stdout(&run(of(schema, database, &CREATE_BOSS), PASSWORD).await);
        let mut serve = of(schema, database, &["serve", "--redis-url", &redis.url]);
        serve.env("REDIS_NAMESPACE", &redis.namespace);
        let server = serve_by(serve).await;
        let boss = server.client.logged_in("boss@example.com").await;
        let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
        let _ = server.client.post("/customers", &sign_up).await.expect(201);
        let ana = server.client.logged_in("ana@example.com").await;
        Self { server, boss, ana }
    }

    /// Sells units of a product that has the same number in every shop.
    async fn sell(&self, units: i64) -> Answer {
        let product =
            json!({"nome": "Café", "preco": "2.50", "sku": "CAFE-1", "quantidade_disponivel": 9});
        let product = self.boss.post("/products", &product).await.expect(201);
        self.ana.order(&product.id(), units).await.expect(201)
    }
}

#[tokio::test]
async fn shops_of_one_database_see_nothing_of_each_other() {
    let database = TestDatabase::empty().await;
    let migrate = async |schema| run(of(schema, &database, &["migrate"]), "").await;
    // Both at once: what they share is made by one of them.
    let (one, other) = tokio::join!(migrate("shop1"), migrate("order"));
    assert_eq!(stdout(&one), stdout(&other));
    let redis = Caches::redis();
    let mut one = Shop::open("shop1", &database, &redis).await;
    let mut other = Shop::open("order", &database, &redis).await;

    let (here, there) = (one.sell(1).await, other.sell(2).await);
    let order = format!("/orders/{}", here.id());
    let _ = one.ana.get(&order).await.expect(200);
    let _ = other.ana.get(&order).await.expect(404);
    let count = async |boss: &Client| boss.walk("/orders").await.len();
    assert_eq!((count(&one.boss).await, count(&other.boss).await), (1, 1));
    assert_eq!(there.body["total"], "5.00");

    // The key that signs is the same, and so is who reads it.
    let elsewhere = one.boss.at(&other.server.client);
    let _ = elsewhere
        .get("/orders")
        .await
        .expect_problem(401, "token_invalid");

    // By hand, from a session that looks into neither.
    let client = database.client().await;
    client.batch_execute("set search_path = ''").await.unwrap();
    client
        .batch_execute("update shop1.users set disabled_at = now() where email = 'ana@example.com'")
        .await
        .unwrap();
    one.ana.hears_that_it_ended().await;
    let _ = other.ana.get("/orders").await.expect(200);

    let reconcile = run(of("order", &database, &["reconcile"]), "").await;
    assert!(stdout(&reconcile).starts_with("1 product"), "{reconcile:?}");
    for shop in [&mut one, &mut other] {
        terminate(&mut shop.server.process).await;
    }
}

#[tokio::test]
async fn a_shop_whose_schema_lacks_something_does_not_take_it_from_another() {
    let database = TestDatabase::empty().await;
    let mut shared = of("", &database, &["migrate"]);
    shared.env_remove("DATABASE_SCHEMA");
    let _ = stdout(&run(shared, "").await);
    for command in [&["serve", "--no-migrate"][..], &["migrate"], &["reconcile"]] {
        let told = refused(of("shop1", &database, command)).await;
        assert!(
            told.contains("alter schema public rename to NAME"),
            "{told}"
        );
    }
    // What it says to do.
    let client = database.client().await;
    client
        .batch_execute(
            "alter schema public rename to shop0;
             revoke all on schema shop0 from public;
             create schema public;
             grant usage on schema public to public;
             alter extension pg_trgm set schema public",
        )
        .await
        .unwrap();
    for schema in ["shop0", "shop1"] {
        let _ = stdout(&run(of(schema, &database, &["migrate"]), "").await);
        let _ = stdout(&run(of(schema, &database, &["seed"]), "").await);
    }
    // Nor is another one made in their way.
    let told = refused(of("", &database, &["migrate"])).await;
    assert!(told.contains("set DATABASE_SCHEMA"), "{told}");
}

#[tokio::test]
async fn what_others_keep_in_a_database_is_in_nobodys_way() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    // Somebody else's, who uses the same library for migrations.
    let theirs = "
        create schema theirs;
        create table theirs.refinery_schema_history (version int);
        create table public.refinery_schema_history (version int)";
    client.batch_execute(theirs).await.unwrap();
    let _ = stdout(&run(of("shop1", &database, &["migrate"]), "").await);
    let _ = stdout(&run(of("shop1", &database, &["seed"]), "").await);
}

#[tokio::test]
async fn an_extension_that_only_one_shop_finds_is_told() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    let hide = "create schema hidden; create extension pg_trgm schema hidden";
    client.batch_execute(hide).await.unwrap();
    let told = refused(of("shop1", &database, &["migrate"])).await;
    assert!(told.contains("pg_trgm is in the schema hidden"), "{told}");
    let show = "alter extension pg_trgm set schema public";
    client.batch_execute(show).await.unwrap();
    let _ = stdout(&run(of("shop1", &database, &["migrate"]), "").await);
}

#[tokio::test]
async fn whoever_may_make_no_schema_is_given_one() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    let role = format!("seller_{}", uuid::Uuid::new_v4().simple());
    let make = format!("create role {role} login; create extension pg_trgm schema public");
    client.batch_execute(&make).await.unwrap();
    let migrate = || {
        let mut migrate = of("shop1", &database, &["migrate"]);
        let url = database.url().replacen("balcao@", &format!("{role}@"), 1);
        migrate.env("DATABASE_URL", url);
        migrate
    };
    let told = refused(migrate()).await;
    assert!(told.contains("create schema shop1 authorization"), "{told}");
    let give = format!("create schema shop1 authorization {role}");
    client.batch_execute(&give).await.unwrap();
    let _ = stdout(&run(migrate(), "").await);
    let take = format!("drop owned by {role}; drop role {role}");
    client.batch_execute(&take).await.unwrap();
}

#[tokio::test]
async fn a_url_that_looks_elsewhere_is_told() {
    let database = TestDatabase::empty().await;
    let mut migrate = of("shop1", &database, &["migrate"]);
    let elsewhere = format!("{}?options=-csearch_path%3Dshop2", database.url());
    migrate.env("DATABASE_URL", elsewhere);
    let told = refused(migrate).await;
    assert!(told.contains("search_path is \"shop2\""), "{told}");
    let told = refused(of("Shop", &database, &["migrate"])).await;
    assert!(
        told.contains("DATABASE_SCHEMA must be lower-case"),
        "{told}"
    );
}
