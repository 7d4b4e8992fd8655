//! A balancer before the replicas, as a proxy with health checks is: each connection goes to a replica
//! that says on `/readyz` that it is ready, in turn. When none does, one of them gives the answer.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{interval, timeout},
};

/// How often a replica is asked, and how long it may take to say that it is ready.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

pub(crate) struct Balancer {
    pub(crate) addr: SocketAddr,
    targets: Arc<Targets>,
}

#[derive(Default)]
struct Targets {
    all: Mutex<Vec<Arc<Target>>>,
    next: AtomicUsize,
}

struct Target {
    addr: SocketAddr,
    is_ready: AtomicBool,
}

impl Balancer {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let targets = Arc::<Targets>::default();
        tokio::spawn(serve(listener, Arc::clone(&targets)));
        tokio::spawn(check(Arc::clone(&targets)));
        Self { addr, targets }
    }

    /// Sends connections to this replica too.
    pub(crate) fn add(&self, addr: SocketAddr) {
        let target = Target {
            addr,
            is_ready: AtomicBool::new(false),
        };
        self.targets.all.lock().unwrap().push(Arc::new(target));
    }
}

impl Targets {
    /// The replicas in the sequence in which they are tried.
    fn in_turn(&self) -> Vec<Arc<Target>> {
        let mut targets = self.all.lock().unwrap().clone();
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % targets.len().max(1);
        targets.rotate_left(turn);
        targets.sort_by_key(|target| !target.is_ready.load(Ordering::Relaxed));
        targets
    }
}

async fn serve(listener: TcpListener, targets: Arc<Targets>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let targets = targets.in_turn();
        tokio::spawn(async move {
            // Another one is tried only where no connection came about: what was sent may be done.
            for target in targets {
                if let Ok(mut far) = TcpStream::connect(target.addr).await {
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                    return;
                }
            }
        });
    }
}

async fn check(targets: Arc<Targets>) {
    let mut turns = interval(CHECK_INTERVAL);
    loop {
        turns.tick().await;
        let all = targets.all.lock().unwrap().clone();
        for target in all {
            tokio::spawn(async move {
                let is_ready = timeout(CHECK_INTERVAL * 4, is_ready(target.addr)).await;
                let is_ready = is_ready.unwrap_or(false);
                target.is_ready.store(is_ready, Ordering::Relaxed);
            });
        }
    }
}

async fn is_ready(addr: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(addr).await?;
        let request = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    ask.await.is_ok_and(|answer| answer.ends_with(b" 200"))
}
