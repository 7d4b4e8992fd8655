//! What `make faults` does: a storm of keyed orders through two replicas behind a balancer, while one
//! thing after the other breaks around them; and, after each, whether every promise was kept.
//!
//!   faults            every fault, for three seconds each
//!   faults --short    some of them, mostly for a second each: a part of `make integration`
//!   faults NAME…      those whose names contain one of these words
//!   faults --ha       those of a cluster under Patroni (`deploy/ha`), in place of the others
//!   faults --help     the names of all of them
//!
//! With `BALCAO_BEFORE=PROGRAM` both replicas begin as the release before, one is replaced by this one, and
//! the other stays.

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
mod buyer;
mod cluster;
mod connections;
mod faults;
mod nodes;
mod patroni;
mod recovery;
mod report;
mod stalls;
mod storm;

use std::{process::ExitCode, time::Duration};

use tokio::time::{Instant, sleep};

use self::{
    arena::Arena,
    faults::{FAULTS, Fault, UPGRADE},
    recovery::Recovery,
    report::Report,
    stalls::Stalls,
    storm::Storm,
};

/// How long the storm goes on before a fault, so that it is in full swing.
const CALM: Duration = Duration::from_millis(700);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag| args.iter().any(|arg| arg == flag);
    let mut flags = args.iter().filter(|arg| arg.starts_with('-'));
    if flags.any(|flag| flag != "--short" && flag != "--ha") {
        return help(has("--help"));
    }
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
    let mut faults: Vec<_> = faults.iter().filter(is_meant).collect();
    if faults.is_empty() {
        return help(false);
    }
    if arena::before().is_some() {
        faults.insert(0, &UPGRADE);
    }
    let mut arena = Arena::open(is_over_a_cluster).await;
    let is_kept = tokio::select! {
        is_kept = endure_all(&mut arena, &faults, is_short) => is_kept,
        // What was started ends with the arena.
        _ = tokio::signal::ctrl_c() => false,
    };
    arena.close().await;
    if is_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Says what there is to be told: because that was asked, or because something else was.
fn help(is_asked: bool) -> ExitCode {
    eprintln!(
        "faults [--short] [--ha] [NAME…]\n\nwhere each NAME is a part of one of these, or of several:\n"
    );
    for fault in FAULTS {
        eprintln!("  {}", fault.name);
    }
    eprintln!("\nor, with --ha, of one of these:\n");
    for fault in cluster::FAULTS {
        eprintln!("  {}", fault.name);
    }
    if is_asked {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Returns whether every promise was kept.
async fn endure_all(arena: &mut Arena, faults: &[&'static Fault], is_short: bool) -> bool {
    let mut reports = Vec::new();
    for fault in faults {
        eprintln!("· {}", fault.name);
        let report = endure(arena, fault, fault.lasts(is_short)).await;
        for broken in &report.broken {
            eprintln!("  {broken}");
        }
        reports.push(report);
    }
    report::print(&reports);
    reports.iter().all(|report| report.broken.is_empty())
}

/// Lets a storm go on while a fault begins, for as long as it lasts and as long again, and looks at
/// everything afterwards.
async fn endure(arena: &mut Arena, fault: &'static Fault, lasts: Duration) -> Report {
    arena.lay_out(fault.layout).await;
    let stalls = Stalls::begin();
    let storm = Storm::begin(arena);
    sleep(CALM).await;
    let began = Instant::now();
    let skipped = fault.kind.begin(arena).await.err();
    if skipped.is_none() {
        sleep(lasts).await;
    }
    fault.kind.end(arena).await;
    let ended = Instant::now();
    let recovery = Recovery::begin(arena);
    sleep(lasts).await;
    let mut seen = storm.end().await;
    let recovered = recovery.longest().await;
    let died = arena.ended();
    if died > 0 {
        seen.wrong
            .push(format!("{died} replicas have ended by themselves"));
    }
    arena.is_ready().await;
    let books = books::audit(arena, &seen).await;
    arena.known.extend(seen.orders.iter().map(|order| order.id));
    Report::new(
        fault,
        &seen,
        books,
        (began, ended),
        recovered,
        stalls.longest(),
        skipped,
    )
}
