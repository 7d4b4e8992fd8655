//! Reading bodies from the network: nobody waits for one for ever, and all of them together hold
//! a bounded amount of memory.

use std::{pin::pin, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest,
    dev::Payload,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    connection::{Arriving, Progress},
    lifecycle::Lifecycle,
    problem::{Code, Problem},
    settings::HttpSettings,
};

/// What a body may hold without asking: an order of a hundred lines has half of it.
const FREE_BYTES: usize = 16 * 1_024;

/// The least rate at which a body arrives, in bytes a second.
const LEAST_RATE: u32 = 16 * 1_024;

/// How much longer bodies are waited for once the server stops.
const WHEN_STOPPING: Duration = Duration::from_secs(1);

/// What all bodies share.
pub(crate) struct Bodies {
    /// In KiB.
    memory: Arc<Semaphore>,
    /// The most bytes in a body.
    max: usize,
    patience: Duration,
    lifecycle: Lifecycle,
}

/// How long a body is, as the head of its request says (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    /// The body says by itself where it ends.
    Chunked,
}

impl Length {
    /// The framework has seen to it that there is one length at most, and that it is a number.
    fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return Self::Chunked;
        }
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Self::Bytes(length.unwrap_or(0))
    }

    const fn is_more_than(self, bytes: usize) -> bool {
        match self {
            Self::Bytes(length) => length > bytes,
            Self::Chunked => true,
        }
    }
}

/// A body, and the memory that is reserved for it.
pub(crate) struct ReadBody {
    pub(crate) bytes: BytesMut,
    memory: Option<OwnedSemaphorePermit>,
}

impl ReadBody {
    /// Takes what has arrived, if there is room for it.
    fn take(&mut self, chunk: &[u8], memory: &Arc<Semaphore>) -> Result<(), Problem> {
        let length = self.bytes.len() + chunk.len();
        let held = self
            .memory
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let needed = length.saturating_sub(FREE_BYTES).div_ceil(1_024);
        if let more @ 1.. = needed.saturating_sub(held) {
            let more = u32::try_from(more).map_err(Problem::internal)?;
            let more = Arc::clone(memory)
                .try_acquire_many_owned(more)
                .map_err(|_| {
                    let detail = "too many large bodies are being read: this one was not";
                    Problem::new(Code::Unavailable).detail(detail)
                })?;
            match &mut self.memory {
                Some(held) => held.merge(more),
                none => *none = Some(more),
            }
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

impl Bodies {
    /// Bodies within the limits of these settings, until the server stops.
    pub(crate) fn new(settings: &HttpSettings, lifecycle: Lifecycle) -> Self {
        Self {
            // The first 16 KiB of each do not count.
            memory: Arc::new(Semaphore::new(settings.bodies_memory * 1_024)),
            max: settings.max_body,
            patience: settings.read_timeout,
            lifecycle,
        }
    }

    fn too_large(&self) -> Problem {
        let most = format!("send at most {} KiB", self.max / 1_024);
        Problem::new(Code::BodyTooLarge).detail(most)
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    ///
    /// `BodyTooLarge`, `RequestTimeout`, `MalformedJson` when it breaks off, and `Unavailable`
    /// when too many others are being read.
    pub(crate) async fn read(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<ReadBody, Problem> {
        let length = Length::of(request);
        if let Length::Bytes(bytes) = length
            && bytes > self.max
        {
            return Err(self.too_large());
        }
        let _arriving = arriving(request);
        let mut payload = pin!(payload);
        let mut stopping = self.lifecycle.stopping();
        let mut body = ReadBody {
            bytes: BytesMut::new(),
            memory: None,
        };
        let start = Instant::now();
        while length.is_more_than(body.bytes.len()) {
            let deadline = start + self.patience + time_to_arrive(body.bytes.len());
            let chunk = tokio::select! {
                chunk = timeout_at(deadline, payload.next()) => chunk,
                () = stopping.begun() => {
                    let soon = Instant::now() + WHEN_STOPPING;
                    timeout_at(deadline.min(soon), payload.next()).await
                }
            };
            match chunk {
                Err(_) => return Err(Problem::new(Code::RequestTimeout)),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(Problem::from(&error)),
                Ok(Some(Ok(chunk))) if body.bytes.len() + chunk.len() > self.max => {
                    return Err(self.too_large());
                }
                Ok(Some(Ok(chunk))) => body.take(&chunk, &self.memory)?,
            }
        }
        Ok(body)
    }
}

impl Bodies {
    /// A body of any length, piece by piece. It breaks off with `RequestTimeout` when the client is
    /// silent for too long, and with `Unavailable` when the server stops.
    pub(crate) fn stream(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> impl Stream<Item = Result<Bytes, Problem>> + use<> {
        let (patience, stopping) = (self.patience, self.lifecycle.stopping());
        stream::unfold(
            (payload, stopping, arriving(request)),
            move |(mut payload, mut stopping, arriving)| async move {
                let piece = tokio::select! {
                    piece = timeout(patience, payload.next()) => Some(piece),
                    () = stopping.begun() => None,
                };
                let piece = match piece {
                    Some(Ok(piece)) => piece?.map_err(|error| Problem::from(&error)),
                    Some(Err(_)) => Err(Problem::new(Code::RequestTimeout)),
                    None => {
                        let detail = "the server stops: send it again, under the same key";
                        Err(Problem::new(Code::Unavailable).detail(detail))
                    }
                };
                Some((piece, (payload, stopping, arriving)))
            },
        )
    }
}

/// Lets the connection of a request hand over its body.
fn arriving(request: &HttpRequest) -> Option<Arriving> {
    request.conn_data::<Progress>().map(Progress::read_body)
}

/// How long so many bytes may take.
fn time_to_arrive(bytes: usize) -> Duration {
    Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / LEAST_RATE
}
