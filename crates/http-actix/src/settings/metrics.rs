//! The settings of metrics.

use std::net::SocketAddr;

use clap::Args;

use super::{
    check::{Faults, Noted, Setting, optional, setting},
    http::address,
};

/// The settings of metrics.
#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// Where Prometheus asks for GET /metrics, `ADDRESS:PORT`; without it nothing is counted. Keep it
    /// from the public
    #[arg(long, env, value_name = "ADDRESS:PORT")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(address)))]
    metrics_addr: Setting<Option<SocketAddr>>,
}

impl MetricsArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<Option<SocketAddr>, Noted> {
        faults.take(self.metrics_addr)
    }
}
