//! Where Redis is, as a URL says it.
//!
//! One of several servers is the form of [IANA's registration](https://www.iana.org/assignments/uri-schemes/prov/redis)
//! with more than one host: `redis-cluster://a,b,c` names nodes of a cluster, of which one that answers is
//! enough, and `redis-sentinel://a,b,c/NAME` Sentinels that know the master of this name.

use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
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
        let Some((scheme, rest)) = url.split_once("://") else {
            // Of a socket.
            return server(url).map(Self::Server);
        };
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
    let info = url.into_connection_info().map_err(|_| InvalidRedisUrl)?;
    // Many hosts are a cluster or Sentinels, and this says neither.
    match info.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }
            if host.contains(',') =>
        {
            Err(InvalidRedisUrl)
        }
        _ => Ok(info),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that an address says.
    fn said(url: &str) -> Option<Vec<String>> {
        let server = |info: &ConnectionInfo| {
            let redis = info.redis_settings();
            let user = redis.username().unwrap_or("-");
            let password = redis.password().unwrap_or("-");
            format!("{user} {password} {} {}", info.addr(), redis.db())
        };
        Some(match Address::parse(url).ok()? {
            Address::Server(info) => vec![server(&info)],
            Address::Cluster(nodes) => nodes.iter().map(server).collect(),
            Address::Sentinel {
                sentinels,
                name,
                master,
            } => {
                let sentinels = sentinels.iter().map(server);
                [name, server(&master)]
                    .into_iter()
                    .chain(sentinels)
                    .collect()
            }
        })
    }

    #[test]
    fn an_address_is_of_a_server_a_cluster_or_sentinels() {
        for (url, expected) in [
            ("redis://host", &["- - host:6379 0"][..]),
            ("rediss://me:secret@host:1/2", &["me secret host:1 2"]),
            ("redis-cluster://a", &["- - a:6379 0"]),
            (
                "redis-cluster://me:p%40ss@a:1,b,[::1]:3/",
                &["me p@ss a:1 0", "me p@ss b:6379 0", "me p@ss ::1:3 0"],
            ),
            (
                "redis-sentinel://a/shop",
                &["shop", "- - master:6379 0", "- - a:26379 0"],
            ),
            (
                "rediss-sentinel://me:secret@a:1,[::1]/shop/3?sentinel_password=s%3Fx",
                &[
                    "shop",
                    "me secret master:6379 3",
                    "- s?x a:1 0",
                    "- s?x ::1:26379 0",
                ],
            ),
        ] {
            assert_eq!(
                said(url).as_deref().map(<[_]>::to_vec),
                Some(expected.iter().map(ToString::to_string).collect()),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "host:6379",
            "http://host",
            "redis-ring://a",
            "redis://a,b,c",
            "redis-cluster://",
            "redis-cluster://a,,b",
            "redis-cluster://a,:6379",
            "redis-cluster://a/1",
            "redis-cluster://a?protocol=resp3",
            "redis-cluster://a:port",
            "redis-sentinel://a",
            "redis-sentinel://a/",
            "redis-sentinel://a/shop/x",
            "redis-sentinel:///shop",
            "redis-sentinel://a/shop?password=x",
            "redis-sentinel://a/shop?sentinel_password",
        ] {
            assert!(said(url).is_none(), "{url}");
        }
    }
}
