//! A wire that can be cut, or hold answers back, or count what is asked for: stands between a server
//! and its Redis, or its PostgreSQL.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::{TestDatabase, variable};

/// Passes bytes on, until it is cut; mended, it passes them on again.
pub struct Proxy {
    addr: SocketAddr,
    state: Arc<State>,
}

struct State {
    /// Where whoever connects is led.
    target: watch::Sender<String>,
    cuts: watch::Sender<Cuts>,
    holds: watch::Sender<bool>,
    /// How often connections were frozen: whoever was connected then hears nothing any more.
    freezes: watch::Sender<usize>,
    /// How many answers are held back.
    held: watch::Sender<usize>,
    /// How many statements PostgreSQL was asked to run.
    statements: AtomicUsize,
}

/// Whether the wire is cut, and how often it was: whoever was connected then is not any more.
#[derive(Clone, Copy, Default)]
struct Cuts {
    is_cut: bool,
    times: usize,
}

impl Proxy {
    /// A wire to the Redis of these tests.
    pub async fn to_redis() -> Self {
        let url = variable("TEST_REDIS_URL");
        Self::to(url.trim_start_matches("redis://")).await
    }

    /// A wire to the server of a database.
    pub async fn to_database(database: &TestDatabase) -> Self {
        Self::to_server_of(&database.url()).await
    }

    /// A wire to the server of a database with this URL.
    pub async fn to_server_of(url: &str) -> Self {
        Self::to(&server_of(url)).await
    }

    /// A wire to this address, `ADDRESS:PORT`.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            target: watch::Sender::new(target.to_owned()),
            cuts: watch::Sender::default(),
            holds: watch::Sender::new(false),
            freezes: watch::Sender::new(0),
            held: watch::Sender::new(0),
            statements: AtomicUsize::new(0),
        });
        tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { addr, state }
    }

    /// Where to connect instead, for Redis.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr)
    }

    /// Where to connect instead, for a database.
    #[must_use]
    pub fn database_url(&self, database: &TestDatabase) -> String {
        self.in_place_of_the_server_of(&database.url())
    }

    /// Where to connect instead, for the database with this URL.
    #[must_use]
    pub fn in_place_of_the_server_of(&self, url: &str) -> String {
        url.replace(&server_of(url), &self.addr.to_string())
    }

    /// Breaks every connection, and leads new ones to another server, `ADDRESS:PORT`.
    pub fn lead_to(&self, target: &str) {
        self.state.target.send_replace(target.to_owned());
        self.cut();
        self.mend();
    }

    /// Breaks every connection, and refuses new ones.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| {
            cuts.is_cut = true;
            cuts.times += 1;
        });
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.state.cuts.send_modify(|cuts| cuts.is_cut = false);
    }

    /// Holds back what the server answers from now on.
    pub fn hold(&self) {
        self.state.holds.send_replace(true);
    }

    /// Passes nothing more on that is answered over the connections that there are, which stay open. New ones are as
    /// ever.
    pub fn freeze(&self) {
        self.state.freezes.send_modify(|times| *times += 1);
    }

    /// Waits until so many connections hold an answer back.
    ///
    /// # Panics
    ///
    /// When they do not soon.
    pub async fn holds_back(&self, answers: usize) {
        let mut held = self.state.held.subscribe();
        let holds = held.wait_for(|held| *held >= answers);
        let holds = tokio::time::timeout(crate::PATIENCE, holds).await;
        assert!(holds.is_ok(), "no answer is held back");
    }

    /// How many statements PostgreSQL was asked to run so far. Of Redis it means nothing.
    #[must_use]
    pub fn statements(&self) -> usize {
        self.state.statements.load(Ordering::SeqCst)
    }

    /// Passes on what was held back.
    pub fn let_go(&self) {
        self.state.holds.send_replace(false);
    }
}

/// `HOST:PORT` of a URL.
pub(crate) fn server_of(url: &str) -> String {
    let (_, rest) = url.split_once('@').unwrap();
    let (server, _) = rest.split_once('/').unwrap();
    server.to_owned()
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut cuts = state.cuts.subscribe();
            let Cuts { is_cut, times } = *cuts.borrow_and_update();
            if is_cut {
                return;
            }
            let target = state.target.borrow().clone();
            let Ok(far) = TcpStream::connect(target).await else {
                return;
            };
            let ((near_reads, near_writes), (far_reads, far_writes)) =
                (near.into_split(), far.into_split());
            // Either side hangs up, or the wire is cut.
            tokio::select! {
                () = ask(near_reads, far_writes, &state) => {}
                () = answer(far_reads, near_writes, &state) => {}
                _ = cuts.wait_for(|cuts| cuts.times != times) => {}
            }
        });
    }
}

/// Passes answers on, unless they are held back.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut buffer = [0; 8_192];
    let mut holds = state.holds.subscribe();
    let freezes = *state.freezes.borrow();
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if *holds.borrow_and_update() {
            state.held.send_modify(|held| *held += 1);
            let _ = holds.wait_for(|holds| !holds).await;
            state.held.send_modify(|held| *held -= 1);
        }
        if *state.freezes.borrow() != freezes {
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Passes requests on, and counts the statements among them before they can be answered.
async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut buffer = [0; 8_192];
    let mut messages = Messages::default();
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let statements = messages.statements(&buffer[..read]);
        state.statements.fetch_add(statements, Ordering::SeqCst);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// The length of the question whether a server speaks TLS; no start-up message is as short.
const SSL_REQUEST_BYTES: usize = 8;

/// The messages that a client sends to PostgreSQL (its manual, section "Message Formats"): a type,
/// a length that counts itself, and that much. The first has no type.
#[derive(Default)]
struct Messages {
    /// What came of the head of the next message.
    head: Vec<u8>,
    /// How much of the message before has yet to come.
    rest: usize,
    is_started: bool,
}

impl Messages {
    /// How many messages that run a statement begin here: Execute, and Query.
    fn statements(&mut self, bytes: &[u8]) -> usize {
        let mut statements = 0;
        for byte in bytes {
            if self.rest > 0 {
                self.rest -= 1;
                continue;
            }
            self.head.push(*byte);
            let size = self.head.get(usize::from(self.is_started)..);
            let Some(Ok(size)) = size.map(<[u8; 4]>::try_from) else {
                continue;
            };
            statements += usize::from(self.is_started && b"EQ".contains(&self.head[0]));
            let size = usize::try_from(u32::from_be_bytes(size)).unwrap();
            self.rest = size.saturating_sub(4);
            self.head.clear();
            // A client that asks for TLS begins again.
            self.is_started |= size != SSL_REQUEST_BYTES;
        }
        statements
    }
}
