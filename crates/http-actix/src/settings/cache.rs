//! How long cached entries may be used, in Redis or in this process.

use std::time::Duration;

use clap::Args;

use super::check::{Faults, Noted, Setting, setting, time};

/// The time to live of each kind of entry. It bounds how stale an entry can get if an invalidation
/// is lost; otherwise entries of orders and customers are never stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimesToLive {
    /// Order details.
    pub orders: Duration,
    /// Customer details.
    pub customers: Duration,
    /// Lists of best sellers: how long they count as fresh. They are kept for longer.
    pub best_sellers: Duration,
}

impl Default for TimesToLive {
    fn default() -> Self {
        Self {
            orders: Duration::from_mins(5),
            customers: Duration::from_mins(5),
            best_sellers: Duration::from_mins(1),
        }
    }
}

/// How long cache entries live.
#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    /// How long the details of an order stay cached, in seconds
    #[arg(long, env, value_name = "S", default_value = "300")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=86_400)))]
    cache_orders_ttl_seconds: Setting<Duration>,

    /// How long the details of a customer stay cached, in seconds
    #[arg(long, env, value_name = "S", default_value = "300")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=86_400)))]
    cache_customers_ttl_seconds: Setting<Duration>,

    /// How long a list of best sellers counts as fresh, in seconds; the next request after that
    /// recalculates it, and the others get the last one meanwhile
    #[arg(long, env, value_name = "S", default_value = "60")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=86_400)))]
    cache_best_sellers_ttl_seconds: Setting<Duration>,
}

impl CacheArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<TimesToLive, Noted> {
        let orders = faults.take(self.cache_orders_ttl_seconds);
        let customers = faults.take(self.cache_customers_ttl_seconds);
        let best_sellers = faults.take(self.cache_best_sellers_ttl_seconds);
        Ok(TimesToLive {
            orders: orders?,
            customers: customers?,
            best_sellers: best_sellers?,
        })
    }
}
