//! Long statements whose callers may stop waiting.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection::Connection;

/// A connection that runs a long statement. When the caller stops waiting, the statement has a
/// moment to end, and is cancelled otherwise. Then the connection returns to its pool.
pub(crate) struct Abandonable {
    /// `None` once the statement has ended.
    client: Option<Connection>,
    tls: MakeRustlsConnect,
}

/// That moment. A cancellation takes a connection of its own: one for every report that is nearly
/// done would cost more than letting it end.
const MOMENT: Duration = Duration::from_millis(100);

/// How long a cancellation may take.
const CANCELLATION: Duration = Duration::from_secs(3);

impl Abandonable {
    pub(crate) const fn new(client: Connection, tls: MakeRustlsConnect) -> Self {
        Self {
            client: Some(client),
            tls,
        }
    }

    pub(crate) fn client(&self) -> &Connection {
        self.client
            .as_ref()
            .unwrap_or_else(|| unreachable!("taken at the end alone"))
    }

    /// Records that the statement has ended.
    pub(crate) fn finish(mut self) {
        drop(self.client.take());
    }
}

impl Drop for Abandonable {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        let tls = self.tls.clone();
        tokio::spawn(async move {
            // Answered after the statement has ended, so that a cancellation cannot hit the next
            // one.
            if client.cancels_by_request() {
                let mut ended = pin!(client.batch_execute(""));
                if timeout(MOMENT, ended.as_mut()).await.is_err() {
                    // If the cancellation fails, the statement ends by its timeout. The pool does
                    // not hand out a broken connection again.
                    let token = client.cancel_token();
                    let _ = timeout(CANCELLATION, token.cancel_query(tls)).await;
                    let _ = ended.await;
                }
            } else if timeout(MOMENT, client.batch_execute("")).await.is_err() {
                client.close();
            }
        });
    }
}
