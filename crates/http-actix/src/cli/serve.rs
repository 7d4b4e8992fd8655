//! `balcao serve`.

use adapters_postgres::{Database, SessionError};
use clap::Args;
use domain::StorageError;

use super::Failure;
use crate::{
    app::App,
    metrics::{self, Metrics},
    server,
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

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let settings = self.settings.check()?;
        let database = Database::new(&settings.database)?;
        match database.check_sessions().await {
            // A PostgreSQL that is away now may come, and `/readyz` tells until then, if there is nothing to migrate.
            Ok(()) | Err(SessionError::Storage(StorageError::Unavailable(_))) => {}
            Err(error) => return Err(error.into()),
        }
        if !self.no_migrate {
            let applied = database.migrate().await?;
            tracing::info!(applied, "the schema is up to date");
        }
        if settings.redis.is_none() {
            tracing::info!("no REDIS_URL: the caches are in this process, run one replica");
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
        server::stop_on_signals(server.handle(), lifecycle, settings.http.shutdown_delay)?;
        tracing::info!(%addr, "listening");
        server.await?;
        background.finish().await;
        tracing::info!("stopped");
        Ok(())
    }
}
