//! Commands that do their work and end, and settings that end a command before it begins.

use domain::orders::OrderStatus;
use integration_tests::TestDatabase;
use serde_json::Value;
use uuid::Uuid;

use super::{balcao, run, stdout};

#[tokio::test]
async fn the_document_of_the_api_is_printed_without_a_database() {
    let database = TestDatabase::migrated().await;
    let mut command = balcao(&database, &["openapi"]);
    command.env_clear();
    let printed = run(command, "").await;
    let printed: Value = serde_json::from_str(stdout(&printed)).unwrap();
    assert_eq!(printed, *integration_tests::DOCUMENT);
}

#[tokio::test]
async fn reconciling_succeeds_until_a_row_was_tampered_with_and_then_names_the_product() {
    let database = TestDatabase::migrated().await;
    let _ = stdout(&run(balcao(&database, &["seed"]), "").await);
    let reconcile = || async { run(balcao(&database, &["reconcile"]), "").await };
    assert_eq!(
        stdout(&reconcile().await),
        "40 products: the stock of each is the sum of its ledger"
    );
    let client = database.client().await;
    let tamper = "
        update stock
        set quantidade_disponivel = quantidade_disponivel + 1
        where product_id = (select min(product_id::text)::uuid from stock)
        returning product_id, quantidade_disponivel";
    let row = client.query_one(tamper, &[]).await.unwrap();
    let (product, units): (Uuid, i64) = (row.get(0), row.get(1));
    let failed = reconcile().await;
    assert!(!failed.status.success());
    assert_eq!(
        String::from_utf8_lossy(&failed.stdout).trim_end(),
        format!("{product}: {units} in stock, {} by its ledger", units - 1)
    );
    assert_eq!(
        String::from_utf8_lossy(&failed.stderr).trim_end(),
        "balcao: of 40 products, 1 with stock that is not the sum of its ledger"
    );
}

/// The orders of a demonstration: their ids and statuses, the oldest first, and how many days ago
/// the first and the last were placed.
async fn demonstration(database: &TestDatabase) -> (Vec<(Uuid, String)>, f64, f64) {
    let client = database.client().await;
    let orders = "select id, status from orders order by data_order, id";
    let orders = client.query(orders, &[]).await.unwrap();
    let ages = "
        select extract(epoch from now() - min(data_order))::float8 / 86400,
               extract(epoch from now() - max(data_order))::float8 / 86400
        from orders";
    let ages = client.query_one(ages, &[]).await.unwrap();
    let orders = orders.iter().map(|row| (row.get(0), row.get(1))).collect();
    (orders, ages.get(0), ages.get(1))
}

#[tokio::test]
async fn the_demonstration_has_orders_in_every_status_over_sixty_days_and_is_the_same_every_time() {
    let mut loads = Vec::new();
    for _ in 0..2 {
        let database = TestDatabase::migrated().await;
        let loaded = run(balcao(&database, &["seed"]), "").await;
        assert_eq!(
            stdout(&loaded),
            "loaded 40 products, 20 customers and 200 orders"
        );
        let (orders, oldest, newest) = demonstration(&database).await;
        assert_eq!(orders.len(), 200);
        for status in OrderStatus::ALL {
            let name = status.as_str();
            let count = orders.iter().filter(|(_, status)| status == name).count();
            assert!(count >= 5, "{count} orders are {status}");
        }
        assert!(oldest > 58.0 && newest < 1.0 && newest > 0.0);
        assert!(orders.iter().all(|(id, _)| id.get_version_num() == 7));
        loads.push(orders);
    }
    assert_eq!(loads[0], loads[1]);
}

#[tokio::test]
async fn a_demonstration_whose_load_was_interrupted_is_completed_by_the_next() {
    let database = TestDatabase::migrated().await;
    let seed = || async { run(balcao(&database, &["seed"]), "").await };
    let _ = stdout(&seed().await);
    let (mut whole, ..) = demonstration(&database).await;
    let client = database.client().await;
    let interrupt = "
        create temporary table lost as select id from orders order by data_order desc, id limit 3;
        delete from itens_order where order_id in (select id from lost);
        delete from orders where id in (select id from lost)";
    client.batch_execute(interrupt).await.unwrap();
    assert_eq!(
        stdout(&seed().await),
        "loaded 0 products, 0 customers and 3 orders"
    );
    let (mut again, ..) = demonstration(&database).await;
    whole.sort();
    again.sort();
    assert_eq!(again, whole);
}

