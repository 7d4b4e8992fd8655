//! What breaks, and how it is mended.

use std::{path::PathBuf, time::Duration};

use integration_tests::{PrivateRedis, Proxy, balcao_program};
use tokio::{fs::File, io::AsyncWriteExt as _, time::sleep};
use tokio_postgres::NoTls;

use crate::{
    arena::{Arena, signal},
    cluster::ClusterKind,
    nodes::Layout,
};

pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether every request must be served meanwhile as if nothing were.
    pub(crate) is_survived: bool,
    pub(crate) is_in_short: bool,
    /// Whether it has to last longer than anybody waits, or nothing is seen of it.
    pub(crate) is_long: bool,
    /// The longest time in which no order may be placed, where there is one.
    pub(crate) outage: Option<Duration>,
    /// What the replicas have meanwhile.
    pub(crate) layout: Layout,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PostgresCrash,
    PostgresPause,
    PostgresCut,
    PostgresSilence,
    PostgresFreeze,
    PostgresTermination,
    PostgresReadOnly,
    PostgresConnections,
    PostgresDisk,
    PostgresStandby,
    StockLock,
    RedisCrash,
    RedisPause,
    RedisCut,
    RedisCutFromOne,
    RedisSlowness,
    RedisFlushes,
    RedisMemory,
    RedisReadOnly,
    RedisPassword,
    RedisGarbage,
    RedisReplacement,
    RedisSaved,
    RedisTwice,
    RedisMasterLoss,
    StandbyReplay,
    StandbyPause,
    ReplicaKill,
    ReplicaTermination,
    ReplicasKill,
    Upgrade,
    Cluster(ClusterKind),
}

pub(crate) const fn fault(name: &'static str, kind: Kind) -> Fault {
    Fault {
        name,
        kind,
        is_survived: false,
        is_in_short: false,
        is_long: false,
        outage: None,
        layout: Layout::Plain,
    }
}

impl Fault {
    const fn survived(self) -> Self {
        Self {
            is_survived: true,
            ..self
        }
    }

    pub(crate) const fn with_an_outage_of(self, outage: Duration) -> Self {
        Self {
            outage: Some(outage),
            ..self
        }
    }

