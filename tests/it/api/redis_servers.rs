//! A Redis that is started again, another one in its place, a replica that takes its master's place, and many of
//! them in a cluster: whatever it is that answers, nobody reads there what is older than what was written.

use std::time::{Duration, Instant};

use integration_tests::{
    Caches, PrivateRedis, RawRedis, RedisCluster, RedisSentinel, Replicated, eventually,
};

use tokio::net::TcpListener;

use super::pair::Pair;

/// How many orders a test has, so that each node of a cluster has some.
const ORDERS: usize = 24;

/// Waits until both servers keep this order in this Redis, of which nothing else may be shown meanwhile. Until then
/// its entry there began otherwise.
async fn is_kept(pair: &Pair, redis: &RawRedis, (path, status): (&str, &str), before: &str) {
    let key = pair.key_of(path);
    eventually("Redis is used again", || async {
        pair.shows(path, status).await;
        redis.command(&["EXISTS", &key]).await == ":1"
            && Pair::beginning(redis, &key).await != before
    })
    .await;
    pair.shows(path, status).await;
}

#[tokio::test]
async fn what_redis_has_kept_from_before_it_was_started_again_is_not_read() {
    let mut redis = PrivateRedis::start().await;
    let pair = Pair::over(Caches::that_may_be_away(&redis.url())).await;
    let path = pair.order().await;
    let before = pair.beginning_of(&redis.raw, &path).await;
    redis.raw.ok(&["SAVE"]).await;
    pair.pay(&path).await;
    redis.kill().await;
    redis.start_again().await;
    is_kept(&pair, &redis.raw, (&path, "paid"), &before).await;
}

#[tokio::test]
async fn of_two_redises_at_once_nobody_reads_what_the_other_was_not_told() {
    let (here, there) = (PrivateRedis::start().await, PrivateRedis::start().await);
    let pair = Pair::over_two(Caches::that_may_be_away(&here.url()), &there.url()).await;
    // Long enough that the servers agree on the one and on the other.
    let until = Instant::now() + Duration::from_secs(14);
    let mut seen = Vec::new();
    while Instant::now() < until {
        let path = pair.order().await;
        pair.pay(&path).await;
        pair.shows(&path, "paid").await;
        pair.change_there(&path, "shipped").await;
        pair.shows(&path, "shipped").await;
        for redis in [&here, &there] {
            let keys = redis.raw.command(&["DBSIZE"]).await;
            seen.push(keys != ":0");
        }
    }
    let server = pair.shop.database.client().await;
    let agreed = "select generation from cache_server";
    let agreed: i64 = server.query_one(agreed, &[]).await.unwrap().get(0);
    assert!(agreed > 2, "they have agreed {agreed} times");
    assert!(seen.iter().any(|used| *used));
}

