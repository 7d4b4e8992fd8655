//! The limits of the desk: how many orders it queues, and how many it places at once.

use clap::Args;
use domain::orders::DeskSettings;
use time::Duration;

use super::check::{Faults, Noted, Setting, setting, whole};

/// The limits of the desk.
#[derive(Debug, Args)]
pub(super) struct DeskArgs {
    /// How many batches of orders are placed at once
    #[arg(long, env, value_name = "N", default_value = "2")]
    #[arg(value_parser = setting(whole::<usize>(1..=64)))]
    desk_workers: Setting<usize>,

    /// The most orders in a batch
    #[arg(long, env, value_name = "N", default_value = "256")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000)))]
    desk_max_batch: Setting<usize>,

    /// How many orders must be queued for a batch to start beside one in progress
    #[arg(long, env, value_name = "N", default_value = "16")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000)))]
    desk_min_parallel_batch: Setting<usize>,

    /// The most queued orders; one more is answered 503
    #[arg(long, env, value_name = "N", default_value = "4096")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000_000)))]
    desk_max_queued: Setting<usize>,

    /// The most lanes at once; in each, orders of a product that another transaction keeps locked
    /// wait in line
    #[arg(long, env, value_name = "N", default_value = "4")]
    #[arg(value_parser = setting(whole::<usize>(1..=64)))]
    desk_max_lanes: Setting<usize>,
}

impl DeskArgs {
    /// With orders that wait for as long as this.
    pub(super) fn read(
        self,
        faults: &mut Faults,
        patience: Duration,
    ) -> Result<DeskSettings, Noted> {
        let workers = faults.take(self.desk_workers);
        let max_batch = faults.take(self.desk_max_batch);
        let min_parallel_batch = faults.take(self.desk_min_parallel_batch);
        let max_queued = faults.take(self.desk_max_queued);
        let max_lanes = faults.take(self.desk_max_lanes);
        Ok(DeskSettings {
            workers: workers?,
            max_batch: max_batch?,
            min_parallel_batch: min_parallel_batch?,
            max_queued: max_queued?,
            max_lanes: max_lanes?,
            patience,
        })
    }
}
