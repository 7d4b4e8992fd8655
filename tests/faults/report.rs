//! What a storm came to, and the table of all of them.

use std::{collections::BTreeMap, fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    books::Books,
    faults::Fault,
    storm::{Outcome, Seen},
};

/// After a fault's end orders must be placed again, and each replica must take writes, within this time.
const RECOVERY: Duration = Duration::from_secs(2);

/// No answer takes longer, whatever is broken: two seconds, the way there and back, and for as long as the
/// machine stood still.
const SLOWEST: Duration = Duration::from_millis(2_400);

pub(crate) struct Report {
    name: &'static str,
    requests: usize,
    answers: BTreeMap<Outcome, usize>,
    slowest: Duration,
    outage: Duration,
    back_after: Option<Duration>,
    lost: usize,
    doubled: usize,
    skipped: Option<String>,
    /// The promises that were not kept.
    pub(crate) broken: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        fault: &Fault,
        seen: &Seen,
        books: Books,
        (began, ended): (Instant, Instant),
        recovered: Option<Duration>,
        stalled: Duration,
        skipped: Option<String>,
    ) -> Self {
        let tries = seen.tries.iter().filter(|tried| tried.at >= began);
        let tries: Vec<_> = tries
            .filter(|tried| tried.at - tried.took <= ended)
            .collect();
        let mut answers = BTreeMap::new();
        for tried in &tries {
            *answers.entry(tried.outcome).or_default() += 1;
        }
        let placed = seen.tries.iter();
        let placed = placed.filter(|tried| tried.outcome == Outcome::Status(201));
        let mut placed: Vec<_> = placed.map(|tried| tried.at).collect();
        placed.sort_unstable();
        let outages = placed.windows(2).map(|pair| pair[1] - pair[0]);
        let mut report = Self {
            name: fault.name,
            requests: tries.len(),
            slowest: tries
                .iter()
                .map(|tried| tried.took)
                .max()
                .unwrap_or_default(),
            answers,
            outage: outages.max().unwrap_or_default(),
            back_after: placed
                .iter()
                .find(|at| **at > ended)
                .and_then(|at| Some(recovered?.max(*at - ended))),
            lost: books.lost,
            doubled: books.doubled,
            skipped,
            broken: books.wrong,
        };
        report.judge(fault, seen, stalled);
        report
    }

    fn judge(&mut self, fault: &Fault, seen: &Seen, stalled: Duration) {
        let is_served = |outcome: &Outcome| matches!(outcome, Outcome::Status(200 | 201 | 409));
        let failed = self
            .answers
            .iter()
            .filter(|(outcome, _)| !is_served(outcome));
        let failed: usize = failed.map(|(_, times)| times).sum();
        let mut wrong = seen.wrong.clone();
        wrong.sort();
        wrong.dedup();
        wrong.truncate(5);
        let promises = [
            (
                fault.is_survived && failed > 0,
                format!("{failed} requests were not served"),
            ),
            (self.lost > 0, format!("{} orders are lost", self.lost)),
            (
                self.doubled > 0,
                format!("{} orders are doubled", self.doubled),
            ),
            (
                seen.given_up > 0,
                format!("of {} orders nothing was heard", seen.given_up),
            ),
            (
                self.back_after.is_none_or(|after| after > RECOVERY),
                format!("it was back after {:?}", self.back_after),
            ),
            (
                fault.outage.is_some_and(|most| self.outage > most),
                format!("no order was placed for {:?}", self.outage),
            ),
            (
                self.slowest > SLOWEST + stalled,
                format!(
                    "an answer took {:?}, of which the machine stood still for {stalled:?}",
                    self.slowest
                ),
            ),
        ];
        let broken = promises.into_iter().filter(|(is_broken, _)| *is_broken);
        self.broken.extend(broken.map(|(_, what)| what));
        self.broken.extend(wrong);
    }
}

/// Prints the table, and how much of it nothing was learnt of.
pub(crate) fn print(reports: &[Report]) {
    println!(
        "| what is broken | requests meanwhile | answers | slowest, ms | longest outage, ms | back after, ms | lost | doubled |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for report in reports {
        if let Some(why) = &report.skipped {
            println!("| {} | skipped: {why} | | | | | | |", report.name);
            continue;
        }
        let answers = report.answers.iter();
        let answers: Vec<_> = answers
            .map(|(outcome, times)| format!("{outcome}: {times}"))
            .collect();
        let back = report
            .back_after
            .map_or("never".to_owned(), |after| after.as_millis().to_string());
        println!(
            "| {} | {} | {} | {} | {} | {back} | {} | {} |",
            report.name,
            report.requests,
            answers.join(", "),
            report.slowest.as_millis(),
            report.outage.as_millis(),
            report.lost,
            report.doubled,
        );
    }
    let skipped = reports.iter().filter(|report| report.skipped.is_some());
    let skipped = skipped.count();
    if skipped > 0 {
        eprintln!(
            "· of {} faults {skipped} could not be made here",
            reports.len()
        );
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Broken => f.write_str("broken off"),
            Self::Silent => f.write_str("silence"),
        }
    }
}
