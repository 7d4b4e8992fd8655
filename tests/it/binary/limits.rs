//! The limits that an operator sets, each in a binary that was told of it.

use std::time::{Duration, Instant};

use integration_tests::{Client, PASSWORD, TestDatabase};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

use super::{CREATE_BOSS, Served, balcao, run, serve, serve_by, signal, stdout, terminate};

const LIVE: &[u8] = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

/// A connection on which a request was answered.
async fn answered(server: &Client) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    is_answered(&mut stream).await;
    stream
}

async fn is_answered(stream: &mut TcpStream) {
    stream.write_all(LIVE).await.unwrap();
    let (mut answer, body) = (Vec::new(), br#"{"status":"live"}"#);
    while !answer.ends_with(body) {
        let byte = stream.read_u8().await.unwrap();
        answer.push(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_idle_connection_ends_when_it_was_said_and_no_earlier() {
    let database = TestDatabase::empty().await;
    let keep_alive = |seconds| ["--http-keep-alive-seconds", seconds];
    let mut short = serve(&database, &keep_alive("1")).await;
    let mut long = serve(&database, &keep_alive("600")).await;
    let (mut ends, mut stays) = (answered(&short.client).await, answered(&long.client).await);
    let ended = tokio::time::timeout(integration_tests::PATIENCE, ends.read_u8()).await;
    assert!(ended.expect("it ends").is_err(), "nothing more is said");
    is_answered(&mut stays).await;
    terminate(&mut short.process).await;
    terminate(&mut long.process).await;
}

#[tokio::test]
async fn a_body_may_have_what_was_said_and_no_more() {
    let database = TestDatabase::empty().await;
    let mut server = serve(&database, &["--http-max-body-kib", "2"]).await;
    let sign_up = |length| {
        let body = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
        let body = body.to_string();
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    for (length, status) in [(2_049, 413), (2_048, 201)] {
        let request = server.client.request("POST", "/customers");
        let request = request.header("content-type", "application/json");
        let answer = request.body(sign_up(length)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{length}");
    }
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn a_head_may_have_what_was_said_and_no_more() {
    let database = TestDatabase::empty().await;
    let mut server = serve(&database, &["--http-max-head-kib", "2"]).await;
    let addr = server.client.addr();
    // The first line and the host, what belongs to the other header, and the empty line, which does not count.
    let rest = format!("GET /livez HTTP/1.1\r\nhost: {addr}\r\ncookie: \r\n").len();
    for (length, status) in [(2_049, 431), (2_048, 200)] {
        let cookie = "c".repeat(length - rest);
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let head = format!("GET /livez HTTP/1.1\r\nhost: {addr}\r\ncookie: {cookie}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status}")),
            "{length}: {line}"
        );
    }
    terminate(&mut server.process).await;
}

/// More than the buffers of a connection hold.
const CUSTOMERS: &str = "
    insert into customers (id, nome, email, created_at)
    select gen_random_uuid(), repeat('Ana', 30), 'ana-' || n || '@example.com', now()
    from generate_series(1, 150000) as n";

#[tokio::test]
async fn what_is_in_progress_may_take_as_long_as_was_said_once_it_stops() {
    let database = TestDatabase::empty().await;
    let mut command = balcao(&database, &["serve"]);
    command.envs([
        ("HTTP_SHUTDOWN_TIMEOUT_SECONDS", "2"),
        ("HTTP_READ_TIMEOUT_SECONDS", "60"),
    ]);
    let Served {
        mut process,
        client,
        ..
    } = serve_by(command).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = client.logged_in("boss@example.com").await;
    let sql = database.client().await;
    sql.batch_execute(CUSTOMERS).await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut reader = socket
        .connect(client.addr().parse().unwrap())
        .await
        .unwrap();
    let export = format!(
        "GET /customers/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        boss.token().unwrap()
    );
    reader.write_all(export.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    reader.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    // It reads no further.
    let asked = Instant::now();
    signal(&process, "-TERM").await;
    let ended = tokio::time::timeout(integration_tests::PATIENCE, process.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
    assert!(
        asked.elapsed() >= Duration::from_secs(2),
        "it was waited for"
    );
}
