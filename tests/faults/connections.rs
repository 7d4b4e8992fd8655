//! Whether the replicas know of every connection that they have.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::arena::Arena;

/// How long they may take to notice that a connection is gone, and to open others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections of the replicas to the shop.
const CONNECTIONS: &str = "
    select count(*)
    from pg_stat_activity
    where datname = current_database() and application_name = 'balcao'";

/// What is wrong with the connections, now that nobody orders: one that is used though nobody uses it, or
/// that is open though no pool knows it.
pub(crate) async fn leaked(arena: &Arena) -> Option<String> {
    let began = Instant::now();
    loop {
        let wrong = look(arena).await?;
        if began.elapsed() > PATIENCE {
            return Some(wrong);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn look(arena: &Arena) -> Option<String> {
    let (mut known, mut used, mut waiting) = (0, 0, 0);
    for replica in &arena.replicas {
        let metrics = reqwest::get(format!("http://{}/metrics", replica.metrics));
        let Ok(metrics) = metrics.await else {
            return Some("a replica shows no metrics".to_owned());
        };
        let metrics = metrics.text().await.unwrap_or_default();
        for (name, count) in metrics.lines().filter_map(|line| line.rsplit_once(' ')) {
            let counted = if name.starts_with("balcao_postgresql_waiting{") {
                &mut waiting
            } else if !name.starts_with("balcao_postgresql_connections{") {
                continue;
            } else if name.contains(r#"state="used""#) {
                &mut used
            } else {
                &mut known
            };
            *counted += count.parse::<usize>().unwrap_or_default();
        }
    }
    let sql = arena.sql().await;
    let open: i64 = sql.query_one(CONNECTIONS, &[]).await.unwrap().get(0);
    let open = usize::try_from(open).unwrap();
    let is_wrong = used > 0 || waiting > 0 || open > known;
    is_wrong.then(|| {
        format!(
            "of {open} connections the pools know {known} that are idle and {used} that are used, \
             and {waiting} wait for one"
        )
    })
}
