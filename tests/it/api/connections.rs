//! Connections that keep the server waiting: silent ones, slow ones, greedy ones; and those whose
//! requests two servers would read in two ways.

use std::{net::SocketAddr, time::Duration};

use integration_tests::{Caches, Shop, World, eventually};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A shop whose server waits for a second.
async fn impatient() -> Shop {
    Shop::opened_with(Caches::InProcess, |settings| {
        settings.http.read_timeout = Duration::from_secs(1);
    })
    .await
}

pub(super) async fn send(addr: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// All that the server still says, until it closes.
pub(super) async fn rest(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    // A connection that is reset has nothing more to say.
    let _ = tokio::time::timeout(integration_tests::PATIENCE, read)
        .await
        .expect("the server closes the connection");
    String::from_utf8_lossy(&rest).into_owned()
}

/// The problem document at the end of an answer.
fn problem(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

fn post(length: usize, token: &str) -> String {
    format!(
        "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let shop = impatient().await;
    let (ana, _) = shop.customer().await;
    let token = ana.token().unwrap();
    let chunked = post(0, token).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    for silent in [
        format!("{}{{", post(1_000, token)),
        format!("{chunked}1\r\n{{\r\n"),
    ] {
        let answer = rest(send(shop.server.addr(), &silent).await).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        let problem = problem(&answer);
        assert_eq!(problem["code"], "request_timeout");
        assert!(problem["request_id"].is_string());
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_408_and_one_that_comes_slowly_is_read() {
    let shop = impatient().await;
    let (ana, _) = shop.customer().await;
    let token = ana.token().unwrap();
    // Seven bytes a second.
    let mut slow = send(shop.server.addr(), &post(1_000, token)).await;
    let answer = async {
        let mut first = [0; 12];
        loop {
            let sent = slow.write_all(b" ").await;
            let read = slow.read_exact(&mut first);
            let pause = Duration::from_millis(150);
            if let Ok(read) = tokio::time::timeout(pause, read).await {
                read.unwrap();
                return String::from_utf8_lossy(&first).into_owned();
            }
            sent.unwrap();
        }
    };
    let answer = tokio::time::timeout(integration_tests::PATIENCE, answer).await;
    assert_eq!(answer.unwrap(), "HTTP/1.1 408");
    // 40 KiB within more than the second for which a client may be silent.
    let product = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let body = json!({"itens": [{"product_id": product, "quantidade": 1}]}).to_string();
    let body = format!("{}{body}", " ".repeat(40 * 1_024 - body.len()));
    let mut slow = send(shop.server.addr(), &post(body.len(), token)).await;
    for chunk in body.as_bytes().chunks(10 * 1_024) {
        slow.write_all(chunk).await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let mut first = [0; 12];
    slow.read_exact(&mut first).await.unwrap();
    assert_eq!(
        &first, b"HTTP/1.1 422",
        "it is read: there is no such product"
    );
}

#[tokio::test]
async fn a_head_that_does_not_end_ends_its_connection_the_first_and_every_other() {
    let shop = impatient().await;
    let first = rest(send(shop.server.addr(), "GET /livez HTTP/1.1\r\nHost").await).await;
    assert!(first.starts_with("HTTP/1.1 408 "), "{first}");
    let live = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    for second in [
        // Together with the first, and after its answer.
        format!("{live}GET /livez HTTP/1.1\r\nHost"),
        live.to_owned(),
    ] {
        let mut stream = send(shop.server.addr(), &second).await;
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        let _ = stream.write_all(b"G").await;
        rest(stream).await;
    }
    // A body that nobody reads and that never ends.
    let endless = "GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe";
    let answer = rest(send(shop.server.addr(), endless).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_connection_that_is_in_use_is_not_ended() {
    let shop = impatient().await;
    let mut stream = TcpStream::connect(shop.server.addr()).await.unwrap();
    for _ in 0..12 {
        let live = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(live).await.unwrap();
        let mut answer = [0; 1_024];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK"));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test]
async fn a_post_that_asks_for_another_protocol_is_answered_like_any_other() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let body = json!({"itens": [{"product_id": product, "quantidade": 1}]}).to_string();
    let head = post(body.len(), ana.token().unwrap());
    let head = head.replace(
        "Host: x",
        "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket",
    );
    let answer = rest(send(shop.server.addr(), &format!("{head}{body}")).await);
    let answer = World::soon("the answer", answer).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    // Without a length there is no body (RFC 9112, section 6.3), and so no JSON.
    let head = head.replace(&format!("Content-Length: {}\r\n", body.len()), "");
    let answer = World::soon("the answer", rest(send(shop.server.addr(), &head).await)).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn what_large_bodies_hold_is_bounded_and_small_ones_do_not_need_it() {
    let shop = Shop::opened_with(Caches::InProcess, |settings| {
        settings.http.bodies_memory = 1;
        settings.http.read_timeout = Duration::from_secs(20);
    })
    .await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let token = ana.token().unwrap();
    // Four of these fill a mebibyte.
    let almost = format!(
        "{}{}",
        post(255 * 1_024, token),
        " ".repeat(255 * 1_024 - 1)
    );
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(send(shop.server.addr(), &almost).await);
    }
    let mut refused = 0;
    for mut stream in held {
        let mut first = [0; 12];
        let read = stream.read_exact(&mut first);
        if tokio::time::timeout(Duration::from_secs(2), read)
            .await
            .is_ok()
        {
            assert_eq!(&first, b"HTTP/1.1 503");
            refused += 1;
        } else {
            // Held until the end of this test.
            std::mem::forget(stream);
        }
    }
    assert!((8..12).contains(&refused), "{refused} were refused");
    let _ = ana.order(&product, 1).await.expect(201);
}

#[tokio::test]
async fn more_connections_than_are_accepted_wait_until_the_silent_ones_are_gone() {
    let shop = Shop::opened_with(Caches::InProcess, |settings| {
        settings.http.max_connections = 20;
        settings.http.read_timeout = Duration::from_secs(1);
    })
    .await;
    let (ana, _) = shop.customer().await;
    let silent = format!("{}{{", post(1_000, ana.token().unwrap()));
    let mut streams = Vec::new();
    for _ in 0..60 {
        streams.push(send(shop.server.addr(), &silent).await);
    }
    eventually("the server lives", || async {
        let live = shop.anonymous();
        let live = live.get("/livez");
        let live = tokio::time::timeout(Duration::from_secs(10), live).await;
        live.is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn who_comes_beyond_the_limit_is_told_so_and_probes_are_answered() {
    let shop = Shop::opened_with(Caches::InProcess, |settings| {
        settings.http.max_connections = 8;
        settings.http.keep_alive = Duration::from_mins(1);
        settings.http.cors_origins = "https://shop.example".parse().unwrap();
    })
    .await;
    let (ana, _) = shop.customer().await;
    let live = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let served = async || {
        let mut stream = send(shop.server.addr(), live).await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream
    };
    // They are connected, and stay so.
    let mut crowd = Vec::new();
    for _ in 0..8 {
        crowd.push(served().await);
    }
    let me = format!(
        "GET /me HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example\r\nAuthorization: Bearer {}\r\n\r\n",
        ana.token().unwrap()
    );
    for _ in 0..20 {
        let answer = rest(send(shop.server.addr(), &me).await).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        for header in [
            "retry-after: 1",
            "access-control-allow-origin: https://shop.example",
        ] {
            let header = format!("\r\n{header}\r\n");
            assert!(answer.to_lowercase().contains(&header), "{answer}");
        }
        assert_eq!(problem(&answer)["code"], "unavailable");
    }
    // Whatever is asked of it, the place is free again afterwards.
    let probed = rest(send(shop.server.addr(), live).await).await;
    assert!(probed.starts_with("HTTP/1.1 200 "), "{probed}");
    let ahead = rest(send(shop.server.addr(), &me.repeat(3)).await).await;
    assert!(!ahead.contains("HTTP/1.1 200 "), "{ahead}");
    crowd.truncate(4);
    eventually("there is room again", || async {
        let me = shop.anonymous();
        ana.at(&me).get("/me").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn what_the_docs_say_is_refused_without_a_document_is() {
    let shop = impatient().await;
    let docs = shop.anonymous().request("GET", "/docs").send().await;
    let docs = docs.unwrap().text().await.unwrap();
    let (_, refused) = docs.split_once("id=\"no-document\"").unwrap();
    let large = format!("X-Large: {}\r\n", "x".repeat(140 * 1_024));
    for (status, head) in [
        (
            400,
            "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n".to_owned(),
        ),
        (
            400,
            "GET /products/<id> HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        ),
        (408, "GET /livez HTTP/1.1\r\nHost: x\r\n".to_owned()),
        (431, format!("GET /livez HTTP/1.1\r\nHost: x\r\n{large}")),
    ] {
        let answer = rest(send(shop.server.addr(), &head).await).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(refused.contains(&format!("<td>{status}<td>")), "{status}");
    }
}

#[tokio::test]
async fn a_request_with_two_ways_to_end_is_refused_and_nothing_behind_it_is_read() {
    let shop = Shop::open().await;
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length : 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding : chunked",
        // A header that goes on in the next line.
        "Transfer-Encoding:\r\n chunked",
        "X-Folded: a\r\n Content-Length: 5",
        "Content-Length: 5\r\nHost: y",
    ] {
        // Five bytes, which are a whole body in chunks too: whichever length a server believes, it
        // finds a second request behind it.
        let both = format!(
            "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n\r\n\
             0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        let said = rest(send(shop.server.addr(), &both).await).await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{head}: {said}");
        let answers = said.matches("HTTP/1.1").count();
        assert_eq!(answers, 1, "{head}: {said}");
    }
}
