//! The settings of the HTTP server.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    str::FromStr,
    time::Duration,
};

use clap::Args;

use super::{
    check::{Faults, Noted, Setting, optional, setting, time, whole},
    cores,
};
use crate::{cors::Origins, proxies::TrustedProxies};

/// The settings of the HTTP server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where to listen.
    pub addr: SocketAddr,
    /// How many threads answer requests.
    pub workers: usize,
    /// The most clients that are served.
    pub max_connections: usize,
    /// How long a client may be silent within a request, before its head or body has arrived.
    pub read_timeout: Duration,
    /// How long a client may be idle between two requests.
    pub keep_alive: Duration,
    /// How long an answer may take once its request has arrived.
    pub answer_timeout: Duration,
    /// The most bytes in the head of a request.
    pub max_head: usize,
    /// The most bytes in a body, imports apart.
    pub max_body: usize,
    /// The most memory that large bodies hold together, in MiB.
    pub bodies_memory: usize,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub proxies: TrustedProxies,
    /// The pages that may call the API from a browser.
    pub cors_origins: Origins,
    /// How long the server goes on after a SIGTERM, while `/readyz` says that it will stop.
    pub shutdown_delay: Duration,
    /// How long requests in progress may take once it stops.
    pub shutdown_timeout: Duration,
}

impl HttpSettings {
    /// How long a request waits for what others keep locked, or for its turn: it is refused while there
    /// is time to tell.
    pub(super) fn patience(&self) -> Duration {
        self.answer_timeout * 3 / 4
    }
}

/// The settings of the HTTP server.
#[derive(Debug, Args)]
pub(super) struct HttpArgs {
    /// Where to listen
    #[arg(long, env, value_name = "ADDRESS:PORT")]
    #[arg(default_value = "127.0.0.1:8080", value_parser = setting(address))]
    http_addr: Setting<SocketAddr>,

    /// How many threads answer requests [default: as many as there are cores]
    #[arg(long, env, value_name = "N")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(whole::<usize>(1..=1_024))))]
    http_workers: Setting<Option<usize>>,

    /// The most clients that are served: those beyond are answered 503 [default: 1024, or what the
    /// limit of open files leaves]
    #[arg(long, env, value_name = "N")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(whole::<u64>(1..=1_000_000))))]
    http_max_connections: Setting<Option<u64>>,

    /// How long a client may be silent within a request, in seconds
    #[arg(long, env, value_name = "S", default_value = "5")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=3_600)))]
    http_read_timeout_seconds: Setting<Duration>,

    /// How long a client may be idle between two requests before its connection ends, in seconds
    #[arg(long, env, value_name = "S", default_value = "5")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=3_600)))]
    http_keep_alive_seconds: Setting<Duration>,

    /// How long an answer may take once its request has arrived, in milliseconds; then it is 503. Exports
    /// take as long as there is to read
    #[arg(long, env, value_name = "MS", default_value = "2000")]
    #[arg(value_parser = setting(time(Duration::from_millis, 10..=600_000)))]
    http_answer_timeout_ms: Setting<Duration>,

    /// The most that the head of a request may have, its first line and its headers, in KiB
    #[arg(long, env, value_name = "KIB", default_value = "32")]
    #[arg(value_parser = setting(whole::<usize>(1..=LARGEST_HEAD_KIB)))]
    http_max_head_kib: Setting<usize>,

    /// The most that a body may have, imports apart, in KiB
    #[arg(long, env, value_name = "KIB", default_value = "256")]
    #[arg(value_parser = setting(whole::<usize>(1..=65_536)))]
    http_max_body_kib: Setting<usize>,

    /// The most memory that bodies of more than 16 KiB hold together, in MiB
    #[arg(long, env, value_name = "MIB", default_value = "64")]
    #[arg(value_parser = setting(whole::<usize>(1..=65_536)))]
    http_bodies_memory_mib: Setting<usize>,

