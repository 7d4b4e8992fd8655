//! What `make faults` does: a storm of keyed orders through two replicas behind a balancer, while one
//! thing after the other breaks around them; and, after each, whether every promise was kept.
//!
//!   faults            every fault, for three seconds each
//!   faults --short    some of them, for a second each: a part of `make integration`
//!   faults NAME…      those whose names contain one of these words
//!   faults --ha       those of a cluster under Patroni (`deploy/ha`), in place of the others

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of tests: what it cannot do ends it, and what it has seen it prints"
)]

mod arena;
mod balancer;
mod books;
mod cluster;
mod faults;
mod patroni;
mod report;
mod storm;

use std::{process::ExitCode, time::Duration};

use tokio::time::{Instant, sleep};

use self::{
    arena::Arena,
    faults::{FAULTS, Fault},
    report::Report,
    storm::Storm,
};

/// How long the storm goes on before a fault, so that it is in full swing.
const CALM: Duration = Duration::from_millis(700);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag| args.iter().any(|arg| arg == flag);
    let (is_short, is_over_a_cluster) = (has("--short"), has("--ha"));
    let names: Vec<_> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let faults = if is_over_a_cluster {
        cluster::FAULTS
    } else {
        FAULTS
    };
    let is_meant = |fault: &&Fault| {
        (!is_short || fault.is_in_short)
            && (names.is_empty() || names.iter().any(|name| fault.name.contains(*name)))
    };
    let lasts = Duration::from_secs(if is_short { 1 } else { 3 });
    let mut arena = Arena::open(is_over_a_cluster).await;
    let mut reports = Vec::new();
    for fault in faults.iter().filter(is_meant) {
        eprintln!("· {}", fault.name);
        let report = endure(&mut arena, fault, lasts).await;
        for broken in &report.broken {
            eprintln!("  {broken}");
        }
        reports.push(report);
    }
    report::print(&reports);
    let is_kept = !reports.is_empty() && reports.iter().all(|report| report.broken.is_empty());
    arena.close().await;
    if is_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Lets a storm go on while a fault begins, for as long as it lasts and as long again, and looks at
/// everything afterwards.
async fn endure(arena: &mut Arena, fault: &'static Fault, lasts: Duration) -> Report {
    let storm = Storm::begin(arena);
    sleep(CALM).await;
    let began = Instant::now();
    let skipped = fault.kind.begin(arena).await.err();
    if skipped.is_none() {
        sleep(lasts).await;
    }
    fault.kind.end(arena).await;
    let ended = Instant::now();
    sleep(lasts).await;
    let mut seen = storm.end().await;
    let died = arena.ended();
    if died > 0 {
        seen.wrong
            .push(format!("{died} replicas have ended by themselves"));
    }
    arena.is_ready().await;
    let books = books::audit(arena, &seen).await;
    arena.known.extend(seen.orders.iter().map(|order| order.id));
    Report::new(fault, &seen, books, (began, ended), skipped)
}
