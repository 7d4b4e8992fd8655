//! The binary itself, once, as an operator uses it.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use integration_tests::{Answer, Client, PASSWORD, TestDatabase, eventually};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
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

/// A server that runs, what it will have written into its log, and a client of it.
struct Served {
    process: Child,
    log: JoinHandle<Vec<Value>>,
    client: Client,
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

#[tokio::test]
async fn from_an_empty_database_to_a_placed_order_and_a_clean_end() {
    let database = TestDatabase::empty().await;
    let migrate = || run(balcao(&database, &["migrate"]), "");
    let applied = format!(
        "{} migrations applied",
        adapters_postgres::embedded_migrations()
    );
    assert_eq!(stdout(&migrate().await), applied);
    assert_eq!(stdout(&migrate().await), "the schema is up to date");

    let created = run(balcao(&database, &CREATE_BOSS), &format!("{PASSWORD}\n")).await;
    assert_eq!(stdout(&created), "boss@example.com may log in as admin");
    let again = run(balcao(&database, &CREATE_BOSS), &format!("{PASSWORD}\n")).await;
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("has an account already"));
    let if_absent = [&CREATE_BOSS[..], &["--if-absent"]].concat();
    let _ = stdout(&run(balcao(&database, &if_absent), PASSWORD).await);
    let short = run(balcao(&database, &CREATE_BOSS), "short\n").await;
    assert!(String::from_utf8_lossy(&short.stderr).contains("at least 8 characters"));

    let seed = || run(balcao(&database, &["seed"]), "");
    assert_eq!(
        stdout(&seed().await),
        "loaded 40 products, 20 customers and 200 orders"
    );
    assert_eq!(stdout(&seed().await), "the demonstration is there already");

    let Served {
        mut process,
        log,
        client: anonymous,
    } = serve(&database, &[]).await;
    let boss = anonymous.logged_in("boss@example.com").await;
    let product = boss.product("19.90", 3).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@new.example", "password": PASSWORD});
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    let ana = anonymous.logged_in("ana@new.example").await;
    let order = ana.order(&product, 2).await.expect(201);
    assert_eq!(order.body["total"], "39.80");
    let top = anonymous.get("/products/best-sellers").await.expect(200);
    assert_eq!(top.body["items"].as_array().unwrap().len(), 10);