    /// The proxies whose X-Forwarded-For is trusted: addresses and networks, separated by commas
    #[arg(long, env, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(TrustedProxies::from_str))]
    http_trusted_proxies: Setting<TrustedProxies>,

    /// The origins whose pages may call the API from a browser, separated by commas
    #[arg(long, env, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(Origins::from_str))]
    http_cors_origins: Setting<Origins>,

    /// How long it goes on after a SIGTERM while /readyz answers 503, in seconds: as long as a load
    /// balancer takes to notice
    #[arg(long, env, value_name = "S", default_value = "0")]
    #[arg(value_parser = setting(time(Duration::from_secs, 0..=300)))]
    http_shutdown_delay_seconds: Setting<Duration>,

    /// How long requests in progress may take once it stops, in seconds
    #[arg(long, env, value_name = "S", default_value = "30")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=3_600)))]
    http_shutdown_timeout_seconds: Setting<Duration>,
}

/// What the framework reads of a head at most.
const LARGEST_HEAD_KIB: usize = 128;

/// The most connections by default.
const MAX_CONNECTIONS: u64 = 1_024;

/// The open files other than those of clients that are served: connections of clients who are told that there
/// are too many, those to PostgreSQL and Redis, and the runtime's own.
const OTHER_FILES: u64 = 256;

/// Host names are resolved.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let addresses = text.to_socket_addrs().ok();
    addresses
        .and_then(|mut addresses| addresses.next())
        .ok_or("is not ADDRESS:PORT such as 127.0.0.1:8080")
}

/// Every connection is an open file. The limit on open files must allow all of them, or the server
/// could accept nobody, not even a health check.
fn within_open_files(given: Option<u64>) -> Result<usize, String> {
    // Raised as far as this process may.
    let files = rlimit::increase_nofile_limit(rlimit::INFINITY).unwrap_or(u64::MAX);
    let most = files.saturating_sub(OTHER_FILES);
    let given = given.unwrap_or_else(|| MAX_CONNECTIONS.min(most));
    if given == 0 || given > most {
        let needed = given.max(1) + OTHER_FILES;
        return Err(format!(
            "is {given}, but this process may open {files} files, of which it needs \
             {OTHER_FILES} for itself: set it to at most {most}, or raise the limit to {needed} \
             (ulimit -n, or LimitNOFILE of systemd)"
        ));
    }
    usize::try_from(given).map_err(|error| error.to_string())
}

impl HttpArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<HttpSettings, Noted> {
        let addr = faults.take(self.http_addr);
        let workers = faults.take(self.http_workers);
        let max_connections = self.http_max_connections.and_then(within_open_files);
        let max_connections = faults.take(max_connections);
        let read_timeout = faults.take(self.http_read_timeout_seconds);
        let keep_alive = faults.take(self.http_keep_alive_seconds);
        let max_head = faults.take(self.http_max_head_kib);
        let max_body = faults.take(self.http_max_body_kib);
        let answer_timeout = faults.take(self.http_answer_timeout_ms);
        let bodies_memory = faults.take(self.http_bodies_memory_mib);
        let proxies = faults.take(self.http_trusted_proxies);
        let cors_origins = faults.take(self.http_cors_origins);
        let shutdown_delay = faults.take(self.http_shutdown_delay_seconds);
        let shutdown_timeout = faults.take(self.http_shutdown_timeout_seconds);
        Ok(HttpSettings {
            addr: addr?,
            workers: workers?.unwrap_or_else(cores),
            max_connections: max_connections?,
            read_timeout: read_timeout?,
            keep_alive: keep_alive?,
            answer_timeout: answer_timeout?,
            max_head: max_head? * 1_024,
            max_body: max_body? * 1_024,
            bodies_memory: bodies_memory?,
            proxies: proxies?,
            cors_origins: cors_origins?,
            shutdown_delay: shutdown_delay?,
            shutdown_timeout: shutdown_timeout?,
        })
    }
}
