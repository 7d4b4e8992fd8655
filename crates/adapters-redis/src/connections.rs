//! Connections to a Redis.

use std::time::{Duration, Instant};

use deadpool_redis::{
    Manager, Pool, Runtime,
    redis::{
        self, AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, RedisError,
        RedisFuture, TlsMode, Value,
        aio::{ConnectionLike, MultiplexedConnection},
        cluster::{ClusterClient, ClusterClientBuilder, ClusterConfig},
        cluster_async::ClusterConnection,
        io::tcp::TcpSettings,
        sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
    },
};
use futures_util::future::select_ok;
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

/// Connections that were made together. They stay with the server that they found, even when a name has moved on;
/// those to a cluster learn of other masters from the nodes that answer.
pub(crate) struct Connections {
    made_at: Instant,
    opener: Opener,
    /// A connection works on the thread that opened it: with one per thread, a read does not have
    /// to wake another thread.
    shared: ThreadLocal<OnceCell<Shared>>,
    /// Those of a server for writing; elsewhere the shared ones write, too.
    writes: Option<Pool>,
}

enum Opener {
    Server(Client, AsyncConnectionConfig),
    Sentinel(Master, AsyncConnectionConfig),
    Cluster(ClusterClient, ClusterConfig),
}

/// The master that Sentinels know, once one of them has said where it is.
struct Master {
    sentinels: Vec<Mutex<SentinelClient>>,
    client: OnceCell<Client>,
}

/// A connection that many use at once.
#[derive(Clone)]
enum Shared {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection, shared with others or for writing.
pub(crate) enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
    Pooled(deadpool_redis::Connection),
}

impl From<Shared> for Connection {
    fn from(shared: Shared) -> Self {
        match shared {
            Shared::Node(node) => Self::Node(node),
            Shared::Cluster(cluster) => Self::Cluster(cluster),
        }
    }
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
                let client = |sentinel| sentinel_client(sentinel, name, master).map(Mutex::new);
                let master = Master {
                    sentinels: sentinels.iter().map(client).collect::<Result<_, _>>()?,
                    client: OnceCell::new(),
                };
                Opener::Sentinel(master, config)
            }
            Address::Cluster(nodes) => {
                // A node that hangs is waited for with all others, so that has to end before they have no time left. What
                // timed out is sent once more, and is the same then; of counts that is one too many.
                let config = ClusterConfig::new()
                    .set_connection_timeout(timeout / 2)
                    .set_response_timeout(timeout / 2);
                Opener::Cluster(cluster_client(nodes, timeout)?, config)
            }
        };
        Ok(Self {
            made_at: Instant::now(),
            opener,
            shared: ThreadLocal::new(),
            writes,
        })
    }

    pub(crate) fn age(&self) -> Duration {
        self.made_at.elapsed()
    }

    /// This thread's connection; it connects when it is first used.
    pub(crate) async fn shared(&self) -> Result<Connection, Failure> {
        let connection = self.shared.get_or_default();
        if let Some(open) = connection.get() {
            return Ok(open.clone().into());
        }
        // Opening one takes some KiB of state: boxed, for otherwise every read would carry them along.
        let opened = Box::pin(connection.get_or_try_init(|| self.opener.open()));
        Ok(opened.await?.clone().into())
    }

    /// A connection for writing.
    pub(crate) async fn writer(&self) -> Result<Connection, Failure> {
        match &self.writes {
            Some(pool) => Ok(Connection::Pooled(Box::pin(pool.get()).await?)),
            None => self.shared().await,
        }
    }
}

impl Opener {
    async fn open(&self) -> Result<Shared, RedisError> {
        Ok(match self {
            Self::Server(client, config) => {
                let opened = client.get_multiplexed_async_connection_with_config(config);
                Shared::Node(opened.await?)
            }
            Self::Sentinel(master, config) => {
                let client = master.client.get_or_try_init(|| master.find()).await?;
                let opened = client.get_multiplexed_async_connection_with_config(config);
                Shared::Node(opened.await?)
            }
            // It is not opened by whoever comes first, who may have given up before all of its nodes are.
            Self::Cluster(client, config) => {
                Shared::Cluster(client.get_pending_async_connection_with_config(config.clone()))
            }
        })
    }
}

impl Master {
    /// Asks all Sentinels at once: whichever is away does not say so.
    async fn find(&self) -> Result<Client, RedisError> {
        let ask = async |sentinel: &Mutex<SentinelClient>| {
            let mut sentinel = sentinel.lock().await;
            sentinel.async_get_client().await
        };
        let asked = self
            .sentinels
            .iter()
            .map(|sentinel| Box::pin(ask(sentinel)));
        let (client, _) = select_ok(asked).await?;
        Ok(client)
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
    sentinel: &ConnectionInfo,
    name: &str,
    master: &ConnectionInfo,
) -> Result<SentinelClient, RedisError> {
    let address = [sentinel.addr().clone()];
    let mut builder = SentinelClientBuilder::new(address, name, SentinelServerType::Master)?
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
    if let Some(password) = sentinel.redis_settings().password() {
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
        .overall_response_timeout(Some(timeout))
        .retries(REDIRECTS)
        .min_retry_wait(1)
        .max_retry_wait(REDIRECT_WAIT)
        .build()
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Node(node) => node.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
            Self::Pooled(pooled) => pooled.req_packed_command(command),
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
            Self::Pooled(pooled) => pooled.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Node(node) => node.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
            Self::Pooled(pooled) => pooled.get_db(),
        }
    }
}
