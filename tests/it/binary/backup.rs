//! A dump that is made while orders are placed, and the shop that is restored from it.

use std::process::Stdio;

use integration_tests::{Answer, PASSWORD, TestDatabase, eventually, postgres_program};
use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command};

use super::{
    CREATE_BOSS, balcao, run, serve,
    serving::{storm, under},
    stdout, terminate,
};

/// What a program of PostgreSQL's writes when it reads this. It must succeed.
async fn postgres(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(postgres_program(program))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {told}");
    output.stdout
}

async fn orders(database: &TestDatabase) -> i64 {
    let client = database.client().await;
    let count = client.query_one("select count(*) from orders", &[]).await;
    count.unwrap().get(0)
}

#[tokio::test]
async fn what_is_dumped_while_orders_are_placed_is_restored_as_of_one_moment() {
    let database = TestDatabase::migrated().await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let mut server = serve(&database, &[]).await;
    let boss = server.client.logged_in("boss@example.com").await;
    let product = boss.product("1.00", 1_000_000).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = server.client.post("/customers", &sign_up).await.expect(201);
    let ana = server.client.logged_in("ana@example.com").await;
    let storms = (0..8).map(|name| tokio::spawn(storm(ana.clone(), name, product.clone())));
    let storms: Vec<_> = storms.collect();

    eventually("the storm is in full swing", || async {
        orders(&database).await > 100
    })
    .await;
    let before = orders(&database).await;
    let dump = postgres("pg_dump", &["--format=custom", &database.url()], &[]).await;
    let after = orders(&database).await;
    eventually("the storm goes on", || async {
        orders(&database).await > after
    })
    .await;
    server.process.start_kill().unwrap();
    server.process.wait().await.unwrap();

    let restored = TestDatabase::empty().await;
    let into = format!("--dbname={}", restored.url());
    let args = ["--exit-on-error", "--no-owner", &into];
    let _ = postgres("pg_restore", &args, &dump).await;
    let kept = orders(&restored).await;
    assert!(
        (before..=after).contains(&kept),
        "{kept} orders of {before} to {after}"
    );
    let migrated = run(balcao(&restored, &["migrate"]), "").await;
    assert_eq!(stdout(&migrated), "the schema is up to date");
    let reconcile = || async { run(balcao(&restored, &["reconcile"]), "").await };
    let reconciled = "1 product: the stock of each is the sum of its ledger";
    assert_eq!(stdout(&reconcile().await), reconciled);

    // Under its key an order that was lost is placed again, and one that was kept is not.
    let mut server = serve(&restored, &[]).await;
    let ana = ana.at(&server.client);
    let (mut keys, mut replayed) = (0_i64, 0_i64);
    for storm in storms {
        let (asked, _) = storm.await.unwrap();
        for key in asked {
            let answer = Answer::to(under(&ana, &key, &product)).await.expect(201);
            keys += 1;
            replayed += i64::from(answer.header("idempotency-replayed").is_some());
        }
    }
    assert_eq!((replayed, orders(&restored).await), (kept, keys));
    assert_eq!(stdout(&reconcile().await), reconciled);
    terminate(&mut server.process).await;
}
