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

/// How long a statement that was cancelled takes to end.
const ENDING: Duration = Duration::from_secs(1);

/// How often it is asked whether a commit that does not end is waited for.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Of all sessions of this role: which one is ours is not known behind a pooler.
const COMMITS_THAT_WAIT: &str = "
    select from pg_stat_activity where usename = current_user and wait_event = 'SyncRep'";

/// Lets a statement end, cancels it if it does not, and closes the connection if that is no use. A pooler is not
/// asked to cancel: see [`Pooling`](crate::Pooling).
pub(crate) async fn settle(client: Object, server: &Server, cancels_by_request: bool) {
    let is_quiet = {
        // Answered after the statement has ended, so that a cancellation cannot hit the next one.
        let mut ended = pin!(client.batch_execute(""));
        match timeout(MOMENT, ended.as_mut()).await {
            Ok(_) => true,
            Err(_) if cancels_by_request => {
                let token = client.cancel_token();
                let cancelling = token.cancel_query(server.tls.clone());
                // If it fails, the connection does, too.
                let _ = timeout(CONNECTION_TIMEOUT, cancelling).await;
                timeout(ENDING, ended).await.is_ok()
            }
            Err(_) => false,
        }
    };
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
            // Otherwise no answer will ever come.
            if !matches!(server.has_waiting_commits().await, Ok(true)) {
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
