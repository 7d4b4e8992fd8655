//! Clients that connect and say nothing more, and the server that has to live or end beside them.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use integration_tests::{PASSWORD, Proxy, TestDatabase, eventually};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use super::{CREATE_BOSS, balcao, run, serve, serve_by, signal, stdout, terminate};

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
async fn requests_of_clients_that_have_hung_up_are_dropped_and_are_no_errors() {
    let database = TestDatabase::empty().await;
    let mut server = serve(&database, &[]).await;
    // While the server stands still, the kernel takes connections for it.
    signal(&server.process, "-STOP").await;
    let threads = ["-L", "-o", "state=", "-p"];
    let pid = server.process.id().unwrap().to_string();
    eventually("each thread stands still", || async {
        let told = Command::new("ps").args(threads).arg(&pid).output();
        let states = String::from_utf8(told.await.unwrap().stdout).unwrap();
        states.lines().all(|state| state == "T")
    })
    .await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.client.addr()).await.unwrap();
        let login = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(login.as_bytes()).await.unwrap();
        stream.set_zero_linger().unwrap();
    }
    signal(&server.process, "-CONT").await;
    // Connections are accepted in the sequence in which they were made.
    let _ = server.client.get("/livez").await.expect(200);
    terminate(&mut server.process).await;
    let log = server.log.await.unwrap();
    let handled = |line: &&Value| line["http.route"] == "/auth/login";
    let handled: Vec<_> = log.iter().filter(handled).collect();
    assert!(handled.is_empty(), "{handled:?}");
}

/// The memory of a process, in MiB.
async fn memory(process: &Child) -> usize {
    let pid = process.id().unwrap().to_string();
    let told = Command::new("ps").args(["-o", "rss=", "-p", &pid]).output();
    let told = String::from_utf8(told.await.unwrap().stdout).unwrap();
    told.trim().parse::<usize>().unwrap() / 1_024
}

#[tokio::test]
async fn requests_that_are_sent_ahead_and_whose_answers_nobody_reads_hold_little_memory() {
    const REQUEST: &str = "GET /products?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n";
    let database = TestDatabase::empty().await;
    let mut server = serve(&database, &["--rate-limit", "off"]).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    for _ in 0..100 {
        let _ = boss.product("1.00", 1).await;
    }
    let before = memory(&server.process).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(boss.addr()).await.unwrap();
        let ahead = REQUEST.repeat(4_000);
        streams.push(tokio::spawn(async move {
            // The server need not take all of it.
            let sent = timeout(Duration::from_secs(2), stream.write_all(ahead.as_bytes())).await;
            (stream, sent.is_ok())
        }));
    }
    let streams: Vec<_> = join_all(streams).await.into_iter().collect();
    for _ in 0..20 {
        let _ = server.client.get("/livez").await.expect(200);
    }
    let more = memory(&server.process).await.saturating_sub(before);
    assert!(more < 100, "{more} MiB more");
    drop(streams);
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn a_server_is_ended_within_its_limit_though_postgresql_says_nothing() {
    let database = TestDatabase::empty().await;
    let wire = Proxy::to_database(&database).await;
    let _ = stdout(&run(balcao(&database, &["migrate"]), "").await);
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let mut command = balcao(
        &database,
        &["serve", "--http-shutdown-timeout-seconds", "3"],
    );
    command
        .env("DATABASE_URL", wire.database_url(&database))
        .env("DATABASE_POOLING", "direct");
    let mut server = serve_by(command).await;
    let boss = server.client.logged_in("boss@example.com").await;
    let product = boss.product("1.00", 9).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = server.client.post("/customers", &sign_up).await.expect(201);
    let ana = server.client.logged_in("ana@example.com").await;
    let _ = ana.order(&product, 1).await.expect(201);
    wire.hold();
    let placing = tokio::spawn(async move { ana.order(&product, 1).await.status });
    wire.holds_back(1).await;
    let began = Instant::now();
    terminate(&mut server.process).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(placing.await.unwrap(), 503);
}
