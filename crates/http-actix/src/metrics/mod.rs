//! What an operator sees: counters, histograms and gauges for Prometheus (its "Exposition formats"), on
//! an address of their own. Without that address nothing is counted, and nothing is in between.

mod http;
mod ports;
mod server;

pub(crate) use self::{
    http::{count, count_login},
    ports::{MeteredCache, MeteredHasher, MeteredPlacements, MeteredWaits},
    server::serve,
};

use std::sync::Arc;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use adapters_postgres::Database;
use adapters_redis::Redis;
use domain::orders::Desk;

use crate::adapters::BcryptHasher;

/// The bounds of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The bounds of batches, in orders.
const ORDERS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

const HTTP_REQUESTS: &str = "balcao_http_requests_total";
const HTTP_SECONDS: &str = "balcao_http_request_duration_seconds";
const PROBLEMS: &str = "balcao_problems_total";
const ORDERS_PLACED: &str = "balcao_orders_placed_total";
const BATCH_ORDERS: &str = "balcao_batch_orders";
const BATCH_SECONDS: &str = "balcao_batch_duration_seconds";
const BATCH_FAILURES: &str = "balcao_batch_failures_total";
const DESK_QUEUED: &str = "balcao_desk_queued";
const DESK_WAIT_SECONDS: &str = "balcao_desk_wait_seconds";
const CACHE_READS: &str = "balcao_cache_reads_total";
const CACHE_STALE: &str = "balcao_cache_stale_total";
const LOGINS: &str = "balcao_logins_total";
const PASSWORD_SECONDS: &str = "balcao_password_duration_seconds";
const PASSWORDS_REFUSED: &str = "balcao_passwords_refused_total";
const PASSWORDS_WAITING: &str = "balcao_passwords_waiting";
const POSTGRESQL_CONNECTIONS: &str = "balcao_postgresql_connections";
const POSTGRESQL_WAITING: &str = "balcao_postgresql_waiting";
const REDIS_UP: &str = "balcao_redis_up";
const REDIS_BREAKER: &str = "balcao_redis_breaker_open";
const REDIS_CLOSED: &str = "balcao_redis_closed";
pub(crate) const TASK_FAILURES: &str = "balcao_task_failures_total";
pub(crate) const TASK_ENDED: &str = "balcao_task_ended";

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
        describe();
        http::register();
        Ok(Self(handle))
    }
}

fn describe() {
    describe_counter!(
        HTTP_REQUESTS,
        "Requests that were answered, by route and status."
    );
    describe_histogram!(
        HTTP_SECONDS,
        Unit::Seconds,
        "How long answers took, by route."
    );
    describe_counter!(
        PROBLEMS,
        "Requests that were refused or failed, by the code of the problem."
    );
    describe_counter!(ORDERS_PLACED, "Orders that were placed.");
    describe_histogram!(
        BATCH_ORDERS,
        "How many orders were placed in one transaction."
    );
    describe_histogram!(
        BATCH_SECONDS,
        Unit::Seconds,
        "How long the transactions that place orders took: to lock and read, and to write and commit."
    );
    describe_counter!(
        BATCH_FAILURES,
        "Transactions that were to place orders, and failed."
    );
    describe_gauge!(DESK_QUEUED, "Orders and quotes that wait.");
    describe_histogram!(
        DESK_WAIT_SECONDS,
        Unit::Seconds,
        "How long orders waited before their batch began."
    );
    describe_counter!(
        CACHE_READS,
        "Reads of a cache that found an entry, or missed it."
    );
    describe_counter!(
        CACHE_STALE,
        "Entries that Redis was not given, for it has a newer one."
    );
    describe_counter!(LOGINS, "Logins, by what became of them.");
    describe_histogram!(
        PASSWORD_SECONDS,
        Unit::Seconds,
        "How long hashing or checking a password took, waiting included."
    );
    describe_counter!(
        PASSWORDS_REFUSED,
        "Passwords that were not looked at: too many waited."
    );
    describe_gauge!(
        PASSWORDS_WAITING,
        "Passwords that wait to be hashed or checked."
    );
    describe_gauge!(
        POSTGRESQL_CONNECTIONS,
        "Connections to PostgreSQL, by pool and state."
    );
    describe_gauge!(
        POSTGRESQL_WAITING,
        "Requests that wait for a connection to PostgreSQL, by pool."
    );
    describe_gauge!(REDIS_UP, "Whether Redis is used and answers (1).");
    describe_gauge!(
        REDIS_BREAKER,
        "Whether Redis is done without (1), because it failed."
    );
    describe_gauge!(
        REDIS_CLOSED,
        "Whether orders and customers are not read from Redis (1), because a replica could not write there."
    );
    describe_counter!(TASK_FAILURES, "Runs of a background task that failed.");
    describe_gauge!(
        TASK_ENDED,
        "Whether a background task has ended though it is needed (1)."
    );
}

/// What is looked at when Prometheus asks, in place of being counted as it changes.
pub(crate) struct Gauges {
    pub(crate) desk: Desk,
    pub(crate) database: Database,
    pub(crate) redis: Option<Redis>,
    pub(crate) hasher: Arc<BcryptHasher>,
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
        if let Some(redis) = &self.redis {
            // Asked, for a replica that nobody uses has not noticed that it is away.
            gauge!(REDIS_UP).set(truth(redis.ping().await));
            gauge!(REDIS_BREAKER).set(truth(!redis.is_up()));
            gauge!(REDIS_CLOSED).set(truth(!redis.is_agreed()));
            counter!(CACHE_STALE).absolute(redis.stale());
        }
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