/// How many scripts a server has run.
async fn scripts_run(redis: &RawRedis) -> usize {
    let stats = redis.command(&["INFO", "commandstats"]).await;
    let calls = stats.split_once("cmdstat_evalsha:calls=");
    let calls = calls.and_then(|(_, calls)| calls.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

/// Waits until these orders, as they are, are read from these servers by both replicas.
async fn are_read(pair: &Pair, paths: &[String], status: &str, servers: &[&RawRedis]) {
    let reads = async || {
        let mut reads = 0;
        for redis in servers {
            reads += scripts_run(redis).await;
        }
        reads
    };
    eventually("they are read from Redis", || async {
        let before = reads().await;
        for path in paths {
            pair.shows(path, status).await;
        }
        reads().await >= before + 2 * paths.len()
    })
    .await;
}

/// Pays an order of which the replica hears nothing, and loses the master.
async fn a_promoted_replica_lacks_the_last_write(pair: &Pair, path: &str, redis: &mut Replicated) {
    redis.follows().await;
    let before = pair.beginning_of(&redis.master.raw, path).await;
    redis.hold_back().await;
    pair.pay(path).await;
    pair.shows(path, "paid").await;
    redis.kill_master().await;
    let start = Instant::now();
    eventually("the replica is the master", || async {
        pair.shows(path, "paid").await;
        redis.is_master().await
    })
    .await;
    is_kept(pair, &redis.replica.raw, (path, "paid"), &before).await;
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_replica_that_a_sentinel_promotes_does_not_bring_back_what_was_before() {
    let mut redis = RedisSentinel::start().await;
    let pair = Pair::over(Caches::that_may_be_away(&redis.url())).await;
    let path = pair.order().await;
    a_promoted_replica_lacks_the_last_write(&pair, &path, &mut redis.pair).await;
}

#[tokio::test]
async fn a_replica_that_a_cluster_promotes_does_not_bring_back_what_was_before() {
    let mut cluster = RedisCluster::start().await;
    let pair = Pair::over(Caches::that_may_be_away(&cluster.url())).await;
    let path = pair.order().await;
    let node = cluster.pair_of(&pair.key_of(&path)).await;
    a_promoted_replica_lacks_the_last_write(&pair, &path, node).await;
}

#[tokio::test]
async fn a_sentinel_that_says_nothing_keeps_nobody_from_asking_the_others() {
    let redis = RedisSentinel::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().unwrap();
    let url = redis.url().replace("://", &format!("://{silent},"));
    let pair = Pair::over(Caches::that_may_be_away(&url)).await;
    let path = pair.order().await;
    eventually("Redis is used", || async {
        pair.shows(&path, "pending").await;
        let key = pair.key_of(&path);
        redis.pair.master.raw.command(&["EXISTS", &key]).await == ":1"
    })
    .await;
}

#[tokio::test]
async fn a_master_of_a_cluster_that_hangs_is_left_for_its_replica() {
    let mut cluster = RedisCluster::start().await;
    let url = cluster.url();
    let pair = Pair::over(Caches::that_may_be_away(&url)).await;
    let path = pair.order().await;
    let key = pair.key_of(&path);
    let node = cluster.pair_of(&key).await;
    node.follows().await;
    let before = pair.beginning_of(&node.master.raw, &path).await;
    node.master.signal("-STOP").await;
    pair.pay(&path).await;
    eventually("the replica is used", || async {
        pair.shows(&path, "paid").await;
        node.is_master().await && node.replica.raw.command(&["EXISTS", &key]).await == ":1"
    })
    .await;
    is_kept(&pair, &node.replica.raw, (&path, "paid"), &before).await;

    // Whoever starts now is told of that node as well.
    let late = pair.shop.replica_with(|settings| {
        if let Some(redis) = &mut settings.redis {
            url.clone_into(&mut redis.url);
        }
    });
    let late = pair.ana.at(&late.anonymous());
    eventually("who starts now uses it, too", || async {
        let before = scripts_run(&node.replica.raw).await;
        assert_eq!(late.get(&path).await.expect(200).body["status"], "paid");
        scripts_run(&node.replica.raw).await > before
    })
    .await;
    node.master.signal("-CONT").await;
    for _ in 0..50 {
        pair.shows(&path, "paid").await;
        pair.shows(&path, "paid").await;
    }
}

#[tokio::test]
async fn a_node_that_is_away_costs_its_share_of_a_cluster() {
    let cluster = RedisCluster::start().await;
    let pair = Pair::over(Caches::that_may_be_away(&cluster.url())).await;
    let mut paths = Vec::new();
    for _ in 0..ORDERS {
        paths.push(pair.order().await);
    }
    let mut elsewhere = Vec::new();
    let mut away = Vec::new();
    for path in paths {
        let key = pair.key_of(&path);
        let is_away = cluster.number_of(&key).await == 0;
        if is_away { &mut away } else { &mut elsewhere }.push(path);
    }
    assert!(!away.is_empty() && !elsewhere.is_empty());
    // A change takes a second there, until all have heard of it.
    away.truncate(3);
    for node in [&cluster.nodes[0].master, &cluster.nodes[0].replica] {
        node.signal("-STOP").await;
    }
    for path in &away {
        pair.shows(path, "pending").await;
        pair.pay(path).await;
        pair.shows(path, "paid").await;
    }
    let masters = cluster.nodes[1..].iter().map(|node| &node.master.raw);
    are_read(&pair, &elsewhere, "pending", &masters.collect::<Vec<_>>()).await;
    for node in [&cluster.nodes[0].master, &cluster.nodes[0].replica] {
        node.signal("-CONT").await;
    }
    // The replica may have taken the place of its master.
    let node = &cluster.nodes[0];
    let either = [&node.master.raw, &node.replica.raw];
    are_read(&pair, &away, "paid", &either).await;
}

#[tokio::test]
async fn rates_and_failed_logins_are_counted_in_a_cluster() {
    let cluster = RedisCluster::start().await;
    let pair = Pair::over(Caches::that_may_be_away(&cluster.url())).await;
    let wrong = async |server: &integration_tests::Client| {
        let login = serde_json::json!({"email": "nobody@example.com", "password": "a wrong one"});
        server.post("/auth/login", &login).await.status
    };
    let (here, there) = (pair.shop.anonymous(), pair.there.anonymous());
    eventually("it is too many", || async {
        wrong(&here).await == 429 && wrong(&there).await == 429
    })
    .await;
}
