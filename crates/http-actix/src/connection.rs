//! A client's connection, watched: a client that begins a request and does not go on, or does not
//! read the answer, is disconnected; and one that sends requests ahead is read as they are answered. The
//! framework itself watches only the first head, and reads 128 KiB of requests ahead, each of which
//! takes a hundred times the memory of its bytes.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use actix_web::rt::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::crowd::Member;

/// A connection that ends when its client has kept the server waiting for too long.
pub(crate) struct Watched {
    stream: TcpStream,
    member: Rc<Member>,
    progress: Progress,
    patience: Duration,
    keep_alive: Duration,
    /// When to check the progress of the client next. It is not reset with every request, which
    /// would cost a timer each: a disconnection may be late by `patience`.
    look: Pin<Box<Sleep>>,
    /// Whether a whole piece was handed over, which must be looked at before there is another.
    has_handed_over: bool,
}

/// How long somebody beyond the limit may keep the server waiting.
const SURPLUS_PATIENCE: Duration = Duration::from_secs(1);

/// How much is handed over at once while a head is waited for: most heads are shorter, and of requests
/// that are sent ahead these are few.
const PIECE: usize = 2_048;

/// What a connection waits for. The server and its middleware share it.
#[derive(Clone)]
pub(crate) struct Progress(Rc<Waiting>);

struct Waiting {
    /// For the head of a request, since when. `None` while a handler runs: it watches the body that
    /// it reads.
    for_a_head: Cell<Option<ForAHead>>,
    /// For the client to read more of an answer, since when.
    for_the_client: Cell<Option<Instant>>,
    /// How many bodies are being read: one, or none.
    bodies: Cell<usize>,
    /// Whoever wants to read on.
    reader: RefCell<Option<Waker>>,
}

#[derive(Clone, Copy)]
struct ForAHead {
    since: Instant,
    /// Whether a part of it has arrived.
    has_begun: bool,
}

/// A body that is being read, until this is dropped.
pub(crate) struct Arriving(Progress);

/// A request that a handler is working on, or whose answer is still being made, until this is dropped.
pub(crate) struct Handled(Progress);

impl Progress {
    fn new() -> Self {
        let progress = Self(Rc::new(Waiting {
            for_a_head: Cell::new(None),
            for_the_client: Cell::new(None),
            bodies: Cell::new(0),
            reader: RefCell::default(),
        }));
        progress.wait_for_a_head(true);
        progress
    }

    /// Records that the head of a request has arrived.
    pub(crate) fn handle(&self) -> Handled {
        self.0.for_a_head.set(None);
        Handled(self.clone())
    }

    /// Records that a body is being read.
    pub(crate) fn read_body(&self) -> Arriving {
        self.0.bodies.set(self.0.bodies.get() + 1);
        self.read_on();
        Arriving(self.clone())
    }

    /// Lets whoever was held back read on.
    fn read_on(&self) {
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }

    fn wait_for_a_head(&self, has_begun: bool) {
        let since = Instant::now();
        self.0.for_a_head.set(Some(ForAHead { since, has_begun }));
    }

    fn read(&self) {
        if let Some(ForAHead { has_begun, .. }) = self.0.for_a_head.get()
            && !has_begun
        {
            self.wait_for_a_head(true);
        }
    }

    fn wrote(&self, is_pending: bool) {
        let since = &self.0.for_the_client;
        match (is_pending, since.get()) {
            (true, None) => since.set(Some(Instant::now())),
            (false, Some(_)) => since.set(None),
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Whether the client has kept the server waiting for longer than `patience`. One that is idle
    /// between two requests has `keep_alive` besides: the framework ends that itself, unless more than
    /// one request came at once.
    fn is_stuck(&self, patience: Duration, keep_alive: Duration) -> bool {
        let head = self.0.for_a_head.get().is_some_and(|head| {
            let patience = if head.has_begun {
                patience
            } else {
                patience + keep_alive
            };
            head.since.elapsed() >= patience
        });
        let client = self.0.for_the_client.get();
        head || client.is_some_and(|since| since.elapsed() >= patience)
    }
}

impl Drop for Handled {
    fn drop(&mut self) {
        self.0.wait_for_a_head(false);
        self.0.read_on();
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let bodies = &self.0.0.bodies;
        bodies.set(bodies.get().saturating_sub(1));
    }
}

impl Watched {
    /// Watches a connection whose client may keep the server waiting for `patience`, and be idle for
    /// `keep_alive`.
    pub(crate) fn new(
        stream: TcpStream,
        member: Member,
        patience: Duration,
        keep_alive: Duration,
    ) -> Self {
        Self {
            stream,
            look: Box::pin(sleep(patience_with(&member, patience))),
            member: Rc::new(member),
            progress: Progress::new(),
            patience,
            keep_alive,
            has_handed_over: false,
        }
    }

    /// Who is connected.
    pub(crate) fn member(&self) -> Rc<Member> {
        Rc::clone(&self.member)
    }

    /// What the connection waits for.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Hands over a piece of what has arrived, and another one only when that was looked at.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.has_handed_over) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut piece = [0; PIECE];
        let length = buffer.remaining().min(PIECE);
        let mut piece = ReadBuf::new(piece.get_mut(..length).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
        buffer.put_slice(piece.filled());
        self.has_handed_over = piece.remaining() == 0;
        if !piece.filled().is_empty() {
            self.progress.read();
        }
        Poll::Ready(Ok(()))
    }

    /// While a request is handled that reads no body, what follows it is left where it is; only that the
    /// client has hung up is of interest. When something follows already, nothing else would tell that
    /// it may be read by then.
    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut next = [0];
        let length = ready!(self.stream.poll_peek(context, &mut ReadBuf::new(&mut next)))?;
        if length == 0 {
            return Poll::Ready(Ok(()));
        }
        *self.progress.0.reader.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// Checks from time to time whether the client makes progress.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.look.as_mut().poll(context).is_ready() {
            let patience = patience_with(&self.member, self.patience);
            if self.progress.is_stuck(patience, self.keep_alive) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let next = tokio::time::Instant::now() + patience;
            self.look.as_mut().reset(next);
        }
        Ok(())
    }
}

/// For how long somebody may keep the server waiting: for less, while there are too many.
fn patience_with(member: &Member, patience: Duration) -> Duration {
    if member.is_surplus() {
        patience.min(SURPLUS_PATIENCE)
    } else {
        patience
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let waiting = &self.progress.0;
        if waiting.bodies.get() > 0 {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        if waiting.for_a_head.get().is_none() {
            return self.poll_hung_up(context);
        }
        self.poll_piece(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress.wrote(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.progress.wrote(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