    terminate(&mut process).await;
    let told = log.await.unwrap();
    let placed = told.iter().find(|e| e["http.route"] == "/orders").unwrap();
    assert_eq!(placed["http.method"], "POST");
    assert_eq!(placed["http.status"], 201);
    assert_eq!(placed["role"], "customer");
    assert_eq!(placed["request_id"], *order.header("x-request-id").unwrap());
    assert!(placed["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(told.last().unwrap()["message"], "stopped");
}

/// Ends a server as an orchestrator does, which must be a clean end.
async fn terminate(process: &mut Child) {
    let pid = process.id().unwrap().to_string();
    let term = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(term.unwrap().success());
    let ended = tokio::time::timeout(integration_tests::PATIENCE, process.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_redis_that_is_away_is_said_once_and_not_once_a_request() {
    let database = TestDatabase::empty().await;
    let Served {
        mut process,
        log,
        client,
    } = serve(&database, &["--redis-url", "redis://127.0.0.1:1"]).await;
    // Each asks for another list, and so asks Redis.
    for days in 1..=20 {
        let path = format!("/products/best-sellers?days={days}");
        let _ = client.get(&path).await.expect(200);
    }
    terminate(&mut process).await;
    let told = log.await.unwrap();
    let said = told.iter().filter(|event| {
        let message = event["message"].as_str().unwrap();
        message.contains("Redis does not answer")
    });
    assert_eq!(said.count(), 1);
}

/// Places orders under keys of its own until the server is gone, and says which keys were asked
/// for and which of them were answered.
async fn storm(buyer: Client, name: usize, product: String) -> (Vec<String>, Vec<String>) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    loop {
        let key = format!("key-{name}-{}", asked.len());
        asked.push(key.clone());
        let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
        let request = buyer.request("POST", "/orders").json(&body);
        match request.header("idempotency-key", &key).send().await {
            Ok(response) => {
                assert_eq!(response.status().as_u16(), 201);
                answered.push(key);
            }
            Err(_) => return (asked, answered),
        }
    }
}

#[tokio::test]
async fn after_a_kill_in_a_storm_every_key_has_exactly_one_order() {
    const STOCK: i64 = 1_000_000;
    let database = TestDatabase::empty().await;
    let mut server = serve(&database, &[]).await;
    let anonymous = &server.client;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = anonymous.logged_in("boss@example.com").await;
    let product = boss.product("1.00", STOCK).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    let ana = anonymous.logged_in("ana@example.com").await;

    let storms = (0..16).map(|name| tokio::spawn(storm(ana.clone(), name, product.clone())));
    let storms: Vec<_> = storms.collect();
    let watcher = database.client().await;
    eventually("the storm is in full swing", || async {
        let orders = watcher
            .query_one("select count(*) from orders", &[])
            .await
            .unwrap();
        orders.get::<_, i64>(0) > 200
    })
    .await;
    server.process.start_kill().unwrap();
    server.process.wait().await.unwrap();

    let mut server = serve(&database, &[]).await;
    let ana = ana.at(&server.client);
    let mut keys = 0;
    for storm in storms {
        let (asked, answered) = storm.await.unwrap();
        keys += i64::try_from(asked.len()).unwrap();
        for key in asked {
            let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
            let request = ana
                .request("POST", "/orders")
                .header("idempotency-key", &key);
            let answer = Answer::to(request.json(&body)).await.expect(201);
            if answered.contains(&key) {
                assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{key}");
            }
        }
    }
    let counted = "
        select (select count(*) from orders),
               (select count(*) from idempotency_keys),
               (select quantidade_disponivel + (select sum(quantidade) from itens_order) from stock)";
    let counted = watcher.query_one(counted, &[]).await.unwrap();
    assert_eq!(
        (counted.get::<_, i64>(0), counted.get::<_, i64>(1)),
        (keys, keys)
    );
    assert_eq!(counted.get::<_, i64>(2), STOCK);
    server.process.start_kill().unwrap();
    server.process.wait().await.unwrap();
}

/// Connections that each send the head of an order and one byte of its body.
async fn silent_bodies(addr: &str, token: &str, count: usize) -> Vec<TcpStream> {
    let silent = format!(
        "POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    );
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(silent.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn silent_connections_beyond_the_limit_of_files_do_not_silence_the_server() {
    let database = TestDatabase::empty().await;
    let limited = |command: Command| {
        // The same command, in a process that may open 1 024 files.
        let command = command.into_std();
        let mut limited = Command::new("sh");
        let script = "ulimit -n 1024 && exec \"$@\"";
        limited
            .args(["-c", script, "sh"])
            .arg(command.get_program());
        limited.args(command.get_args()).env_clear();
        let variables = command.get_envs();
        limited.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        limited
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        limited
    };
    let args = ["serve", "--http-max-connections", "1000"];
    let output = run(limited(balcao(&database, &args)), "").await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("HTTP_MAX_CONNECTIONS") && told.contains("1024"),
        "{told}"
    );

    let args = ["serve", "--http-read-timeout-seconds", "2"];
    let mut server = serve_by(limited(balcao(&database, &args))).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let addr = server.client.addr().to_owned();
    let streams = silent_bodies(&addr, boss.token().unwrap(), 1_100).await;
    eventually("the server lives", || async {
        let live = server.client.request("GET", "/livez").send();
        let live = tokio::time::timeout(std::time::Duration::from_secs(10), live).await;
        live.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == 200))
    })
    .await;
    drop(streams);
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn sigterm_does_not_wait_for_silent_bodies() {
    let database = TestDatabase::empty().await;
    // Half a minute is what the requests under way may take.
    let args = ["serve", "--http-read-timeout-seconds", "60"];
    let mut server = serve_by(balcao(&database, &args)).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let addr = server.client.addr().to_owned();
    let streams = silent_bodies(&addr, boss.token().unwrap(), 50).await;
    let _ = server.client.get("/livez").await.expect(200);
    let ended = terminate(&mut server.process);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), ended).await;
    assert!(ended.is_ok(), "it waits for silent bodies");
    drop(streams);
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
