//! Where Redis is, as a URL says it.
//!
//! One of several servers is the form of [IANA's registration](https://www.iana.org/assignments/uri-schemes/prov/redis)
//! with more than one host: `redis-cluster://a,b,c` names nodes of a cluster, of which one that answers is
//! enough, and `redis-sentinel://a,b,c/NAME` Sentinels that know the master of this name.

use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo as _};
use thiserror::Error;

/// The port of a Sentinel.
const SENTINEL_PORT: u16 = 26379;

/// The URL does not name a Redis. The error does not repeat it: it may hold a password.
#[derive(Debug, Error)]
#[error(
    "is not a Redis URL such as redis://host:6379, redis-cluster://a:6379,b:6379,c:6379 or \
     redis-sentinel://a:26379,b:26379,c:26379/name"
)]
pub struct InvalidRedisUrl;

/// Where Redis is.
pub(crate) enum Address {
    /// At one server.
    Server(ConnectionInfo),
    /// In a cluster, of which these are nodes.
    Cluster(Vec<ConnectionInfo>),
    /// At the master of this name, of which these Sentinels know.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        name: String,
        /// How to speak to the master; its host is that of a Sentinel.
        master: ConnectionInfo,
    },
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidRedisUrl)?;
        let (is_secure, kind) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis").unwrap_or_default()),
        };
        let plain = if is_secure { "rediss" } else { "redis" };
        match kind {
            "-cluster" => Self::cluster(plain, rest),
            "-sentinel" => Self::sentinel(plain, rest),
            _ => server(url).map(Self::Server),
        }
    }

    /// `[user:password@]host[:port],…`
    fn cluster(scheme: &str, rest: &str) -> Result<Self, InvalidRedisUrl> {
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidRedisUrl);
        }
        let (user, hosts) = user_and_hosts(authority);
        let node = |host| server(&format!("{scheme}://{user}{}", named(host)?));
        Ok(Self::Cluster(
            hosts.split(',').map(node).collect::<Result<_, _>>()?,
        ))
    }

    /// `[user:password@]host[:port],…/name[/database][?sentinel_password=…]`; the user is the master's.
    fn sentinel(scheme: &str, rest: &str) -> Result<Self, InvalidRedisUrl> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').ok_or(InvalidRedisUrl)?;
        let (name, database) = path.split_once('/').unwrap_or((path, "0"));
        if name.is_empty() {
            return Err(InvalidRedisUrl);
        }
        let password = match query.split_once('=') {
            None if query.is_empty() => String::new(),
            Some(("sentinel_password", password)) => format!(":{password}@"),
            _ => return Err(InvalidRedisUrl),
        };
        let (user, hosts) = user_and_hosts(authority);
        let sentinel = |host| {
            let host = named(host)?;
            let port = if has_port(host) {
                String::new()
            } else {
                format!(":{SENTINEL_PORT}")
            };
            server(&format!("{scheme}://{password}{host}{port}"))
        };
        Ok(Self::Sentinel {
            sentinels: hosts.split(',').map(sentinel).collect::<Result<_, _>>()?,
            name: name.to_owned(),
            master: server(&format!("{scheme}://{user}master/{database}"))?,
        })
    }
}

fn server(url: &str) -> Result<ConnectionInfo, InvalidRedisUrl> {
    url.into_connection_info().map_err(|_| InvalidRedisUrl)
}

/// `user:password@`, or nothing, and the hosts.
fn user_and_hosts(authority: &str) -> (&str, &str) {
    let hosts = authority.rfind('@').map_or(0, |at| at + 1);
    authority.split_at(hosts)
}

fn named(host: &str) -> Result<&str, InvalidRedisUrl> {
    if host.is_empty() || host.starts_with(':') {
        return Err(InvalidRedisUrl);
    }
    Ok(host)
}

/// An IPv6 address stands in brackets ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986), section 3.2.2).
fn has_port(host: &str) -> bool {
    host.rsplit(']').next().unwrap_or(host).contains(':')
}
