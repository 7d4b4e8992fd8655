//! What an operator sees: counters, histograms and gauges for Prometheus (its "Exposition formats"), on
//! an address of their own. Without that address nothing is counted, and nothing is in between.

mod http;
mod names;
mod ports;
mod server;

pub(crate) use self::{
    http::{count, count_login},
    names::{TASK_ENDED, TASK_FAILURES},
    ports::{MeteredCache, MeteredHasher, MeteredPlacements, MeteredWaits},
    server::serve,
};

use std::sync::Arc;

use metrics::{counter, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use adapters_postgres::Database;
use adapters_redis::Redis;
use domain::orders::Desk;

use self::names::{
    BATCH_ORDERS, CACHE_STALE, DESK_QUEUED, HTTP_CONNECTIONS, HTTP_MAX_CONNECTIONS,
    PASSWORDS_WAITING, POSTGRESQL_CONNECTIONS, POSTGRESQL_WAITING, REDIS_BREAKER, REDIS_CLOSED,
    REDIS_UP, STANDBY_LAG, STANDBY_READS,
};
use crate::{adapters::BcryptHasher, crowd::Crowd};

/// The bounds of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The bounds of batches, in orders.
const ORDERS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What has been recorded, to be shown. There is one in a process.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Records from now on.
    ///
    /// # Errors
    ///
    /// When the process records already.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&SECONDS)?
            .set_buckets_for_metric(Matcher::Full(BATCH_ORDERS.to_owned()), &ORDERS)?
            .install_recorder()?;
        names::describe();
        http::register();
        Ok(Self(handle))
    }
}

/// What is looked at when Prometheus asks, in place of being counted as it changes.
pub(crate) struct Gauges {
    pub(crate) desk: Desk,
    pub(crate) database: Database,
    pub(crate) redis: Option<Redis>,
    pub(crate) hasher: Arc<BcryptHasher>,
    pub(crate) crowd: Crowd,
    pub(crate) process: Collector,
}

impl Gauges {
    async fn sample(&self) {
        let queued = self.desk.queued();
        gauge!(DESK_QUEUED, "queue" => "orders").set(float(queued.orders));
        gauge!(DESK_QUEUED, "queue" => "quotes").set(float(queued.quotes));
        gauge!(DESK_QUEUED, "queue" => "lanes").set(float(queued.lanes));
        for pool in self.database.pools() {
            let connections =
                |state| gauge!(POSTGRESQL_CONNECTIONS, "pool" => pool.name, "state" => state);
            connections("idle").set(float(pool.idle));
            connections("used").set(float(pool.used));
            gauge!(POSTGRESQL_WAITING, "pool" => pool.name).set(float(pool.waiting));
        }
        if let Some(standby) = self.database.standby_state() {
            let lag = standby.lag.map_or(f64::INFINITY, |lag| lag.as_secs_f64());
            gauge!(STANDBY_LAG).set(lag);
            for (by, reads) in standby.reads {
                counter!(STANDBY_READS, "by" => by.as_str()).absolute(reads);
            }
        }
        if let Some(redis) = &self.redis {
            // Asked, for a replica that nobody uses has not noticed that it is away.
            gauge!(REDIS_UP).set(truth(redis.ping().await));
            let (parts, down) = redis.down();
            gauge!(REDIS_BREAKER).set(f64::from(down) / f64::from(parts));
            gauge!(REDIS_CLOSED).set(truth(!redis.is_agreed()));
            counter!(CACHE_STALE).absolute(redis.stale());
        }
        gauge!(HTTP_CONNECTIONS).set(float(self.crowd.connected()));
        gauge!(HTTP_MAX_CONNECTIONS).set(float(self.crowd.most()));
        let [hashing, checking] = self.hasher.waiting();
        gauge!(PASSWORDS_WAITING, "work" => "hash").set(float(hashing));
        gauge!(PASSWORDS_WAITING, "work" => "check").set(float(checking));
        self.process.collect();
    }
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Counts of things in memory are far below what is exact.
fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
