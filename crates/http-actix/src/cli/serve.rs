//! `balcao serve`.

use std::time::Duration;

use adapters_postgres::{Database, MigrationError, SessionError};
use clap::Args;
use domain::StorageError;
use thiserror::Error;
use tokio::time::Instant;

use super::Failure;
use crate::{
    app::App,
    causes::whole,
    metrics::{self, Metrics},
    server::{self, Signals},
    settings::ServeArgs,
};

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: ServeArgs,

    /// Do not apply pending migrations first
    #[arg(long)]
    no_migrate: bool,
}

/// How long to wait before looking again whether PostgreSQL is there.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Checks the sessions, and brings the schema up to date if that is wanted. A PostgreSQL that is away is waited for: both
/// may have been started at once.
async fn prepare(database: &Database, is_to_migrate: bool) -> Result<(), Failure> {
    let mut is_told = false;
    loop {
        let prepared = async {
            database.check_sessions().await?;
            if is_to_migrate {
                let applied = database.migrate().await?;
                tracing::info!(applied, "the schema is up to date");
            }
            Ok::<_, StartError>(())
        };
        match prepared.await {
            Err(error) if error.is_away() => {
                if !is_told {
                    let cause = whole(&error);
                    tracing::warn!(cause, "PostgreSQL cannot be reached: waiting for it");
                    is_told = true;
                }
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            prepared => return Ok(prepared?),
        }
    }
}

/// Checks the sessions. A PostgreSQL that is away now may come: until then nothing is ready.
async fn check_sessions(database: &Database) -> Result<(), Failure> {
    match database.check_sessions().await {
        Err(SessionError::Storage(StorageError::Unavailable(_))) => Ok(()),
        checked => Ok(checked?),
    }
}

/// Why nothing can be served.
#[derive(Debug, Error)]
enum StartError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Migration(#[from] MigrationError),
}

impl StartError {
    fn is_away(&self) -> bool {
        match self {
            Self::Session(error) => error.is_away(),
            Self::Migration(error) => error.is_away(),
        }
    }
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let settings = self.settings.check()?;
        let database = Database::new(&settings.database)?;
        let mut signals = Signals::listen()?;
        let prepare = async {
            if self.no_migrate && settings.database.schema().is_none() {
                check_sessions(&database).await
            } else {
                prepare(&database, !self.no_migrate).await
            }
        };
        tokio::select! {
            is_prepared = prepare => is_prepared?,
            () = signals.any() => return Ok(()),
        }
        match &settings.redis {
            None => tracing::info!("no REDIS_URL: the caches are in this process, run one replica"),
            Some(redis) if settings.http.answer_timeout < redis.longest_change() => {
                tracing::warn!(
                    "the first change after Redis is lost takes longer than HTTP_ANSWER_TIMEOUT_MS, and is \
                     answered 503: that should be 1500 and twice REDIS_TIMEOUT_MS at least"
                );
            }
            Some(_) => {}
        }
        let metrics = match settings.metrics_addr {
            Some(addr) => Some((addr, Metrics::install()?)),
            None => None,
        };
        let (app, background) = App::new(&settings, &database)?;
        if let Some((addr, metrics)) = metrics {
            let metrics_addr = metrics::serve(addr, metrics, app.gauges())
                .map_err(|error| format!("cannot listen on {addr}: {error}"))?;
            tracing::info!(%metrics_addr, "metrics are shown");
        }
        let lifecycle = app.lifecycle();
        let (server, addr) = server::bind(&settings.http, app)
            .map_err(|error| format!("cannot listen on {}: {error}", settings.http.addr))?;
        let mut stopping = lifecycle.stopping();
        let stopping = tokio::spawn(async move {
            stopping.begun().await;
            Instant::now()
        });
        let delay = settings.http.shutdown_delay;
        server::stop_on_signals(signals, server.handle(), lifecycle, delay);
        tracing::info!(%addr, "listening");
        server.await?;
        // What is under way ends within the time of an answer, whatever is left of the limit.
        let until = stopping.await? + settings.http.shutdown_timeout;
        let until = until.max(Instant::now() + settings.http.answer_timeout);
        background.finish(until).await;
        tracing::info!("stopped");
        Ok(())
    }
}
