//! What the integration tests stand on: a private database per test, cloned from a migrated
//! template; real servers on free ports; and a client that speaks like a consumer of the API.
//! Most tests begin with a [`Shop`], which is all of this over HTTP, or with a [`World`], which is
//! the same behind the ports.
//!
//! `TEST_DATABASE_URL` and `TEST_REDIS_URL` name the servers; `make integration` sets both.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails, and says where"
)]

mod client;
mod database;
mod delays;
mod document;
mod pooler;
mod postgres;
mod proxy;
mod redis;
mod redis_nodes;
mod server;
mod shop;
mod tls;
mod world;

pub use client::{Answer, Client, ids};
pub use database::{TestDatabase, apply_migrations, migrations, partition};
pub use delays::Delays;
pub use document::{DOCUMENT, validator};
pub use postgres::{PrivatePostgres, postgres_program};
pub use proxy::Proxy;
pub use redis::{PrivateRedis, RawRedis};
pub use redis_nodes::{RedisCluster, RedisSentinel, Replicated};
pub use server::{Caches, PASSWORD, TestServer};
pub use shop::Shop;
pub use tls::{Authority, TlsProxy};
pub use world::World;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tokio::net::TcpListener;

/// How long a test waits for what must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
///
/// # Panics
///
/// When it does not hold within [`PATIENCE`].
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// A table of so many new products, to be imported.
#[must_use]
pub fn table_of_products(rows: usize) -> String {
    let row = |n| format!("Product {n},1.00\n");
    format!("nome,preco\n{}", (0..rows).map(row).collect::<String>())
}

/// The binary, in a folder above that of this program: `target/PROFILE`.
///
/// # Panics
///
/// When it is not there.
#[must_use]
pub fn balcao_program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let mut folders = this.ancestors().skip(1);
    let found =
        folders.find_map(|folder| Some(folder.join("balcao")).filter(|file| file.is_file()));
    found.unwrap_or_else(|| panic!("build it first: cargo build --workspace --bins"))
}

/// An address that was free a moment ago, and so most likely still is.
pub async fn free_addr() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    free.local_addr().unwrap()
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run these tests with `make integration`"))
}
