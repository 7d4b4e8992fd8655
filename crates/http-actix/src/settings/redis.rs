//! The settings of Redis, which is optional.

use std::time::Duration;

use adapters_redis::{InvalidRedisUrl, Redis, RedisSettings};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::check::{Faults, Noted, Setting, optional, setting, time, whole};

/// The settings of Redis.
#[derive(Debug, Args)]
pub(super) struct RedisArgs {
    /// Redis, `redis://host:6379`, `redis-cluster://a,b,c` or `redis-sentinel://a,b,c/name`; without it the caches are
    /// in this process: run one replica then
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(url)))]
    redis_url: Setting<Option<SecretString>>,

    /// The beginning of every key in Redis; that of `DATABASE_SCHEMA` follows
    #[arg(long, env, default_value = "balcao", value_name = "TEXT")]
    redis_namespace: String,

    /// The most connections to a single Redis for writing; reading takes one more for each thread
    #[arg(long, env, value_name = "N", default_value = "8")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000)))]
    redis_max_connections: Setting<usize>,

    /// How long to wait for Redis before doing without, in milliseconds
    #[arg(long, env, value_name = "MS", default_value = "100")]
    #[arg(value_parser = setting(time(Duration::from_millis, 1..=10_000)))]
    redis_timeout_ms: Setting<Duration>,
}

fn url(text: &str) -> Result<SecretString, InvalidRedisUrl> {
    Redis::check_url(text).map(|()| text.into())
}

impl RedisArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<Option<RedisSettings>, Noted> {
        let url = faults.take(self.redis_url);
        let max_connections = faults.take(self.redis_max_connections);
        let timeout = faults.take(self.redis_timeout_ms);
        let Some(url) = url? else {
            return Ok(None);
        };
        Ok(Some(RedisSettings {
            url: url.expose_secret().to_owned(),
            namespace: self.redis_namespace,
            max_connections: max_connections?,
            timeout: timeout?,
        }))
    }
}
