//! The cache port of [`domain`]: in Redis, shared by every replica, and in this process, for when
//! there is no Redis. Neither ever fails: an unavailable entry is a miss. Failed logins are counted in
//! Redis too, and so are requests against rate limits.
//!
//! An entry carries its entity's version, and the newer of two wins, in whatever order they arrive.
//! It lives for a configured time ±10 %, so that entries that were cached together do not expire
//! together.

mod address;
mod agreement;
mod availability;
mod backoff;
mod closing;
mod commands;
mod connections;
mod entries;
mod entry;
mod failed_attempts;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod in_process;
mod leases;
mod near;
mod parts;
mod redis_cache;
mod scripts;
mod shared_counts;
mod store;
mod times;
#[cfg(test)]
mod told;

pub use address::InvalidRedisUrl;
pub use entries::Stored;
pub use failed_attempts::RedisFailedAttempts;
pub use in_process::InProcessCache;
pub use near::NearCache;
pub use redis_cache::{Redis, RedisCache, RedisSettings};
pub use shared_counts::RedisSharedCounts;
