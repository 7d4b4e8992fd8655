//! Connections to a Redis.

use std::time::Duration;

use deadpool_redis::{
    Manager, Pool, Runtime,
    redis::{
        self, AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, RedisError,
        RedisFuture, TlsMode, Value,
        aio::{ConnectionLike, MultiplexedConnection},
        cluster::{ClusterClient, ClusterClientBuilder},
        cluster_async::ClusterConnection,
        io::tcp::TcpSettings,
        sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
    },
};
use thread_local::ThreadLocal;
use tokio::sync::{Mutex, OnceCell};

use crate::{address::Address, failure::Failure};

/// How long a connection lives on without a word from the server's machine (`tcp(7)`: `TCP_USER_TIMEOUT`).
#[cfg(target_os = "linux")]
const SILENCE: Duration = Duration::from_secs(5);

/// How often a cluster is asked once more where a key is.
const REDIRECTS: u32 = 2;

/// The longest wait before that, in milliseconds.
const REDIRECT_WAIT: u64 = 10;

/// Connections that were opened together. Those to a server or to a master stay with what they found, even
/// when a name has moved on; those to a cluster follow it.
pub(crate) struct Connections {
    opener: Opener,
    /// A connection works on the thread that opened it: with one per thread, a read does not have
    /// to wake another thread.
    shared: ThreadLocal<OnceCell<Shared>>,
    /// Those of a server for writing; elsewhere the shared ones write, too.
    writes: Option<Pool>,
}

enum Opener {
    Server(Client, AsyncConnectionConfig),
    Sentinel(Mutex<SentinelClient>, AsyncConnectionConfig),
    Cluster(ClusterClient),
}

/// A connection that many use at once.
#[derive(Clone)]
pub(crate) enum Shared {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection for writing.
pub(crate) enum Writer {
    Pooled(deadpool_redis::Connection),
    Shared(Shared),
}

impl Connections {
    /// Prepares them; nothing is connected yet.
    pub(crate) fn new(
        address: &Address,
        max_connections: usize,
        timeout: Duration,
    ) -> Result<Self, RedisError> {
        // Whoever waits limits the wait for answers, so no connection sets a timer of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None);
        let mut writes = None;
        let opener = match address {
            Address::Server(info) => {
                let info = tuned(info);
                writes = Some(pool(&info, &config, max_connections, timeout)?);
                Opener::Server(Client::open(info)?, config)
            }
            Address::Sentinel {
                sentinels,
                name,
                master,
            } => {
                let client = Mutex::new(sentinel_client(sentinels, name, master)?);
                Opener::Sentinel(client, config)
            }
            Address::Cluster(nodes) => Opener::Cluster(cluster_client(nodes, timeout)?),
        };
        Ok(Self {
            opener,
            shared: ThreadLocal::new(),
            writes,
        })
    }

    /// This thread's connection; it connects when it is first used.
    pub(crate) async fn shared(&self) -> Result<Shared, Failure> {
        let connection = self.shared.get_or_default();
        if let Some(open) = connection.get() {
            return Ok(open.clone());
        }
        // Opening one takes some KiB of state: boxed, for otherwise every read would carry them along.
        let opened = Box::pin(connection.get_or_try_init(|| self.opener.open()));
        Ok(opened.await?.clone())
    }

    /// A connection for writing.
    pub(crate) async fn writer(&self) -> Result<Writer, Failure> {
        Ok(match &self.writes {
            Some(pool) => Writer::Pooled(Box::pin(pool.get()).await?),
            None => Writer::Shared(self.shared().await?),
        })
    }
}

impl Opener {
    async fn open(&self) -> Result<Shared, RedisError> {
        Ok(match self {
            Self::Server(client, config) => {
                let opened = client.get_multiplexed_async_connection_with_config(config);
                Shared::Node(opened.await?)
            }
            Self::Sentinel(client, config) => {
                let mut client = client.lock().await;
                let opened = client.get_async_connection_with_config(config);
                Shared::Node(opened.await?)
            }
            Self::Cluster(client) => Shared::Cluster(client.get_async_connection().await?),
        })
    }
}

fn tuned(info: &ConnectionInfo) -> ConnectionInfo {
    let settings = tcp(info.tcp_settings().clone());
    info.clone().set_tcp_settings(settings)
}

fn tcp(settings: TcpSettings) -> TcpSettings {
    let settings = settings.set_nodelay(true);
    // What was given up must not arrive long after.
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(SILENCE);
    settings
}

fn pool(
    info: &ConnectionInfo,
    config: &AsyncConnectionConfig,
    max_connections: usize,
    timeout: Duration,
) -> Result<Pool, RedisError> {
    Pool::builder(Manager::new_with_config(info.clone(), config.clone())?)
        .max_size(max_connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(timeout))
        .create_timeout(Some(timeout))
        .recycle_timeout(Some(timeout))
        .build()
        .map_err(|error| {
            let kind = redis::ErrorKind::InvalidClientConfig;
            RedisError::from((kind, "no pool", error.to_string()))
        })
}

fn sentinel_client(
    sentinels: &[ConnectionInfo],
    name: &str,
    master: &ConnectionInfo,
) -> Result<SentinelClient, RedisError> {
    let addresses = sentinels.iter().map(|info| info.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
        .set_client_to_redis_db(master.redis_settings().db())
        .set_client_to_redis_tcp_settings(tcp(TcpSettings::default()))
        .set_client_to_sentinel_tcp_settings(tcp(TcpSettings::default()));
    if matches!(master.addr(), redis::ConnectionAddr::TcpTls { .. }) {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(username) = master.redis_settings().username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = master.redis_settings().password() {
        builder = builder.set_client_to_redis_password(password);
    }
    let of_sentinel = sentinels.first().map(ConnectionInfo::redis_settings);
    if let Some(password) = of_sentinel.and_then(redis::RedisConnectionInfo::password) {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

fn cluster_client(
    nodes: &[ConnectionInfo],
    timeout: Duration,
) -> Result<ClusterClient, RedisError> {
    ClusterClientBuilder::new(nodes.iter().cloned())
        .tcp_settings(tcp(TcpSettings::default()))
        .connection_timeout(timeout)
        .response_timeout(timeout)
        .retries(REDIRECTS)
        .min_retry_wait(1)
        .max_retry_wait(REDIRECT_WAIT)
        .build()
}

impl ConnectionLike for Shared {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Node(node) => node.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Node(node) => node.req_packed_commands(commands, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Node(node) => node.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

impl ConnectionLike for Writer {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Pooled(pooled) => pooled.req_packed_command(command),
            Self::Shared(shared) => shared.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Pooled(pooled) => pooled.req_packed_commands(commands, offset, count),
            Self::Shared(shared) => shared.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Pooled(pooled) => pooled.get_db(),
            Self::Shared(shared) => shared.get_db(),
        }
    }
}
