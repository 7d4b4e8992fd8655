//! What is sent to a Redis.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use deadpool_redis::redis::{self, FromRedisValue, Pipeline, RedisError};
use domain::cache::Lease;

use crate::{
    address::Address,
    connections::Connections,
    entry::version_of,
    failure::Failure,
    leases,
    scripts::{Call, IDENTIFY, READ, REMOVE},
    times::milliseconds,
};

/// A Redis, and how long it may take to answer.
pub(crate) struct Commands {
    address: Address,
    max_connections: usize,
    timeout: Duration,
    connections: RwLock<Arc<Connections>>,
}

impl Commands {
    /// Prepares the connections; nothing is connected yet.
    pub(crate) fn new(
        address: Address,
        max_connections: usize,
        timeout: Duration,
    ) -> Result<Self, RedisError> {
        let connections = Connections::new(&address, max_connections, timeout)?;
        Ok(Self {
            address,
            max_connections,
            timeout,
            connections: RwLock::new(Arc::new(connections)),
        })
    }

    /// Whether there are many servers behind it, which find their masters by themselves.
    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self.address, Address::Cluster(_))
    }

    /// Leaves the connections, and with them the servers that they found, unless they are younger than this.
    pub(crate) fn renew(&self, age: Duration) -> Result<(), RedisError> {
        if self.connections().age() < age {
            return Ok(());
        }
        let new = Connections::new(&self.address, self.max_connections, self.timeout)?;
        let connections = self.connections.write();
        *connections.unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    fn connections(&self) -> Arc<Connections> {
        let connections = self.connections.read();
        Arc::clone(&connections.unwrap_or_else(PoisonError::into_inner))
    }

    /// What is kept under a key at this master, or nothing: then the lease is.
    #[tracing::instrument(level = "debug", name = "redis.get", skip_all)]
    pub(crate) async fn read(
        &self,
        key: &str,
        master: &str,
        lease: Lease,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut read = READ.key(key);
        read.arg(master)
            .arg(version_of(lease))
            .arg(milliseconds(leases::TTL));
        self.within_timeout(async {
            let mut connection = self.connections().shared().await?;
            Ok(read.run(&mut connection).await?)
        })
        .await
    }

    /// Removes an entry, unless another one has replaced it.
    pub(crate) async fn remove(&self, key: &str, master: &str, text: &[u8]) -> Result<(), Failure> {
        let mut remove = REMOVE.key(key);
        remove.arg(master).arg(text);
        self.run(&remove).await
    }

    /// Writes a key, and returns what the master that has it calls itself.
    pub(crate) async fn identify(&self, key: &str, ttl: Duration) -> Result<String, Failure> {
        let mut identify = IDENTIFY.key(key);
        identify.arg("").arg(milliseconds(ttl));
        self.run(&identify).await
    }

    #[tracing::instrument(level = "debug", name = "redis.script", skip_all)]
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &Call) -> Result<T, Failure> {
        self.within_timeout(async {
            let mut connection = self.connections().writer().await?;
            Ok(script.run(&mut connection).await?)
        })
        .await
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failure> {
        self.within_timeout(async {
            let mut connection = self.connections().writer().await?;
            Ok(commands.query_async(&mut connection).await?)
        })
        .await
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.within_timeout(async {
            let mut connection = self.connections().writer().await?;
            let delete = redis::cmd("DEL").arg(key).to_owned();
            Ok(delete.query_async(&mut connection).await?)
        })
        .await
    }

    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        self.within_timeout(async {
            let mut connection = self.connections().shared().await?;
            Ok(redis::cmd("PING").query_async(&mut connection).await?)
        })
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