    const fn over(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    const fn long(self) -> Self {
        Self {
            is_long: true,
            ..self
        }
    }

    /// How long it lasts.
    pub(crate) const fn lasts(&self, is_short: bool) -> Duration {
        Duration::from_secs(if is_short && !self.is_long { 1 } else { 3 })
    }

    const fn in_short(self) -> Self {
        Self {
            is_in_short: true,
            ..self
        }
    }
}

/// The schema changes beside the replica of before, and both go on, through whatever comes next.
pub(crate) const UPGRADE: Fault =
    fault("this release takes over from the one before", Kind::Upgrade).survived();

pub(crate) const FAULTS: &[Fault] = &[
    fault("PostgreSQL crashes and comes back", Kind::PostgresCrash).in_short(),
    fault("PostgreSQL is paused (SIGSTOP)", Kind::PostgresPause),
    fault("PostgreSQL is cut off", Kind::PostgresCut),
    fault("PostgreSQL's answers do not arrive", Kind::PostgresSilence)
        .in_short()
        .long(),
    fault(
        "PostgreSQL's connections are silent, and only new ones are not",
        Kind::PostgresFreeze,
    )
    .in_short()
    .long(),
    fault(
        "PostgreSQL ends connections, again and again",
        Kind::PostgresTermination,
    )
    .in_short(),
    fault("PostgreSQL is read-only", Kind::PostgresReadOnly),
    fault(
        "PostgreSQL's connections are all taken by others",
        Kind::PostgresConnections,
    ),
    fault("PostgreSQL's disk is full", Kind::PostgresDisk),
    fault(
        "PostgreSQL's synchronous standby is away",
        Kind::PostgresStandby,
    )
    .in_short()
    .long(),
    fault(
        "a product's stock is locked by somebody else",
        Kind::StockLock,
    ),
    fault("Redis crashes and comes back empty", Kind::RedisCrash)
        .survived()
        .in_short(),
    fault("Redis is paused (SIGSTOP)", Kind::RedisPause)
        .survived()
        .in_short(),
    fault("Redis is cut off", Kind::RedisCut).survived(),
    fault("Redis is cut off from one replica", Kind::RedisCutFromOne)
        .survived()
        .in_short(),
    fault("Redis is slow (paused every 30 ms)", Kind::RedisSlowness).survived(),
    fault("Redis is flushed, again and again", Kind::RedisFlushes).survived(),
    fault("Redis is full", Kind::RedisMemory).survived(),
    fault("Redis is read-only", Kind::RedisReadOnly).survived(),
    fault("Redis wants a password", Kind::RedisPassword).survived(),
    fault("Redis holds somebody else's values", Kind::RedisGarbage).survived(),
    fault("Redis is replaced by another one", Kind::RedisReplacement).survived(),
    fault(
        "Redis comes back with what it had saved before",
        Kind::RedisSaved,
    )
    .survived()
    .in_short(),
    fault("one replica reaches another Redis", Kind::RedisTwice).survived(),
    fault("a replica is killed (kill -9)", Kind::ReplicaKill).in_short(),
    fault("a replica is replaced (SIGTERM)", Kind::ReplicaTermination).survived(),
    fault(
        "both replicas are killed and start at once",
        Kind::ReplicasKill,
    ),
    fault(
        "a Sentinel's master is killed, its replica lacks the last writes",
        Kind::RedisMasterLoss,
    )
    .survived()
    .in_short()
    .over(Layout::Sentinel),
    fault(
        "a Redis Cluster's master is killed, its replica lacks the last writes",
        Kind::RedisMasterLoss,
    )
    .survived()
    .in_short()
    .over(Layout::Cluster),
    fault(
        "a standby for reading takes nothing over (replay paused)",
        Kind::StandbyReplay,
    )
    .survived()
    .in_short()
    .over(Layout::Standby),
    fault(
        "a standby for reading is paused (SIGSTOP)",
        Kind::StandbyPause,
    )
    .survived()
    .over(Layout::Standby),
];

/// For how long orders change before a Redis is lost that has saved what was before.
const SAVED_BEFORE: Duration = Duration::from_millis(500);

/// For how long they change before a master is lost whose replica hears of nothing: it is to be whole still.
const HELD_BACK: Duration = Duration::from_millis(300);

/// Ends every connection of the replicas.
const TERMINATE: &str = "
    select pg_terminate_backend(pid) from pg_stat_activity where usename = 'shop'";

/// Puts something else under every key: a text, or a list.
const GARBAGE: &str = "
    for i, key in ipairs(redis.call('KEYS', '*')) do
        redis.call('DEL', key)
        redis.call(i % 2 == 0 and 'SET' or 'RPUSH', key, '9:somebody else')
    end
    return 'OK'";

impl Kind {
    /// Breaks it.
    ///
    /// # Errors
    ///
    /// Why it cannot be broken here.
    pub(crate) async fn begin(self, arena: &mut Arena) -> Result<(), String> {
        let redis = arena.redis.raw.clone();
        match self {
            Self::PostgresCrash => arena.postgres.alone().crash().await,
            Self::PostgresPause => arena.postgres.alone().signal("-STOP").await,
            Self::PostgresCut => arena.to_postgres.cut(),
            Self::PostgresSilence => arena.to_postgres.hold(),
            Self::PostgresFreeze => arena.to_postgres.freeze(),
            Self::PostgresTermination => terminate_connections(arena).await,
            Self::PostgresReadOnly => set(arena, "set default_transaction_read_only = on").await,
            Self::PostgresConnections => take_connections(arena).await,
            Self::PostgresDisk => return fill_disk(arena).await,
            // Whoever commits waits for it, and no timeout of PostgreSQL's ends that.
            Self::PostgresStandby => set(arena, "set synchronous_standby_names = 'away'").await,
            Self::StockLock => lock_stock(arena).await,
            Self::RedisCrash => arena.redis.kill().await,
            Self::RedisPause => signal("-STOP", arena.redis.pid()),
            Self::RedisCut => arena.to_redis.iter().for_each(Proxy::cut),
            Self::RedisCutFromOne => arena.to_redis[0].cut(),
            Self::RedisSlowness => pause_again_and_again(arena),
            Self::RedisFlushes => flush_again_and_again(arena),
            Self::RedisMemory => redis.ok(&["CONFIG", "SET", "maxmemory", "1"]).await,
            Self::RedisReadOnly => redis.ok(&["REPLICAOF", "127.0.0.1", "1"]).await,
            Self::RedisPassword => {
                redis.ok(&["CONFIG", "SET", "requirepass", "another"]).await;
                // Who is logged in stays so: everybody has to come again.
                arena.to_redis.iter().for_each(Proxy::cut);
                arena.to_redis.iter().for_each(Proxy::mend);
            }
            Self::RedisGarbage => redis.ok(&["EVAL", GARBAGE, "0"]).await,
            Self::RedisReplacement => {
                arena.redis.kill().await;
                arena.redis.start_again().await;
            }
            Self::RedisSaved => {
                redis.ok(&["SAVE"]).await;
                sleep(SAVED_BEFORE).await;
                arena.redis.kill().await;
            }
            Self::RedisTwice => reach_another(arena).await,
            Self::RedisMasterLoss => lose_master(arena).await,
            Self::StandbyReplay => arena.standby().pause_replay().await,
            Self::StandbyPause => arena.standby().signal("-STOP").await,
            Self::ReplicaKill => arena.replicas[0].kill().await,
            Self::ReplicaTermination => {
                arena.replicas[0].terminate().await;
                arena.start_again(0);
            }
            Self::ReplicasKill => {
                for replica in &mut arena.replicas {
                    replica.kill().await;
                }
            }
            Self::Upgrade => {
                arena.replicas[1].terminate().await;
                arena.programs[1] = balcao_program();
                arena.start_again(1);
            }
            Self::Cluster(kind) => kind.begin(arena).await,
        }
        Ok(())
    }

