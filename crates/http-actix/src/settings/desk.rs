//! How many orders the desk takes in, and how many it places at once.

use clap::Args;
use domain::orders::DeskSettings;

use super::check::{Faults, Noted, Setting, setting, whole};

/// How large the desk is.
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

    /// How many orders must wait for a batch to be begun beside one that is under way
    #[arg(long, env, value_name = "N", default_value = "16")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000)))]
    desk_min_parallel_batch: Setting<usize>,

    /// The most orders that wait; one more is answered 503
    #[arg(long, env, value_name = "N", default_value = "4096")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000_000)))]
    desk_max_queued: Setting<usize>,

    /// For how many products whose stock somebody goes on holding a place in line is kept at once
    #[arg(long, env, value_name = "N", default_value = "4")]
    #[arg(value_parser = setting(whole::<usize>(1..=64)))]
    desk_max_lanes: Setting<usize>,
}

impl DeskArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<DeskSettings, Noted> {
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
        })
    }
}
