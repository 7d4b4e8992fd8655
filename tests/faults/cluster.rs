//! What breaks in a cluster under Patroni.

use std::{process::Command, time::Duration};

use crate::{
    arena::{Arena, signal},
    faults::{Fault, Kind, fault},
    patroni::Patroni,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterKind {
    Switch,
    PrimaryKill,
    NodeLoss,
    StandbyPause,
}

pub(crate) const FAULTS: &[Fault] = &[
    fault(
        "another primary is chosen (patronictl switchover)",
        Kind::Cluster(ClusterKind::Switch),
    )
    .with_an_outage_of(Duration::from_secs(5)),
    fault(
        "the primary's PostgreSQL is killed (kill -9)",
        Kind::Cluster(ClusterKind::PrimaryKill),
    )
    .with_an_outage_of(Duration::from_secs(6)),
    fault(
        "the primary's node is lost (kill -9 of everything)",
        Kind::Cluster(ClusterKind::NodeLoss),
    )
    // Until its lease runs out, after eight.
    .with_an_outage_of(Duration::from_secs(13)),
    fault(
        "the synchronous standby is paused (SIGSTOP)",
        Kind::Cluster(ClusterKind::StandbyPause),
    )
    // Five until the primary gives it up, and one or two until another one takes its place.
    .with_an_outage_of(Duration::from_secs(10)),
];

impl ClusterKind {
    pub(crate) async fn begin(self, arena: &mut Arena) {
        let cluster = arena.postgres.cluster();
        cluster.is_whole().await;
        let node = match self {
            Self::StandbyPause => cluster.synchronous_standby().await,
            Self::Switch | Self::PrimaryKill | Self::NodeLoss => cluster.primary().await,
        };
        match self {
            Self::Switch => cluster.switch_over().await,
            Self::PrimaryKill => signal("-KILL", cluster.postmaster(node)),
            Self::NodeLoss => signal_all("-KILL", cluster, node),
            Self::StandbyPause => signal_all("-STOP", cluster, node),
        }
        arena.broken_node = node;
    }

    pub(crate) async fn end(self, arena: &Arena) {
        let (cluster, node) = (arena.postgres.cluster(), arena.broken_node);
        match self {
            Self::Switch => {}
            Self::PrimaryKill => cluster.is_promoted_instead_of(node).await,
            Self::NodeLoss => {
                cluster.is_promoted_instead_of(node).await;
                cluster.start_again(node);
            }
            Self::StandbyPause => {
                cluster.is_replaced_as_standby(node).await;
                signal_all("-CONT", cluster, node);
            }
        }
    }
}

fn signal_all(name: &str, cluster: &Patroni, node: usize) {
    let processes = cluster.processes(node);
    let processes = processes.iter().map(u32::to_string);
    // Some of them may have ended by then.
    let _ = Command::new("kill").arg(name).args(processes).status();
}
