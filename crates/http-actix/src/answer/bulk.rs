//! Answers of any length, written as they come to be.

use std::{
    convert::Infallible,
    io::{BufRead as _, BufReader, Seek as _, Write as _},
};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{StatusCode, header},
    rt,
    web::Bytes,
};
use async_channel::Sender;
use domain::{
    StorageError,
    bulk::Export,
    catalog::{Import, ImportMode},
    identity::Caller,
    orders::{self, OrderId},
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use crate::{
    bulk::{Exported, Format, ImportEvent, Progress, Rows, import, lines},
    describe::{Answer, Answered, Description},
    dto::{AccountRecord, Customer, Order, OrderHistoryEntry, PersonalData},
    problem::{Problem, ProblemDocument},
};

/// 200, with everything that a filter describes, as of one moment. When storage fails in the middle,
/// the answer breaks off: a client sees that it is not whole.
pub(crate) struct Exporting<T> {
    name: &'static str,
    caller: Caller,
    export: Export<T>,
    format: Format,
}

impl<T: Exported + Send + 'static> Exporting<T> {
    /// Begins an export. What fails before its first rows is a problem like any other.
    pub(crate) async fn begin(
        name: &'static str,
        caller: Caller,
        export: Export<T>,
        format: Format,
    ) -> Result<Self, Problem> {
        let Export { mut batches, count } = export;
        let first = match batches.next().await {
            Some(first) => first?,
            None => Vec::new(),
        };
        let batches = stream::once(async { Ok(first) }).chain(batches).boxed();
        Ok(Self {
            name,
            caller,
            export: Export { batches, count },
            format,
        })
    }
}

impl<T: Exported + Send + 'static> Responder for Exporting<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let file = format!("{}.{}", self.name, self.format.extension());
        let lines = lines(self.caller, self.export, self.format);
        HttpResponse::Ok()
            .content_type(format!("{}; charset=utf-8", self.format.media_type()))
            .insert_header((
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{file}\""),
            ))
            .streaming(lines)
    }
}

impl<T: Exported + Send + 'static> Answer for Exporting<T> {
    const TAKES_ITS_TIME: bool = true;

    fn describe(operation: &mut Description) {
        let text = Answered::text(Format::ALL.map(Format::media_type));
        let answered = text.header(header::CONTENT_DISPOSITION, "A name for the file.");
        operation.answers(StatusCode::OK, answered);
    }
}

/// 200, with all that is known of a person, written as it is read.
pub(crate) struct Telling {
    pub(crate) caller: Caller,
    pub(crate) customer: Customer,
    pub(crate) account: Option<AccountRecord>,
    pub(crate) orders: Export<orders::Order>,
    pub(crate) histories: Export<(OrderId, orders::HistoryEntry)>,
}

