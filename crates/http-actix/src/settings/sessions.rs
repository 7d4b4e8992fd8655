//! The settings of sessions.

use clap::Args;
use domain::identity::SessionLifetime;
use time::Duration;

use super::check::{Faults, Noted, Setting, setting, whole};

/// The settings of sessions.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    /// How long a session lives without its refresh token being used, in hours
    #[arg(long, env, value_name = "H", default_value = "168")]
    #[arg(value_parser = setting(whole::<u32>(1..=8_760)))]
    session_idle_hours: Setting<u32>,

    /// How long a session lives at most, in hours
    #[arg(long, env, value_name = "H", default_value = "720")]
    #[arg(value_parser = setting(whole::<u32>(1..=8_760)))]
    session_total_hours: Setting<u32>,
}

impl SessionArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<SessionLifetime, Noted> {
        let idle = faults.take(self.session_idle_hours);
        let total = faults.take(self.session_total_hours);
        let hours = |hours: u32| Duration::hours(hours.into());
        Ok(SessionLifetime {
            idle: hours(idle?),
            total: hours(total?),
        })
    }
}
