//! The connections to a Redis, and what is sent on them.

use std::time::Duration;

use deadpool_redis::{
    Connection, Manager, Pool, Runtime,
    redis::{
        self, AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline,
        RedisError, ScriptInvocation,
        aio::{ConnectionManager, ConnectionManagerConfig},
    },
};
use domain::cache::Lease;
use thread_local::ThreadLocal;

use crate::{
    entry::version_of, failure::Failure, leases, scripts::REMOVE_FOREIGN, times::milliseconds,
};

/// How long a connection lives on without a word from the server's machine (`tcp(7)`: `TCP_USER_TIMEOUT`).
#[cfg(target_os = "linux")]
const SILENCE: Duration = Duration::from_secs(5);

/// A Redis, read through a multiplexed connection per thread, and written through a pool.
pub(crate) struct Commands {
    client: Client,
    config: ConnectionManagerConfig,
    /// A connection works on the thread that opened it: with one per thread, a read does not have
    /// to wake another thread.
    reads: ThreadLocal<ConnectionManager>,
    writes: Pool,
    timeout: Duration,
}

impl Commands {
    /// Prepares the connections; nothing is connected yet.
    pub(crate) fn new(
        url: &str,
        max_connections: usize,
        timeout: Duration,
    ) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        let settings = info.tcp_settings().clone().set_nodelay(true);
        // What was given up must not arrive long after.
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(SILENCE);
        let info = info.set_tcp_settings(settings);
        let client = Client::open(info.clone())?;
        // `within_timeout` limits the wait for answers, so no connection sets a timer of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None);
        let writes = Pool::builder(Manager::new_with_config(info, config)?)
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .build()
            .map_err(|error| {
                let kind = redis::ErrorKind::InvalidClientConfig;
                RedisError::from((kind, "no pool", error.to_string()))
            })?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None);
        Ok(Self {
            client,
            config,
            reads: ThreadLocal::new(),
            writes,
            timeout,
        })
    }

    /// This thread's connection for reads; it connects when it is first used.
    fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let open = || {
            let (client, config) = (self.client.clone(), self.config.clone());
            ConnectionManager::new_lazy_with_config(client, config)
        };
        self.reads.get_or_try(open).cloned()
    }

    /// A connection for writes. Making one takes 14 KiB of state: boxed, for otherwise every read
    /// would carry them along, as it may have to remove what is foreign.
    async fn writer(&self) -> Result<Connection, Failure> {
        Ok(Box::pin(self.writes.get()).await?)
    }

    #[tracing::instrument(level = "debug", name = "redis.get", skip_all)]
    pub(crate) async fn read(&self, key: &str, lease: Lease) -> Result<Option<Vec<u8>>, Failure> {
        let mut connection = self.connection()?;
        let get = redis::cmd("SET")
            .arg(key)
            .arg(version_of(lease) + ":")
            .arg("NX")
            .arg("GET")
            .arg("PX")
            .arg(milliseconds(leases::TTL))
            .to_owned();
        self.within_timeout(async { Ok(get.query_async(&mut connection).await?) })
            .await
    }

    pub(crate) async fn remove(&self, key: &str, text: &[u8]) -> Result<(), Failure> {
        let mut remove = REMOVE_FOREIGN.key(key);
        remove.arg(text);
        self.run(&remove).await
    }

    #[tracing::instrument(level = "debug", name = "redis.script", skip_all)]
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Failure> {
        self.within_timeout(async {
            let mut connection = self.writer().await?;
            Ok(script.invoke_async(&mut connection).await?)
        })
        .await
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failure> {
        self.within_timeout(async {
            let mut connection = self.writer().await?;
            Ok(commands.query_async(&mut connection).await?)
        })
        .await
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.within_timeout(async {
            let mut connection = self.writer().await?;
            let delete = redis::cmd("DEL").arg(key).to_owned();
            Ok(delete.query_async(&mut connection).await?)
        })
        .await
    }

    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let mut connection = self.connection()?;
        self.within_timeout(async { Ok(redis::cmd("PING").query_async(&mut connection).await?) })
            .await
    }

    async fn within_timeout<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or(Err(Failure::Timeout(self.timeout)))
    }
}
