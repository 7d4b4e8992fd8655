//! The pages of lists: whatever is asked for, a walk shows what there is, and no page costs more
//! statements than another.

mod orders;
mod products;
mod statements;

use domain::values::{Freshness, Limit, Page, PageRequest};
use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};
use time::{Duration, OffsetDateTime};

/// Runs a property over a few cases, each in a database of its own.
fn check<S: Strategy>(strategy: &S, property: impl AsyncFn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases: 12,
        max_shrink_iters: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let case = |value| runtime.block_on(property(value));
    if let Err(failure) = TestRunner::new(config).run(strategy, case) {
        panic!("{failure}");
    }
}

/// Every entry of a list, page by page. The lengths of the pages come in turn.
async fn walk<T>(
    limits: &[i64],
    page: impl AsyncFn(PageRequest) -> Page<T>,
) -> Result<Vec<T>, TestCaseError> {
    let (mut walked, mut after) = (Vec::new(), None);
    for limit in limits.iter().cycle() {
        let limit = Limit::parse(*limit).unwrap();
        let found = page(PageRequest {
            limit,
            after,
            freshness: Freshness::Latest,
        })
        .await;
        let is_full = found.items.len() == usize::from(limit.entries());
        prop_assert!(is_full || found.next.is_none(), "only the last is short");
        walked.extend(found.items);
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(walked)
}

/// One of a few moments: many things are made at the same one.
fn moment(minute: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::minutes(minute)
}
