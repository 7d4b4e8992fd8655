//! The names of what is counted, and what each of them means.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const HTTP_REQUESTS: &str = "balcao_http_requests_total";
pub(super) const HTTP_SECONDS: &str = "balcao_http_request_duration_seconds";
pub(super) const HTTP_CONNECTIONS: &str = "balcao_http_connections";
pub(super) const HTTP_MAX_CONNECTIONS: &str = "balcao_http_max_connections";
pub(super) const PROBLEMS: &str = "balcao_problems_total";
pub(super) const ORDERS_PLACED: &str = "balcao_orders_placed_total";
pub(super) const BATCH_ORDERS: &str = "balcao_batch_orders";
pub(super) const BATCH_SECONDS: &str = "balcao_batch_duration_seconds";
pub(super) const BATCH_FAILURES: &str = "balcao_batch_failures_total";
pub(super) const DESK_QUEUED: &str = "balcao_desk_queued";
pub(super) const DESK_WAIT_SECONDS: &str = "balcao_desk_wait_seconds";
pub(super) const CACHE_READS: &str = "balcao_cache_reads_total";
pub(super) const CACHE_STALE: &str = "balcao_cache_stale_total";
pub(super) const LOGINS: &str = "balcao_logins_total";
pub(super) const PASSWORD_SECONDS: &str = "balcao_password_duration_seconds";
pub(super) const PASSWORDS_REFUSED: &str = "balcao_passwords_refused_total";
pub(super) const PASSWORDS_WAITING: &str = "balcao_passwords_waiting";
pub(super) const POSTGRESQL_CONNECTIONS: &str = "balcao_postgresql_connections";
pub(super) const POSTGRESQL_WAITING: &str = "balcao_postgresql_waiting";
pub(super) const STANDBY_LAG: &str = "balcao_standby_lag_seconds";
pub(super) const STANDBY_READS: &str = "balcao_standby_reads_total";
pub(super) const REDIS_UP: &str = "balcao_redis_up";
pub(super) const REDIS_BREAKER: &str = "balcao_redis_breaker_open";
pub(super) const REDIS_CLOSED: &str = "balcao_redis_closed";
pub(crate) const TASK_FAILURES: &str = "balcao_task_failures_total";
pub(crate) const TASK_ENDED: &str = "balcao_task_ended";

const COUNTERS: [(&str, &str); 10] = [
    (
        HTTP_REQUESTS,
        "Requests that were answered, by route and status.",
    ),
    (
        PROBLEMS,
        "Requests that were refused or failed, by the code of the problem.",
    ),
    (ORDERS_PLACED, "Orders that were placed."),
    (
        BATCH_FAILURES,
        "Transactions that were to place orders, and failed.",
    ),
    (
        CACHE_READS,
        "Reads of a cache that found an entry, or missed it.",
    ),
    (
        CACHE_STALE,
        "Entries that were not put into Redis, for something newer was written since they were read, or may have been.",
    ),
    (LOGINS, "Logins, by what became of them."),
    (
        PASSWORDS_REFUSED,
        "Passwords that were not looked at: too many waited.",
    ),
    (
        STANDBY_READS,
        "Reads of what may be a moment old, by who answered: the standby, or the primary because that was away, behind or in conflict.",
    ),
    (TASK_FAILURES, "Runs of a background task that failed."),
];

const GAUGES: [(&str, &str); 11] = [
    (HTTP_CONNECTIONS, "Clients that are connected."),
    (HTTP_MAX_CONNECTIONS, "Clients that are served at most."),
    (DESK_QUEUED, "Orders and quotes that wait."),
    (
        PASSWORDS_WAITING,
        "Passwords that wait to be hashed or checked.",
    ),
    (
        POSTGRESQL_CONNECTIONS,
        "Connections to PostgreSQL, by pool and state.",
    ),
    (
        POSTGRESQL_WAITING,
        "Requests that wait for a connection to PostgreSQL, by pool.",
    ),
    (
        STANDBY_LAG,
        "How far the standby is behind at most; infinite while it is away.",
    ),
    (REDIS_UP, "Whether Redis is used and answers (1)."),
    (
        REDIS_BREAKER,
        "The share of Redis that is done without, because it failed: all of it is 1, a node of a cluster its part.",
    ),
    (
        REDIS_CLOSED,
        "Whether orders and customers are not read from Redis (1), because a replica could not write there, or nothing is heard of the others.",
    ),
    (
        TASK_ENDED,
        "Whether a background task has ended though it is needed (1).",
    ),
];

const HISTOGRAMS: [(&str, Unit, &str); 5] = [
    (
        HTTP_SECONDS,
        Unit::Seconds,
        "How long answers took, by route.",
    ),
    (
        BATCH_ORDERS,
        Unit::Count,
        "How many orders were placed in one transaction.",
    ),
    (
        BATCH_SECONDS,
        Unit::Seconds,
        "How long the transactions that place orders took: to lock and read, and to write and commit.",
    ),
    (
        DESK_WAIT_SECONDS,
        Unit::Seconds,
        "How long orders waited before their batch began.",
    ),
    (
        PASSWORD_SECONDS,
        Unit::Seconds,
        "How long hashing or checking a password took, waiting included.",
    ),
];

/// Tells Prometheus what they mean.
pub(super) fn describe() {
    for (name, meaning) in COUNTERS {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(name, meaning);
    }
    for (name, unit, meaning) in HISTOGRAMS {
        describe_histogram!(name, unit, meaning);
    }
}
