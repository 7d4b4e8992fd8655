//! A client's connection, watched: a client that begins a request and does not go on, or does not
//! read the answer, is disconnected. The framework itself watches only the first head.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix_web::rt::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A connection that ends when its client has kept the server waiting for too long.
pub(crate) struct Watched {
    stream: TcpStream,
    progress: Progress,
    patience: Duration,
    /// When to check the progress of the client next. It is not reset with every request, which
    /// would cost a timer each: a disconnection may be late by `patience`.
    look: Pin<Box<Sleep>>,
}

/// What a connection waits for. The server and its middleware share it.
#[derive(Clone)]
pub(crate) struct Progress(Rc<Waiting>);

struct Waiting {
    /// For the head of a request, since when. `None` while a handler runs: it watches the body that
    /// it reads.
    for_a_head: Cell<Option<ForAHead>>,
    /// For the client to read more of an answer, since when.
    for_the_client: Cell<Option<Instant>>,
}

#[derive(Clone, Copy)]
struct ForAHead {
    since: Instant,
    /// Whether a part of it has arrived.
    has_begun: bool,
}

/// A request that a handler is working on, or whose answer is still being made, until this is dropped.
pub(crate) struct Handled(Progress);

impl Progress {
    fn new() -> Self {
        let progress = Self(Rc::new(Waiting {
            for_a_head: Cell::new(None),
            for_the_client: Cell::new(None),
        }));
        progress.wait_for_a_head(true);
        progress
    }

    /// Records that the head of a request has arrived.
    pub(crate) fn handle(&self) -> Handled {
        self.0.for_a_head.set(None);
        Handled(self.clone())
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

    /// Whether the client has kept the server waiting for longer than this. A client that is idle
    /// between two requests has twice as long: the framework ends that itself, unless more than one
    /// request came at once.
    fn is_stuck(&self, patience: Duration) -> bool {
        let head = self.0.for_a_head.get().is_some_and(|head| {
            let patience = if head.has_begun {
                patience
            } else {
                patience * 2
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
    }
}

impl Watched {
    /// Watches a connection whose client may keep the server waiting for `patience`.
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self {
            stream,
            progress: Progress::new(),
            patience,
            look: Box::pin(sleep(patience)),
        }
    }

    /// What the connection waits for.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Checks from time to time whether the client makes progress.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.look.as_mut().poll(context).is_ready() {
            if self.progress.is_stuck(self.patience) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let next = tokio::time::Instant::now() + self.patience;
            self.look.as_mut().reset(next);
        }
        Ok(())
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.progress.read();
        }
        Poll::Ready(Ok(()))
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
