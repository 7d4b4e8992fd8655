//! A Redis that can be read and not written, and one that holds what is not ours.

use integration_tests::{Caches, PrivateRedis, RawRedis};

use super::pair::Pair;

#[tokio::test]
async fn what_is_paid_at_one_server_is_paid_at_the_other_whatever_redis_refuses() {
    let redis = RawRedis::shared();
    for refused in [
        &["-eval", "-evalsha"][..],
        &["-@write"],
        &["-@all", "+getex", "+ping"],
    ] {
        let (user, url) = redis.user().await;
        let pair = Pair::over(Caches::redis_at(&url)).await;
        let path = pair.order().await;
        let mut rule = vec!["ACL", "SETUSER", &user];
        rule.extend(refused);
        redis.ok(&rule).await;
        pair.pay(&path).await;
        if refused.contains(&"+getex") {
            // Neither told nor refused its reads: it must at least be gone.
            continue;
        }
        assert_eq!(
            pair.there(&path).await.body["status"],
            "paid",
            "{refused:?}"
        );
        redis.ok(&["ACL", "SETUSER", &user, "+@all"]).await;
        integration_tests::eventually("Redis is used again", || async {
            assert_eq!(pair.there(&path).await.body["status"], "paid");
            pair.redis().await == "up"
        })
        .await;
        assert_eq!(pair.there(&path).await.body["status"], "paid");
        redis.ok(&["ACL", "DELUSER", &user]).await;
    }
}

#[tokio::test]
async fn a_redis_that_became_a_replica_is_not_believed() {
    let redis = PrivateRedis::start().await;
    let master = PrivateRedis::start().await;
    let pair = Pair::over(Caches::redis_at(&redis.url())).await;
    let path = pair.order().await;
    // It goes on answering reads with what it has: its master cannot be reached.
    let (host, port) = ("127.0.0.1", "1");
    redis.raw.ok(&["REPLICAOF", host, port]).await;
    pair.pay(&path).await;
    assert_eq!(pair.there(&path).await.body["status"], "paid");
    assert_eq!(pair.redis().await, "down");
    redis.raw.ok(&["REPLICAOF", "NO", "ONE"]).await;
    integration_tests::eventually("Redis is used again", || async {
        assert_eq!(pair.there(&path).await.body["status"], "paid");
        pair.redis().await == "up"
    })
    .await;
    drop(master);
}

#[tokio::test]
async fn a_redis_that_is_full_shows_nothing_old() {
    let redis = PrivateRedis::start().await;
    let pair = Pair::over(Caches::redis_at(&redis.url())).await;
    let path = pair.order().await;
    redis
        .raw
        .ok(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    redis.raw.ok(&["CONFIG", "SET", "maxmemory", "1"]).await;
    pair.pay(&path).await;
    assert_eq!(pair.there(&path).await.body["status"], "paid");
    redis.raw.ok(&["CONFIG", "SET", "maxmemory", "0"]).await;
    integration_tests::eventually("Redis is used again", || async {
        assert_eq!(pair.there(&path).await.body["status"], "paid");
        pair.redis().await == "up"
    })
    .await;
}

#[tokio::test]
async fn what_is_not_ours_under_one_of_our_keys_is_passed_over_and_removed() {
    let redis = RawRedis::shared();
    let pair = Pair::over(Caches::redis()).await;
    let (path, other) = (pair.order().await, pair.order().await);
    let (key, other_key) = (
        pair.key(&redis, &path).await,
        pair.key(&redis, &other).await,
    );
    let right = pair.ana.get(&path).await.expect(200).body;
    let mine = Pair::beginning(&redis, &key).await;

    for put in [
        // Another type, the entry of another order, no entry at all, an entry of nothing.
        &["RPUSH", &key, "somebody else's"][..],
        &["COPY", &other_key, &key],
        &["SET", &key, "somebody else's"],
        &["SET", &key, "1:somebody else's"],
        &["SET", &key, &format!("{mine}1:somebody else's")],
        &["HSET", &key, "field", "value"],
    ] {
        redis.ok(&["DEL", &key]).await;
        redis.ok(put).await;
        let got = pair.ana.get(&path).await.expect(200);
        assert_eq!(got.body, right, "{put:?}");
        assert_eq!(pair.redis().await, "up", "{put:?}");
        // Ours again.
        let again = pair.there(&path).await;
        assert_eq!(again.body, right);
        assert_eq!(redis.command(&["TYPE", &key]).await, "+string", "{put:?}");
        let kept = redis.command(&["GET", &key]).await;
        assert!(kept.starts_with(&format!("{mine}1:")), "{put:?}: {kept}");
    }
}

#[tokio::test]
async fn a_version_that_nobody_wrote_hides_no_change() {
    let redis = RawRedis::shared();
    let pair = Pair::over(Caches::redis()).await;
    for foreign in [
        // What is there with another version before it; nothing; not even a text.
        "local kept = redis.call('GET', KEYS[1])
         return redis.call('SET', KEYS[1], ARGV[1] .. '99' .. string.sub(kept, #ARGV[1] + 2))",
        "return redis.call('SET', KEYS[1], ARGV[1] .. '99:')",
        "return redis.call('SET', KEYS[1], '99:')",
        "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], '99:')",
    ] {
        let path = pair.order().await;
        let key = pair.key(&redis, &path).await;
        let mine = Pair::beginning(&redis, &key).await;
        redis.ok(&["EVAL", foreign, "1", &key, &mine]).await;
        pair.pay(&path).await;
        for _ in 0..3 {
            assert_eq!(pair.there(&path).await.body["status"], "paid", "{foreign}");
            let here = pair.ana.get(&path).await.expect(200);
            assert_eq!(here.body["status"], "paid", "{foreign}");
        }
        assert_eq!(pair.redis().await, "up");
    }
}