impl Responder for Telling {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let head = |name, value| Ok([name, value].concat());
        let caller = self.caller;
        let order = move |order: &orders::Order| Order::seen_by(&caller, order);
        let entry = |entry: &(OrderId, orders::HistoryEntry)| OrderHistoryEntry::from(entry);
        let text = stream::iter([
            head(br#"{"customer":"#.to_vec(), json(&self.customer)),
            head(br#","account":"#.to_vec(), json(&self.account)),
            head(br#","orders":["#.to_vec(), Vec::new()),
        ])
        .chain(array(self.orders, order))
        .chain(stream::iter([head(
            br#"],"history":["#.to_vec(),
            Vec::new(),
        )]))
        .chain(array(self.histories, entry))
        .chain(stream::iter([head(b"]}".to_vec(), Vec::new())]));
        HttpResponse::Ok()
            .content_type("application/json")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .streaming(text.map_ok(Bytes::from))
    }
}

impl Answer for Telling {
    const TAKES_ITS_TIME: bool = true;

    fn describe(operation: &mut Description) {
        let answered = Answered::with::<PersonalData>();
        let answered = answered.header(header::CACHE_CONTROL, "Always `no-store`.");
        operation.answers(StatusCode::OK, answered);
    }
}

/// The entries of an array, batch by batch.
fn array<T: Send + 'static, U: Serialize>(
    export: Export<T>,
    show: impl Fn(&T) -> U + 'static,
) -> impl Stream<Item = Result<Vec<u8>, StorageError>> {
    let mut is_first = true;
    export.batches.map_ok(move |batch| {
        let mut text = Vec::new();
        for entity in &batch {
            if !std::mem::take(&mut is_first) {
                text.push(b',');
            }
            text.extend(json(&show(entity)));
        }
        text
    })
}

/// A value as JSON; that of an answer can always be written.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// 200, with what happens to an import, line by line, and at the end what has become of it. The
/// import goes on when nobody reads that any more, as long as its rows arrive.
pub(crate) struct Importing(async_channel::Receiver<Bytes>);

/// The last line of the answer to an import.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Ended<'a> {
    /// It came to its end.
    Done {
        #[serde(flatten)]
        progress: Progress,
        /// Whether what it says was written.
        is_applied: bool,
        /// Whether it was written by an earlier import under the same key.
        is_replay: bool,
    },
    /// It broke off.
    Failed { problem: ProblemDocument<'a> },
}

/// How many lines wait for a client to read them.
const LINES: usize = 64;

impl Importing {
    /// Begins to import what arrives.
    pub(crate) fn begin(
        started: Import,
        mode: ImportMode,
        format: Format,
        bytes: impl Stream<Item = Result<Bytes, Problem>> + 'static,
    ) -> Result<Self, Problem> {
        let (told, tells) = async_channel::bounded(LINES);
        // Refused rows are told at the end: a client that only reads when it has sent everything
        // would stop the import if it were told of many before.
        let mut refused = tempfile::tempfile().map_err(Problem::internal)?;
        rt::spawn(async move {
            let tell = |event: ImportEvent| match &event {
                ImportEvent::Refused { .. } => {
                    // What cannot be kept is counted all the same.
                    let _ = refused.write_all(&line(&event));
                }
                // A client that does not read needs no progress.
                ImportEvent::Progress(_) => {
                    let _ = told.try_send(line(&event).into());
                }
            };
            let ended = import(started, Rows::new(format), bytes, tell).await;
            tell_refused(&mut refused, &told).await;
            let ended = match ended {
                Ok(outcome) => line(&Ended::Done {
                    progress: outcome.into(),
                    is_applied: match mode {
                        ImportMode::InBatches => true,
                        ImportMode::Atomic => outcome.refused == 0,
                        ImportMode::ValidateOnly => false,
                    },
                    is_replay: outcome.is_replay,
                }),
                Err(failed) => {
                    let problem = Problem::from(failed);
                    if let Some(cause) = problem.cause() {
                        tracing::error!(cause, "an import broke off");
                    }
                    line(&Ended::Failed {
                        problem: problem.document(None),
                    })
                }
            };
            // Nobody may read it any more.
            let _ = told.send(ended.into()).await;
        });
        Ok(Self(tells))
    }
}

/// One line of JSON.
fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = json(value);
    line.push(b'\n');
    line
}

/// Tells which rows were refused.
async fn tell_refused(refused: &mut std::fs::File, told: &Sender<Bytes>) {
    if refused.rewind().is_err() {
        return;
    }
    let mut lines = BufReader::new(refused);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        if told.send(std::mem::take(&mut line).into()).await.is_err() {
            return;
        }
    }
}

impl Responder for Importing {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .content_type(Format::Ndjson.media_type())
            .streaming(self.0.map(Ok::<_, Infallible>))
    }
}

impl Answer for Importing {
    fn describe(operation: &mut Description) {
        let answered = Answered::text([Format::Ndjson.media_type()]);
        operation.answers(StatusCode::OK, answered);
    }
}
