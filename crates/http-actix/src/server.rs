//! The HTTP server: the framework's own, over a bounded number of watched connections.

use std::{io, net::SocketAddr, time::Duration};

use actix_http::{HttpService, error::DispatchError};
use actix_server::{Server, ServerBuilder, ServerHandle};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App as ActixApp,
    dev::AppConfig,
    middleware::{Condition, from_fn},
    rt::net::TcpStream,
    web::{Data, ServiceConfig},
};
use tokio::{
    net::TcpSocket,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    app::App,
    connection::Watched,
    crowd::SURPLUS,
    edge,
    lifecycle::Lifecycle,
    openapi,
    routes::{self, Document},
    settings::HttpSettings,
};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Listens, and returns the address: port 0 becomes a free one. The server runs once it is awaited,
/// and stops through its handle or [`stop_on_signals`].
///
/// # Errors
///
/// When the address cannot be bound.
pub fn bind(settings: &HttpSettings, app: App) -> io::Result<(Server, SocketAddr)> {
    let socket = match settings.addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(settings.addr)?;
    let listener = socket.listen(BACKLOG)?.into_std()?;
    let addr = listener.local_addr()?;

    let crowd = app.crowd.clone();
    let app = Data::new(app);
    let (read_timeout, answer_timeout) = (settings.read_timeout, settings.answer_timeout);
    let (keep_alive, origins) = (settings.keep_alive, settings.cors_origins.clone());
    let builder = ServerBuilder::default()
        .workers(settings.workers)
        .max_concurrent_connections((settings.max_connections + SURPLUS).div_ceil(settings.workers))
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("http", listener, move || {
        let app = app.clone();
        let service = ActixApp::new()
            .configure(move |config| configure(config, app, answer_timeout))
            .wrap(from_fn(edge::refuse))
            .wrap(Condition::new(!origins.is_empty(), origins.middleware()))
            .wrap(from_fn(edge::around));
        let service = service
            .into_factory()
            .map_err(|error| error.error_response());
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(read_timeout)
            .client_disconnect_timeout(Duration::from_secs(1))
            .local_addr(addr)
            .on_connect_ext(|connection: &Watched, data| {
                data.insert(connection.progress());
                data.insert(connection.member());
            })
            // Nothing reads it: no answer contains the address of the server.
            .h1(map_config(service, |()| AppConfig::default()));
        let crowd = crowd.clone();
        let watch = move |stream: TcpStream| {
            let member = crowd.join();
            async move {
                // A client that has hung up already has no address, and reads no answer.
                let peer = stream.peer_addr().map_err(DispatchError::Io)?;
                let watched = Watched::new(stream, member, read_timeout, keep_alive);
                Ok((watched, Some(peer)))
            }
        };
        fn_service(watch).and_then(http)
    })?;
    Ok((server.run(), addr))
}

fn configure(config: &mut ServiceConfig, app: Data<App>, answer_timeout: Duration) {
    config.app_data(app);
    config.app_data(Data::new(Document(openapi::json())));
    routes::configure(config, answer_timeout);
}

/// SIGINT and SIGTERM, which from now on end nothing by themselves.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When the signal handlers cannot be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for either.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ends a server at SIGINT or SIGTERM: it accepts no more connections, stops waiting for bodies,
/// answers the requests in progress, and ends. At SIGTERM it tells load balancers first, on `/readyz`,
/// and goes on serving for as long as they take to notice (`delay`), or until the next signal.
pub fn stop_on_signals(
    mut signals: Signals,
    server: ServerHandle,
    lifecycle: Lifecycle,
    delay: Duration,
) {
    tokio::spawn(async move {
        let delay = tokio::select! {
            _ = signals.interrupt.recv() => Duration::ZERO,
            _ = signals.terminate.recv() => delay,
        };
        if !delay.is_zero() {
            tracing::info!(delay_seconds = delay.as_secs(), "leaving");
            lifecycle.leave();
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = signals.any() => {}
            }
        }
        tracing::info!("stopping");
        lifecycle.stop();
        server.stop(true).await;
    });
}
