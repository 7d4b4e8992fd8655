//! Commands that do their work and end, and settings that end a command before it begins.

use integration_tests::TestDatabase;
use serde_json::Value;

use super::{balcao, run, stdout};

#[tokio::test]
async fn the_document_of_the_api_is_printed_without_a_database() {
    let database = TestDatabase::migrated().await;
    let mut command = balcao(&database, &["openapi"]);
    let printed = run(
        {
            command.env_clear();
            command
        },
        "",
    )
    .await;
    let printed: Value = serde_json::from_str(stdout(&printed)).unwrap();
    assert_eq!(printed, *integration_tests::DOCUMENT);
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
