//! The settings of rate limits.

use std::str::FromStr;

use clap::Args;

use super::check::{Faults, Noted, Setting, Switch, setting, whole};

/// How many requests may be sent in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitSettings {
    /// By a customer.
    pub customer: u32,
    /// By an account of the shop, its API keys included.
    pub staff: u32,
    /// By an address, without a token.
    pub address: u32,
    /// By an address, to sign up, to log in, and whatever else is under `/auth`.
    pub auth: u32,
}

/// The settings of rate limits.
#[derive(Debug, Args)]
pub(super) struct RateLimitArgs {
    /// Whether there are rate limits, `on` or `off`
    #[arg(long, env, value_name = "on|off", default_value = "on")]
    #[arg(value_parser = setting(Switch::from_str))]
    rate_limit: Setting<Switch>,

    /// The most requests of a customer in a minute
    #[arg(long, env, value_name = "N", default_value = "1200")]
    #[arg(value_parser = setting(requests()))]
    rate_limit_customer: Setting<u32>,

    /// The most requests of an account of the shop in a minute, those with its API keys included
    #[arg(long, env, value_name = "N", default_value = "60000")]
    #[arg(value_parser = setting(requests()))]
    rate_limit_staff: Setting<u32>,

    /// The most requests without a token from an address in a minute
    #[arg(long, env, value_name = "N", default_value = "12000")]
    #[arg(value_parser = setting(requests()))]
    rate_limit_address: Setting<u32>,

    /// The most sign-ups, logins and other requests under /auth from an address in a minute
    #[arg(long, env, value_name = "N", default_value = "120")]
    #[arg(value_parser = setting(requests()))]
    rate_limit_auth: Setting<u32>,
}

fn requests() -> impl Fn(&str) -> Result<u32, String> + Clone {
    whole(1..=100_000_000)
}

impl RateLimitArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<Option<RateLimitSettings>, Noted> {
        let switch = faults.take(self.rate_limit);
        let customer = faults.take(self.rate_limit_customer);
        let staff = faults.take(self.rate_limit_staff);
        let address = faults.take(self.rate_limit_address);
        let auth = faults.take(self.rate_limit_auth);
        let limits = RateLimitSettings {
            customer: customer?,
            staff: staff?,
            address: address?,
            auth: auth?,
        };
        Ok((switch? == Switch::On).then_some(limits))
    }
}
