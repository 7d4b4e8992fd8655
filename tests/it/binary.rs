//! The binary itself, once, as an operator uses it.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use integration_tests::{Client, PASSWORD, TestDatabase, eventually};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

/// `balcao` with nothing of this process's environment but what is given.
fn balcao(database: &TestDatabase, args: &[&str]) -> Command {
    // Beside this test's own binary: target/PROFILE/deps/it-HASH.
    let deps = std::env::current_exe().unwrap();
    let binary: PathBuf = deps
        .parent()
        .and_then(|deps| deps.parent())
        .unwrap()
        .join("balcao");
    assert!(
        binary.exists(),
        "build it first: cargo build --workspace --bins"
    );
    let mut command = Command::new(binary);
    command
        .args(args)
        .env_clear()
        .env("DATABASE_URL", database.url())
        .env("JWT_SECRET", "a secret that never shows in a log, 32+")
        .env("BCRYPT_COST", "4")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(mut command: Command, stdin: &str) -> Output {
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .await
        .unwrap();
    child.wait_with_output().await.unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::str::from_utf8(&output.stdout).unwrap().trim()
}

#[tokio::test]
async fn from_an_empty_database_to_a_placed_order_and_a_clean_end() {
    let database = TestDatabase::empty().await;
    let migrate = || run(balcao(&database, &["migrate"]), "");
    assert_eq!(stdout(&migrate().await), "8 migrations applied");
    assert_eq!(stdout(&migrate().await), "the schema is up to date");

    let create = [
        "user",
        "create",
        "--email",
        "boss@example.com",
        "--role",
        "admin",
        "--password-stdin",
    ];
    let created = run(balcao(&database, &create), &format!("{PASSWORD}\n")).await;
    assert_eq!(stdout(&created), "boss@example.com may log in as admin");
    let again = run(balcao(&database, &create), &format!("{PASSWORD}\n")).await;
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("has an account already"));
    let if_absent = [&create[..], &["--if-absent"]].concat();
    let _ = stdout(&run(balcao(&database, &if_absent), PASSWORD).await);
    let short = run(balcao(&database, &create), "short\n").await;
    assert!(String::from_utf8_lossy(&short.stderr).contains("at least 8 characters"));

    let seed = || run(balcao(&database, &["seed"]), "");
    assert_eq!(
        stdout(&seed().await),
        "loaded 40 products, 20 customers and 200 orders"
    );
    assert_eq!(stdout(&seed().await), "the demonstration is there already");

    let mut server = balcao(&database, &["serve"]).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    let addr = loop {
        let line = log.next_line().await.unwrap().expect("it listens");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        if event["message"] == "listening" {
            break event["addr"].as_str().unwrap().parse().unwrap();
        }
    };
    let anonymous = Client::new(addr);
    eventually("it is ready", || async {
        anonymous.get("/readyz").await.status == 200
    })
    .await;
    let boss = anonymous.logged_in("boss@example.com").await;
    let product = boss.product("19.90", 3).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@new.example", "password": PASSWORD});
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    let ana = anonymous.logged_in("ana@new.example").await;
    let order = ana.order(&product, 2).await.expect(201);
    assert_eq!(order.body["total"], "39.80");
    let top = anonymous.get("/products/best-sellers").await.expect(200);
    assert_eq!(top.body["items"].as_array().unwrap().len(), 10);

    let pid = server.id().unwrap().to_string();
    let term = Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .await
        .unwrap();
    assert!(term.success());
    let ended = tokio::time::timeout(integration_tests::PATIENCE, server.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
    let mut told = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        assert!(
            !line.contains(PASSWORD) && !line.contains("never shows"),
            "{line}"
        );
        told.push(serde_json::from_str::<serde_json::Value>(&line).unwrap());
    }
    let placed = told.iter().find(|e| e["http.route"] == "/orders").unwrap();
    assert_eq!(placed["http.method"], "POST");
    assert_eq!(placed["http.status"], 201);
    assert_eq!(placed["role"], "customer");
    assert_eq!(placed["request_id"], *order.header("x-request-id").unwrap());
    assert!(placed["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(told.last().unwrap()["message"], "stopped");
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
