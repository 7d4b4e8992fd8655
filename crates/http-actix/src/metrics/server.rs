//! The server that Prometheus asks.

use std::{io, net::SocketAddr, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::header,
    web::{Data, get},
};
use tokio::time::interval;

use super::{Gauges, Metrics};

/// How often samples are put into their buckets: between two scrapes, or when nobody scrapes, they would
/// use up memory.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The format that Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `GET /metrics` until the runtime ends, and returns where.
///
/// # Errors
///
/// When the address cannot be bound.
pub(crate) fn serve(addr: SocketAddr, metrics: Metrics, gauges: Gauges) -> io::Result<SocketAddr> {
    gauges.process.describe();
    let (shown, gauges) = (Data::new(metrics.clone()), Data::new(gauges));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shown.clone())
            .app_data(gauges.clone())
            .route("/metrics", get().to(show))
    })
    .workers(1)
    .disable_signals()
    .bind(addr)?;
    let bound = server.addrs().first().copied().unwrap_or(addr);
    tokio::spawn(server.run());
    tokio::spawn(async move {
        let mut turns = interval(UPKEEP_INTERVAL);
        loop {
            turns.tick().await;
            metrics.0.run_upkeep();
        }
    });
    Ok(bound)
}

async fn show(metrics: Data<Metrics>, gauges: Data<Gauges>) -> HttpResponse {
    gauges.sample().await;
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, TEXT))
        .body(metrics.0.render())
}