    /// Mends it.
    pub(crate) async fn end(self, arena: &mut Arena) {
        if let Some(repeated) = arena.repeated.take() {
            repeated.abort();
        }
        let redis = arena.redis.raw.clone();
        match self {
            Self::PostgresCrash => arena.postgres.alone().restart().await,
            Self::PostgresPause => arena.postgres.alone().signal("-CONT").await,
            Self::PostgresCut => arena.to_postgres.mend(),
            Self::PostgresSilence => arena.to_postgres.let_go(),
            Self::PostgresReadOnly => set(arena, "reset default_transaction_read_only").await,
            Self::PostgresStandby => set(arena, "reset synchronous_standby_names").await,
            Self::PostgresDisk => {
                let _ = std::fs::remove_file(ballast(arena));
                // It may have ended for lack of room.
                arena.postgres.alone().restart().await;
            }
            Self::StockLock => arena.holder = None,
            Self::RedisCrash => arena.redis.start_again().await,
            Self::RedisSaved => {
                arena.redis.start_again().await;
                arena.redis.forget();
            }
            Self::RedisTwice => arena.to_redis[1].lead_to(arena.redis.addr()),
            Self::RedisMasterLoss => arena.nodes().is_promoted().await,
            Self::StandbyReplay => arena.standby().resume_replay().await,
            Self::StandbyPause => arena.standby().signal("-CONT").await,
            Self::RedisPause | Self::RedisSlowness => signal("-CONT", arena.redis.pid()),
            Self::RedisCut | Self::RedisCutFromOne => {
                arena.to_redis.iter().for_each(Proxy::mend);
            }
            Self::RedisMemory => redis.ok(&["CONFIG", "SET", "maxmemory", "0"]).await,
            Self::RedisReadOnly => redis.ok(&["REPLICAOF", "NO", "ONE"]).await,
            Self::RedisPassword => {
                arena.redis.kill().await;
                arena.redis.start_again().await;
            }
            Self::ReplicaKill => arena.start_again(0),
            Self::ReplicasKill => {
                arena.start_again(0);
                arena.start_again(1);
            }
            Self::Cluster(kind) => kind.end(arena).await,
            Self::PostgresConnections
            | Self::PostgresFreeze
            | Self::PostgresTermination
            | Self::RedisFlushes
            | Self::RedisGarbage
            | Self::RedisReplacement
            | Self::ReplicaTermination
            | Self::Upgrade => {}
        }
    }
}

/// Leads a replica to a Redis that the other one does not reach.
async fn reach_another(arena: &mut Arena) {
    let another = arena.another_redis.insert(PrivateRedis::start().await);
    arena.to_redis[1].lead_to(another.addr());
}

/// Ends a master that has what no replica of its has heard of.
async fn lose_master(arena: &mut Arena) {
    let pair = arena.nodes().pair();
    pair.hold_back().await;
    sleep(HELD_BACK).await;
    pair.kill_master().await;
}

/// Changes a setting of PostgreSQL, for the sessions that there are too.
async fn set(arena: &Arena, what: &str) {
    let sql = arena.sql().await;
    sql.batch_execute("set synchronous_commit = local")
        .await
        .unwrap();
    sql.batch_execute(&format!("alter system {what}"))
        .await
        .unwrap();
    sql.batch_execute("select pg_reload_conf()").await.unwrap();
}

async fn terminate_connections(arena: &mut Arena) {
    let sql = std::sync::Arc::new(arena.sql().await);
    again_and_again(arena, Duration::from_millis(250), move |_| {
        let sql = std::sync::Arc::clone(&sql);
        async move { sql.batch_execute(TERMINATE).await.unwrap() }
    });
}

/// Somebody else takes all that a superuser does not have, and what is free whenever something is.
async fn take_connections(arena: &mut Arena) {
    let (sql, url) = (arena.sql().await, arena.url_of_others());
    let mut taken = Vec::new();
    let task = tokio::spawn(async move {
        loop {
            take_all(&url, &mut taken).await;
            // What a replica still has, or was faster to get.
            sql.batch_execute(TERMINATE).await.unwrap();
            sleep(Duration::from_millis(5)).await;
        }
    });
    arena.repeated = Some(task.abort_handle());
}

async fn take_all(url: &str, taken: &mut Vec<tokio_postgres::Client>) {
    while let Ok((client, connection)) = tokio_postgres::connect(url, NoTls).await {
        tokio::spawn(connection);
        taken.push(client);
    }
}

async fn lock_stock(arena: &mut Arena) {
    let sql = arena.sql().await;
    sql.batch_execute("begin").await.unwrap();
    let lock = "select from stock where product_id = $1 for update";
    sql.execute(lock, &[&arena.products[1]]).await.unwrap();
    arena.holder = Some(sql);
}

fn pause_again_and_again(arena: &mut Arena) {
    let pid = arena.redis.pid();
    again_and_again(arena, Duration::from_millis(30), move |turn| async move {
        signal(if turn % 2 == 0 { "-STOP" } else { "-CONT" }, pid);
    });
}

fn flush_again_and_again(arena: &mut Arena) {
    let redis = arena.redis.raw.clone();
    again_and_again(arena, Duration::from_millis(200), move |_| {
        let redis = redis.clone();
        async move { redis.ok(&["FLUSHALL"]).await }
    });
}

fn again_and_again<F>(
    arena: &mut Arena,
    pause: Duration,
    what: impl Fn(usize) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let task = tokio::spawn(async move {
        for turn in 0.. {
            what(turn).await;
            sleep(pause).await;
        }
    });
    arena.repeated = Some(task.abort_handle());
}

fn ballast(arena: &Arena) -> PathBuf {
    arena.postgres.alone().folder().join("ballast")
}

/// Writes until there is no room left.
async fn fill_disk(arena: &Arena) -> Result<(), String> {
    if !arena.postgres.alone().has_a_disk_of_its_own() {
        return Err("no disk of its own could be mounted: that needs root".to_owned());
    }
    let mut file = File::create(ballast(arena)).await.unwrap();
    let block = vec![0; 1 << 20];
    while file.write_all(&block).await.is_ok() && file.flush().await.is_ok() {}
    Ok(())
}
