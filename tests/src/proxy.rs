//! A wire that can be cut: stands between a server and its Redis.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::variable;

/// Passes bytes on to Redis, until it is cut; mended, it passes them on again.
pub struct Proxy {
    addr: SocketAddr,
    is_cut: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// A wire to the Redis of these tests.
    pub async fn to_redis() -> Self {
        let url = variable("TEST_REDIS_URL");
        let target = url.trim_start_matches("redis://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let is_cut = Arc::new(watch::Sender::new(false));
        tokio::spawn(serve(listener, target, Arc::clone(&is_cut)));
        Self { addr, is_cut }
    }

    /// Where to connect instead.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr)
    }

    /// Breaks every connection, and refuses new ones.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

async fn serve(listener: TcpListener, target: String, is_cut: Arc<watch::Sender<bool>>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (target, mut is_cut) = (target.clone(), is_cut.subscribe());
        tokio::spawn(async move {
            if *is_cut.borrow_and_update() {
                return;
            }
            let mut far = TcpStream::connect(target).await.unwrap();
            // Either side hangs up, or the wire is cut.
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = is_cut.wait_for(|is_cut| *is_cut) => {}
            }
        });
    }
}
