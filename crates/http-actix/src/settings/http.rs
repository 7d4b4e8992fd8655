//! The settings of the HTTP server.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use clap::Args;

use super::{
    check::{Check, Noted},
    cores,
};
use crate::proxies::TrustedProxies;

/// How the server meets its clients.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where to listen.
    pub addr: SocketAddr,
    /// How many threads answer requests.
    pub workers: usize,
    /// The most connections; more wait to be accepted.
    pub max_connections: usize,
    /// How long a client may be silent within a request, before its head or body has arrived.
    pub read_timeout: Duration,
    /// The most memory that large bodies hold together, in MiB.
    pub bodies_memory: usize,
    /// The proxies that say where a request comes from.
    pub proxies: TrustedProxies,
}

/// How the server meets its clients.
#[expect(
    clippy::struct_field_names,
    reason = "a field's name is that of its flag and its variable"
)]
#[derive(Debug, Args)]
pub(super) struct HttpArgs {
    /// Where to listen
    #[arg(
        long,
        env,
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS:PORT"
    )]
    http_addr: String,

    /// How many threads answer requests [default: as many as there are cores]
    #[arg(long, env, value_name = "N")]
    http_workers: Option<String>,

    /// The most connections of clients; more wait to be accepted [default: 1024, or what the
    /// limit of open files leaves]
    #[arg(long, env, value_name = "N")]
    http_max_connections: Option<String>,

    /// How long a client may be silent within a request, in seconds
    #[arg(long, env, default_value = "5", value_name = "S")]
    http_read_timeout_seconds: String,

    /// The most memory that bodies of more than 16 KiB hold together, in MiB
    #[arg(long, env, default_value = "64", value_name = "MIB")]
    http_bodies_memory_mib: String,

    /// The proxies whose X-Forwarded-For is believed: addresses and networks, with commas between
    #[arg(long, env, default_value = "", value_name = "LIST")]
    http_trusted_proxies: String,
}

/// The most connections unless it is said otherwise.
const MAX_CONNECTIONS: u64 = 1_024;

/// The files that are not connections of clients: those to PostgreSQL and Redis, and the
/// runtime's own.
const OTHER_FILES: u64 = 192;

impl HttpArgs {
    pub(super) fn read(&self, check: &mut Check) -> Result<HttpSettings, Noted> {
        let addr = self.read_addr(check);
        let workers = match &self.http_workers {
            Some(number) => check.number("HTTP_WORKERS", number, 1..=1_024),
            None => Ok(cores()),
        };
        let max_connections = self.read_max_connections(check);
        let seconds = &self.http_read_timeout_seconds;
        let read_timeout = check.number("HTTP_READ_TIMEOUT_SECONDS", seconds, 1..=3_600);
        let memory = &self.http_bodies_memory_mib;
        let bodies_memory = check.number("HTTP_BODIES_MEMORY_MIB", memory, 1..=65_536);
        let proxies = self.http_trusted_proxies.parse();
        let proxies = check.ok("HTTP_TRUSTED_PROXIES", proxies);
        Ok(HttpSettings {
            addr: addr?,
            workers: workers?,
            max_connections: max_connections?,
            read_timeout: Duration::from_secs(read_timeout?),
            bodies_memory: bodies_memory?,
            proxies: proxies?,
        })
    }

    fn read_addr(&self, check: &mut Check) -> Result<SocketAddr, Noted> {
        let addrs = self.http_addr.to_socket_addrs();
        match addrs.ok().and_then(|mut addrs| addrs.next()) {
            Some(addr) => Ok(addr),
            None => check.bad("HTTP_ADDR", "is not ADDRESS:PORT such as 127.0.0.1:8080"),
        }
    }

    /// Every connection is an open file: what a process may open must be enough for all of them,
    /// or the server could accept nobody, not even who asks whether it is alive.
    fn read_max_connections(&self, check: &mut Check) -> Result<usize, Noted> {
        const NAME: &str = "HTTP_MAX_CONNECTIONS";
        // As far as this process may raise it by itself.
        let files = rlimit::increase_nofile_limit(rlimit::INFINITY).unwrap_or(u64::MAX);
        let most = files.saturating_sub(OTHER_FILES);
        let given = match &self.http_max_connections {
            Some(number) => check.number(NAME, number, 1..=1_000_000)?,
            None => MAX_CONNECTIONS.min(most),
        };
        if given == 0 || given > most {
            let needed = given.max(1) + OTHER_FILES;
            return check.bad(
                NAME,
                format!(
                    "is {given}, but this process may open {files} files, of which it needs \
                     {OTHER_FILES} for itself: set it to at most {most}, or raise the limit to \
                     {needed} (ulimit -n, or LimitNOFILE of systemd)"
                ),
            );
        }
        check.ok(NAME, usize::try_from(given))
    }
}
