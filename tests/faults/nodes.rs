//! Redis on more than one server, and a standby of PostgreSQL.

use integration_tests::{RedisCluster, RedisSentinel, Replicated, eventually};

/// What the replicas have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One PostgreSQL and one Redis.
    Plain,
    /// A standby of PostgreSQL that is read.
    Standby,
    /// A Redis that a Sentinel watches.
    Sentinel,
    /// A Redis Cluster.
    Cluster,
}

/// The servers of Redis, where there are many.
pub(crate) enum Nodes {
    Sentinel(Box<RedisSentinel>),
    Cluster(RedisCluster),
}

impl Nodes {
    pub(crate) async fn start(layout: Layout) -> Option<Self> {
        match layout {
            Layout::Plain | Layout::Standby => None,
            Layout::Sentinel => Some(Self::Sentinel(Box::new(RedisSentinel::start().await))),
            Layout::Cluster => Some(Self::Cluster(RedisCluster::start().await)),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sentinel(sentinel) => sentinel.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    /// A master and its replica.
    pub(crate) fn pair(&mut self) -> &mut Replicated {
        match self {
            Self::Sentinel(sentinel) => &mut sentinel.pair,
            Self::Cluster(cluster) => &mut cluster.nodes[0],
        }
    }

    /// Waits until the replica has taken its master's place.
    pub(crate) async fn is_promoted(&mut self) {
        let pair = self.pair();
        eventually("the replica is the master", || pair.is_master()).await;
    }
}
