//! Redis on several servers: a cluster, and a master with a replica and a Sentinel.

use crate::{
    PrivateRedis, eventually, free_addr,
    redis::{IN_MEMORY, RawRedis},
};

/// The slots of a cluster.
const SLOTS: usize = 16_384;

/// More than what two servers' sockets hold: what is written after it stays with the master.
const MORE_THAN_SOCKETS_HOLD: usize = 48 << 20;

/// A master and its replica.
pub struct Replicated {
    /// The master.
    pub master: PrivateRedis,
    /// Its replica.
    pub replica: PrivateRedis,
}

impl Replicated {
    /// Waits until the replica has what the master has now.
    ///
    /// # Panics
    ///
    /// When the master does not tell how far it is.
    pub async fn follows(&self) {
        let written = offset(&self.master.raw, "master_repl_offset").await;
        let written = written.unwrap();
        eventually("the replica follows", || async {
            let state = self.replica.raw.command(&["INFO", "replication"]).await;
            let taken = offset(&self.replica.raw, "slave_repl_offset").await;
            state.contains("master_link_status:up") && taken >= Some(written)
        })
        .await;
    }

    /// Keeps from the replica what is written from now on, until the master is killed.
    ///
    /// # Panics
    ///
    /// When the master does not take something large.
    pub async fn hold_back(&self) {
        self.replica.signal("-STOP").await;
        let large = "-".repeat(MORE_THAN_SOCKETS_HOLD);
        let key = self.key_of_master("large").await;
        self.master.raw.ok(&["SET", &key, &large]).await;
    }

    /// Ends the master as a crash does, and lets its replica go on with what it has.
    pub async fn kill_master(&mut self) {
        self.master.kill().await;
        self.replica.signal("-CONT").await;
    }

    /// Whether the replica has taken the master's place.
    pub async fn is_master(&self) -> bool {
        let role = self.replica.raw.command(&["INFO", "replication"]).await;
        role.contains("role:master")
    }

    /// A key that begins like this, and that the master has.
    async fn key_of_master(&self, beginning: &str) -> String {
        for n in 0_u32.. {
            let key = format!("{beginning}:{n}");
            if !self
                .master
                .raw
                .command(&["EXISTS", &key])
                .await
                .starts_with('-')
            {
                return key;
            }
        }
        unreachable!("a master has keys")
    }
}

/// How far a server's log is, by this name.
async fn offset(redis: &RawRedis, name: &str) -> Option<u64> {
    let state = redis.command(&["INFO", "replication"]).await;
    let offset = state.lines().find_map(|line| line.strip_prefix(name));
    offset?.trim_start_matches(':').trim().parse().ok()
}

/// A cluster of three masters, each with a replica.
pub struct RedisCluster {
    /// Its nodes.
    pub nodes: Vec<Replicated>,
}

impl RedisCluster {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start() -> Self {
        let mut buses = Vec::new();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let mut node = async || {
                let bus = free_addr().await.port().to_string();
                let arguments = [
                    &IN_MEMORY[..],
                    &["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"],
                    &["--cluster-require-full-coverage", "no"],
                    &["--cluster-replica-validity-factor", "0"],
                    &["--repl-diskless-sync-delay", "0"],
                    &["--cluster-port", &bus],
                ];
                let node = PrivateRedis::with(&arguments.concat()).await;
                buses.push(bus);
                node
            };
            nodes.push(Replicated {
                master: node().await,
                replica: node().await,
            });
        }
        let cluster = Self { nodes };
        cluster.meet(&buses[0]).await;
        cluster
    }

    /// Makes the nodes one cluster; the first one's bus is at this port.
    async fn meet(&self, bus: &str) {
        let all = || {
            let pairs = self.nodes.iter();
            pairs.flat_map(|pair| [&pair.master, &pair.replica])
        };
        let first = &self.nodes[0].master;
        for node in all().skip(1) {
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &first.port(), bus];
            node.raw.ok(&meet).await;
        }
        for node in all() {
            eventually("the nodes have met", || async {
                let info = node.raw.command(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_known_nodes:6")
            })
            .await;
        }
        for (i, pair) in self.nodes.iter().enumerate() {
            let (from, to) = (SLOTS * i / 3, SLOTS * (i + 1) / 3 - 1);
            let slots = [
                "CLUSTER",
                "ADDSLOTSRANGE",
                &from.to_string(),
                &to.to_string(),
            ];
            pair.master.raw.ok(&slots).await;
            let id = pair.master.raw.command(&["CLUSTER", "MYID"]).await;
            eventually("the replica knows its master", || async {
                let replicate = ["CLUSTER", "REPLICATE", &id];
                pair.replica.raw.command(&replicate).await.starts_with('+')
            })
            .await;
            pair.follows().await;
        }
        for node in all() {
            eventually("the cluster works", || async {
                let info = node.raw.command(&["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok")
            })
            .await;
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        let nodes = self.nodes.iter().map(|pair| pair.master.addr());
        format!("redis-cluster://{}", nodes.collect::<Vec<_>>().join(","))
    }

    /// The pair that has a key.
    pub async fn pair_of(&mut self, key: &str) -> &mut Replicated {
        let number = self.number_of(key).await;
        &mut self.nodes[number]
    }

    /// The number of the pair that has a key.
    pub async fn number_of(&self, key: &str) -> usize {
        for (number, pair) in self.nodes.iter().enumerate() {
            let answer = pair.master.raw.command(&["EXISTS", key]).await;
            if !answer.starts_with('-') {
                return number;
            }
        }
        unreachable!("every slot is assigned")
    }
}

/// A master and its replica, which a Sentinel watches.
pub struct RedisSentinel {
    /// Those that it watches.
    pub pair: Replicated,
    sentinel: PrivateRedis,
}

impl RedisSentinel {
    /// Starts them.
    ///
    /// # Panics
    ///
    /// When they do not start.
    pub async fn start() -> Self {
        let arguments = [&IN_MEMORY[..], &["--repl-diskless-sync-delay", "0"]].concat();
        let pair = Replicated {
            master: PrivateRedis::with(&arguments).await,
            replica: PrivateRedis::with(&arguments).await,
        };
        let replicate = ["REPLICAOF", "127.0.0.1", &pair.master.port()];
        pair.replica.raw.ok(&replicate).await;
        pair.follows().await;
        let sentinel = PrivateRedis::with(&["--sentinel"]).await;
        let watched: [&[&str]; 3] = [
            &["MONITOR", "shop", "127.0.0.1", &pair.master.port(), "1"],
            &["SET", "shop", "down-after-milliseconds", "1500"],
            &["SET", "shop", "failover-timeout", "3000"],
        ];
        for words in watched {
            sentinel.raw.ok(&[&["SENTINEL"], words].concat()).await;
        }
        eventually("the Sentinel knows the replica", || async {
            let known = sentinel.raw.command(&["INFO", "sentinel"]).await;
            known.contains("slaves=1")
        })
        .await;
        Self { pair, sentinel }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-sentinel://{}/shop", self.sentinel.addr())
    }

    /// To speak to the Sentinel.
    #[must_use]
    pub fn sentinel(&self) -> &RawRedis {
        &self.sentinel.raw
    }
}
