//! The binary itself, as an operator uses it.

mod backup;
mod commands;
mod limits;
mod logs;
mod metrics;
mod schemas;
mod serving;
mod silence;
mod terminal;
mod traces;

use std::process::{Output, Stdio};

use integration_tests::{Client, PASSWORD, TestDatabase, balcao_program, eventually};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};

/// All that the binary sees of an environment.
fn environment(database: &TestDatabase) -> [(&'static str, String); 7] {
    let route = database.route();
    let secret = "a secret that never shows in a log, 32+";
    [
        ("DATABASE_URL", route.url),
        ("DATABASE_POOLING", route.pooling),
        ("DATABASE_PREPARED", route.prepared),
        ("DATABASE_SCHEMA", route.schema),
        ("JWT_SECRET", secret.to_owned()),
        ("BCRYPT_COST", "4".to_owned()),
        ("HTTP_ADDR", "127.0.0.1:0".to_owned()),
    ]
}

fn balcao(database: &TestDatabase, args: &[&str]) -> Command {
    let mut command = Command::new(balcao_program());
    command
        .args(args)
        .env_clear()
        .envs(environment(database))
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

/// Makes the first administrator.
const CREATE_BOSS: [&str; 7] = [
    "user",
    "create",
    "--email",
    "boss@example.com",
    "--role",
    "admin",
    "--password-stdin",
];

/// A server that runs, what it will have written into its log, and a client of it.
struct Served {
    process: Child,
    log: JoinHandle<Vec<Value>>,
    client: Client,
}

/// Starts the server, and waits until it is ready.
async fn serve(database: &TestDatabase, flags: &[&str]) -> Served {
    serve_by(balcao(database, &[&["serve"], flags].concat())).await
}

/// Runs a command that serves.
async fn serve_by(mut command: Command) -> Served {
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let (listening, addr) = oneshot::channel();
    let log = tokio::spawn(async move {
        let (mut log, mut listening) = (Vec::new(), Some(listening));
        while let Some(line) = lines.next_line().await.unwrap() {
            let secret = line.contains(PASSWORD) || line.contains("never shows");
            assert!(!secret, "{line}");
            let event: Value = serde_json::from_str(&line).unwrap();
            if let Some(addr) = event["addr"].as_str()
                && let Some(listening) = listening.take()
            {
                listening.send(addr.parse().unwrap()).unwrap();
            }
            log.push(event);
        }
        log
    });
    let client = Client::new(addr.await.expect("it listens"));
    eventually("it is ready", || async {
        client.get("/readyz").await.status == 200
    })
    .await;
    Served {
        process,
        log,
        client,
    }
}

/// Sends a signal to a server, by its name with a dash before it.
async fn signal(process: &Child, name: &str) {
    let pid = process.id().unwrap().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().await;
    assert!(sent.unwrap().success());
}

/// Ends a server as an orchestrator does, which must be a clean end.
async fn terminate(process: &mut Child) {
    signal(process, "-TERM").await;
    let ended = tokio::time::timeout(integration_tests::PATIENCE, process.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
}
