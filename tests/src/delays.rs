//! A wire to PostgreSQL on which every message takes a time of its own, as on a network that is far
//! and busy. On a fast one the statements of two transactions seldom come between each other; here
//! they do, in ways that are other ones with every seed.

use std::{
    env,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use adapters_postgres::DatabaseSettings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use crate::{TestDatabase, proxy::server_of};

/// The longest that a message is held. Several of these are less than a lock is waited for (50 ms):
/// what is to be seen is who comes between whom, and not only that somebody waits.
const LONGEST: Duration = Duration::from_millis(4);

/// Passes every message on after a random time, in both directions, until it is dropped. None
/// overtakes another one of its connection; those of other connections do.
pub struct Delays {
    addr: SocketAddr,
    _is_there: oneshot::Sender<()>,
}

impl Delays {
    /// A wire to the server of a database. How long each message of each connection takes follows
    /// from a seed, which a test that fails prints; `TEST_SEED` gives the same delays again. When a
    /// processor turns to which connection does not follow from it.
    #[must_use]
    pub fn to(database: &TestDatabase) -> Self {
        let seed = seed();
        eprintln!("the delays are those of TEST_SEED={seed}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let target = server_of(&database.url());
        let (is_there, is_gone) = oneshot::channel();
        // On a thread of its own: a test that fails waits for its servers, and they for answers.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, target, seed) => {}
                    _ = is_gone => {}
                }
            });
        });
        Self {
            addr,
            _is_there: is_there,
        }
    }

    /// How to reach a database over this wire.
    #[must_use]
    pub fn settings(&self, database: &TestDatabase) -> DatabaseSettings {
        let url = database.url();
        let url = url.replace(&server_of(&url), &self.addr.to_string());
        DatabaseSettings::parse(&url, 8).unwrap()
    }
}

fn seed() -> u64 {
    let given = env::var("TEST_SEED").ok();
    let given = given.map(|seed| seed.parse().unwrap());
    given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0)
}

async fn serve(listener: TcpListener, target: String, seed: u64) {
    let mut random = Random(seed);
    while let Ok((near, _)) = listener.accept().await {
        let (asks, answers) = (Random(random.next()), Random(random.next()));
        let target = target.clone();
        tokio::spawn(async move {
            let far = TcpStream::connect(target).await.unwrap();
            // What is passed on leaves at once, as its sender wants it to.
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let ((near_reads, near_writes), (far_reads, far_writes)) =
                (near.into_split(), far.into_split());
            // Either side hangs up.
            tokio::select! {
                () = pass(near_reads, far_writes, Messages::of_a_client(), asks) => {}
                () = pass(far_reads, near_writes, Messages::of_a_server(), answers) => {}
            }
        });
    }
}

/// Passes the messages of one side on, each when its time has come and those before it are gone.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut messages: Messages,
    mut random: Random,
) {
    let (queue, mut queued) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut buffer = [0; 8_192];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let arrived = Instant::now();
            messages.take(&buffer[..read]);
            while let Some(message) = messages.next() {
                let _ = queue.send((arrived + random.up_to(LONGEST), message));
            }
        }
    };
    let write = async {
        while let Some((due, message)) = queued.recv().await {
            tokio::time::sleep_until(due.into()).await;
            if to.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}

/// Splits what one side sends into messages (PostgreSQL's manual, section "Message Formats"): a type,
/// a length that counts itself, and that much.
struct Messages {
    bytes: Vec<u8>,
    head: Head,
}

/// What comes next.
enum Head {
    /// A client's first messages have no type.
    Untyped,
    /// A server first says in one byte that it does not speak TLS, if it was asked; no message of
    /// its own begins with `N` as early.
    Asked,
    Typed,
}

/// The length of the question whether a server speaks TLS; no start-up message is as short.
const TLS_REQUEST_BYTES: usize = 8;

impl Messages {
    const fn of_a_client() -> Self {
        Self {
            bytes: Vec::new(),
            head: Head::Untyped,
        }
    }

    const fn of_a_server() -> Self {
        Self {
            bytes: Vec::new(),
            head: Head::Asked,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, once it is there to its end.
    fn next(&mut self) -> Option<Vec<u8>> {
        let length = match self.head {
            Head::Asked if *self.bytes.first()? == b'N' => 1,
            Head::Asked | Head::Typed => 1 + self.length_at(1)?,
            Head::Untyped => self.length_at(0)?,
        };
        if self.bytes.len() < length {
            return None;
        }
        if !matches!(self.head, Head::Untyped) || length != TLS_REQUEST_BYTES {
            self.head = Head::Typed;
        }
        Some(self.bytes.drain(..length).collect())
    }

    fn length_at(&self, start: usize) -> Option<usize> {
        let length = self.bytes.get(start..start + 4)?.try_into().unwrap();
        Some(usize::try_from(u32::from_be_bytes(length)).unwrap())
    }
}

/// Numbers that look random and follow from the first one (`SplitMix64`).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_micros()).unwrap();
        Duration::from_micros(self.next() % (longest + 1))
    }
}