#[tokio::test]
async fn best_sellers_are_rebuilt_and_what_differed_is_said() {
    let database = TestDatabase::empty().await;
    let _ = stdout(&run(balcao(&database, &["migrate"]), "").await);
    let _ = stdout(&run(balcao(&database, &["seed"]), "").await);
    let rebuild = || async { run(balcao(&database, &["best-sellers", "rebuild"]), "").await };
    assert_eq!(stdout(&rebuild().await), "nothing differed");
    let client = database.client().await;
    let forgotten = "delete from sales_to_date where (product_id, day) = (
        select product_id, max(day) from sales_to_date group by product_id limit 1)";
    client.batch_execute(forgotten).await.unwrap();
    let told = rebuild().await;
    let told = stdout(&told);
    assert!(
        told.contains("counted nothing") && told.contains("1 day of a product differed"),
        "{told}"
    );
    assert_eq!(stdout(&rebuild().await), "nothing differed");
}

#[tokio::test]
async fn sessions_of_a_pooler_that_would_wait_for_ever_are_told_in_a_line_before_anything_is_served()
 {
    let database = TestDatabase::migrated().await;
    let mut serve = balcao(&database, &["serve", "--database-pooling", "transaction"]);
    // As of a pooler without a connect_query: nobody has told these sessions anything.
    serve.env("DATABASE_URL", database.url());
    let refused = run(serve, "").await;
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr);
    let told: Vec<_> = told.lines().filter(|line| line.contains("set ")).collect();
    let [line] = told[..] else { panic!("{told:?}") };
    assert!(
        line.contains("client_connection_check_interval is \"0\""),
        "{line}"
    );
    assert!(
        line.contains("let the pooler's connect_query be: set "),
        "{line}"
    );
    assert!(line.contains("set statement_timeout = '10s'"), "{line}");
}

#[tokio::test]
async fn bad_settings_are_told_together_and_without_secrets() {
    let database = TestDatabase::empty().await;
    let mut command = balcao(&database, &["serve", "--bcrypt-cost", "99"]);
    command
        .env("DATABASE_URL", "mysql://root:hunter2@localhost")
        .env("JWT_SECRET", "short");
    let output = run(command, "").await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    for name in ["DATABASE_URL", "JWT_SECRET", "BCRYPT_COST"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    let mut help = balcao(&database, &["serve", "--help"]);
    help.env("DATABASE_URL", "postgres://root:hunter2@localhost/x");
    let help = run(help, "").await;
    let help = stdout(&help).to_owned();
    assert!(
        help.contains("JWT_SECRET") && !help.contains("hunter2") && !help.contains("never shows")
    );
}

#[tokio::test]
async fn orders_are_kept_month_by_month_once_and_by_whom_they_were_kept_before() {
    let database = TestDatabase::empty().await;
    let _ = stdout(&run(balcao(&database, &["migrate"]), "").await);
    let _ = stdout(&run(balcao(&database, &["seed"]), "").await);
    let partition = async |args: &[&str]| {
        let args = [&["partition", "--monthly"], args].concat();
        run(balcao(&database, &args), "").await
    };
    let told = partition(&[]).await;
    let told = stdout(&told);
    assert!(
        told.contains("order_history: everything so far is its first partition"),
        "{told}"
    );
    assert_eq!(
        stdout(&partition(&["--keep-months", "13"]).await),
        "there is room for the months ahead"
    );
    for few in ["0", "12", "soon"] {
        let refused = partition(&["--keep-months", few]).await;
        assert!(!refused.status.success(), "{few}");
    }
    let whole = run(balcao(&database, &["reconcile"]), "").await;
    let whole = stdout(&whole);
    assert_eq!(
        whole,
        "40 products: the stock of each is the sum of its ledger"
    );
}
