//! The HTTP server.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
};

use actix_web::{App as ActixApp, HttpServer, dev::Server, middleware::from_fn, web::Data};

use crate::{app::App, edge, routes};

/// How long requests under way may take to finish when the server stops, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 30;

/// Listens, and says where: port 0 becomes a free one. The server runs once it is awaited, and
/// stops at SIGINT or SIGTERM when the requests under way are answered.
///
/// # Errors
///
/// When nobody can listen there.
pub fn bind(
    addr: impl ToSocketAddrs,
    workers: usize,
    app: App,
) -> io::Result<(Server, SocketAddr)> {
    let app = Data::new(app);
    let factory = move || {
        ActixApp::new()
            .app_data(app.clone())
            .configure(routes::configure)
            .wrap(from_fn(edge::around))
    };
    let server = HttpServer::new(factory)
        .workers(workers)
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .bind(addr)?;
    let addr = server.addrs().first().copied();
    let addr = addr.ok_or_else(|| io::Error::other("nothing is listening"))?;
    Ok((server.run(), addr))
}
