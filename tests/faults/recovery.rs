//! When each replica takes writes again, whichever of them the balancer chooses.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use integration_tests::Client;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::arena::Arena;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The replicas of which the first write is awaited.
pub(crate) struct Recovery(JoinSet<Duration>);

impl Recovery {
    /// Begins to ask all of them.
    pub(crate) fn begin(arena: &Arena) -> Self {
        let mut tasks = JoinSet::new();
        for (replica, product) in arena.replicas.iter().zip(arena.spare) {
            tasks.spawn(first_write(replica.addr, arena.boss.clone(), product));
        }
        Self(tasks)
    }

    /// After what time the last of them has taken one; `None` when one has not.
    pub(crate) async fn longest(mut self) -> Option<Duration> {
        let mut longest = Duration::ZERO;
        while let Some(after) = timeout(PATIENCE, self.0.join_next()).await.ok()? {
            longest = longest.max(after.unwrap());
        }
        Some(longest)
    }
}

/// Sets the stock of a product that nobody buys, until that is done.
async fn first_write(addr: SocketAddr, boss: String, product: Uuid) -> Duration {
    let began = Instant::now();
    let boss = Client::new(addr).with_token(&boss);
    loop {
        let set = boss.request("PUT", &format!("/products/{product}/stock"));
        let set = set.json(&json!({"quantidade_disponivel": 1}));
        let answer = timeout(PATIENCE, set.send()).await;
        if answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == 200)) {
            return began.elapsed();
        }
        sleep(Duration::from_millis(20)).await;
    }
}
