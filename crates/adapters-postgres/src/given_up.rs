//! What becomes of a connection whose statement nobody waits for any more. It returns to its pool once the statement
//! has ended; one that says nothing any more is closed, for whoever gets it next would wait in vain. Until then
//! it keeps its place in the pool, so that there are never more connections.

use std::{pin::pin, time::Duration};

use deadpool_postgres::Object;
use tokio::time::timeout;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection::CONNECTION_TIMEOUT;

/// How the server of a connection is reached besides over it.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
}

/// How long a statement has to end by itself. A cancellation takes a connection of its own: one for every statement
/// that is nearly done would cost more than letting it end.
const MOMENT: Duration = Duration::from_millis(100);

/// How long a statement that was cancelled takes to end, or one behind a pooler.
const ENDING: Duration = Duration::from_secs(1);

/// How often it is asked whether a commit that does not end is waited for.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Of all sessions of this role, since before ours was asked about first: which one is ours is not known behind a pooler.
const COMMITS_THAT_WAIT: &str = "
    select
    from pg_stat_activity
    where usename = current_user
      and wait_event = 'SyncRep'
      and state_change < clock_timestamp() - interval '5 seconds'";

/// How long that may take.
const QUESTION: Duration = Duration::from_secs(3);

/// Lets a statement end, or cancels it and closes the connection. A pooler is not asked to cancel, and has a longer moment:
/// see [`Pooling`](crate::Pooling).
pub(crate) async fn settle(client: Object, server: &Server, cancels_by_request: bool) {
    let is_quiet = {
        let mut ended = pin!(client.batch_execute(""));
        let moment = if cancels_by_request { MOMENT } else { ENDING };
        let is_quiet = timeout(moment, ended.as_mut()).await.is_ok();
        if !is_quiet && cancels_by_request {
            let token = client.cancel_token();
            let cancelling = token.cancel_query(server.tls.clone());
            // If it fails, the statement ends by its timeout.
            let _ = timeout(CONNECTION_TIMEOUT, cancelling).await;
            let _ = timeout(ENDING, ended).await;
        }
        is_quiet
    };
    // Nobody says when a cancellation has arrived: it could hit the next statement.
    if !is_quiet {
        close(client);
    }
}

/// Leaves a connection to a commit that does not end: no timeout of PostgreSQL's ends the wait for a synchronous
/// standby, and it is not cancelled, for what it has written would be seen then without the standby's having it.
pub(crate) async fn leave_to_its_commit(client: Object, server: &Server) {
    {
        let mut ended = pin!(client.batch_execute(""));
        while timeout(COMMIT_INTERVAL, ended.as_mut()).await.is_err() {
            // Then no answer will ever come.
            if let Ok(Ok(false)) = timeout(QUESTION, server.has_waiting_commits()).await {
                break;
            }
        }
    }
    close(client);
}

/// Takes a connection out of its pool, and hangs up.
pub(crate) fn close(client: Object) {
    drop(Object::take(client));
}

impl Server {
    async fn has_waiting_commits(&self) -> Result<bool, Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let driven = tokio::spawn(connection);
        let waiting = client.query_typed(COMMITS_THAT_WAIT, &[]).await;
        drop(client);
        let _ = driven.await;
        Ok(!waiting?.is_empty())
    }
}
