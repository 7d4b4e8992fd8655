//! Imports and exports that take longer than a client may keep the server waiting: they go on for as
//! long as both sides do.

use std::time::Duration;

use integration_tests::{Caches, Shop, table_of_products};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{begin, place, products};

/// For how long a client may keep the server waiting. The framework's clock ticks twice a second.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a slow client sends or reads a part.
const PACE: Duration = Duration::from_millis(25);

/// For how long a slow client takes at the least.
const LONG: Duration = Duration::from_millis(2_500);

async fn shop() -> Shop {
    Shop::opened_with(Caches::InProcess, |settings| {
        settings.http.read_timeout = PATIENCE;
    })
    .await
}

/// Ticks that are never made up for.
fn pace() -> Interval {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// Connects, with a small buffer: most of what is sent waits on the other side.
async fn connect(shop: &Shop) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(65_536).unwrap();
    let addr = shop.staff.addr().parse().unwrap();
    socket.connect(addr).await.unwrap()
}

#[tokio::test]
async fn an_import_that_arrives_slowly_is_taken_whole() {
    let shop = shop().await;
    let rows = table_of_products(2_500);
    let mut socket = begin(&shop, "/products/import", rows.len()).await;
    let mut pace = pace();
    let parts = usize::try_from(LONG.as_millis() / PACE.as_millis()).unwrap();
    for part in rows.as_bytes().chunks(rows.len() / parts) {
        pace.tick().await;
        socket.write_all(part).await.unwrap();
    }
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"created\":2500"), "{answer}");
    assert_eq!(products(&shop).await, 2_500);
}

#[tokio::test]
async fn an_export_that_is_read_slowly_is_given_whole() {
    let shop = shop().await;
    let (_, customer) = shop.customer().await;
    let _ = shop.product("1.00", 1).await;
    place(&shop, &customer, 50_000).await;
    let mut socket = connect(&shop).await;
    let head = format!(
        "GET /orders/export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        shop.staff.token().unwrap(),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let (start, mut pace) = (Instant::now(), pace());
    let mut answer = Vec::new();
    loop {
        pace.tick().await;
        let mut part = vec![0; 128 * 1_024];
        let read = socket.read(&mut part).await.unwrap();
        answer.extend_from_slice(&part[..read]);
        if read == 0 {
            break;
        }
    }
    let elapsed = start.elapsed();
    assert!(
        elapsed > LONG,
        "{elapsed:?} for {} bytes tells nothing",
        answer.len()
    );
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "it broke off");
    assert_eq!(answer.matches("\"customer_id\"").count(), 50_000);
}
