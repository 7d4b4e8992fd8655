//! What writes tell of themselves to reads: the header `Balcao-Position` of an answer says how far storage had been
//! written, and a list that is asked with it has everything up to there, whoever it is read from.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest,
    body::{BodySize, BoxBody, MessageBody as _},
    dev::{Payload, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
    web::Data,
};
use domain::values::{Freshness, LogPosition};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    app::App,
    describe::{Description, Extract},
    dto::wire::string,
    problem::{Code, Problem},
};

const POSITION: HeaderName = HeaderName::from_static("balcao-position");

/// What an answer to a write says.
pub(crate) const HEADER: (HeaderName, &str) = (
    POSITION,
    "How far storage had been written, where lists and exports may be read from a standby: sent with the request \
     for one, it has this write.",
);

/// How fresh a list must be: the header `Balcao-Position`, if it was sent. The farthest of several counts.
pub(crate) struct Seen(pub(crate) Freshness);

impl Seen {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let sent = headers.get_all(POSITION);
        let positions = sent.map(|sent| sent.to_str().ok()?.parse().ok());
        let positions: Option<Vec<LogPosition>> = positions.collect();
        let positions = positions.ok_or(Problem::new(Code::MalformedPosition))?;
        Ok(Self(Freshness::Recent(positions.into_iter().max())))
    }
}

impl FromRequest for Seen {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request.headers()))
    }
}

impl Extract for Seen {
    fn describe(operation: &mut Description<'_>) {
        let about = "The header of this name of an earlier answer: its write is in what is read, which may be a \
                     moment old otherwise.";
        let schema = string()
            .pattern(Some("^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$"))
            .examples([json!("16/B374D848")]);
        operation.takes_header("Balcao-Position", about, schema);
        operation.problem(Code::MalformedPosition);
    }
}

/// How long an answer waits for that.
const PATIENCE: Duration = Duration::from_millis(100);

/// Says how far storage has been written, if that was a write and anybody needs to know. What cannot be told is left
/// out: the write is done.
pub(crate) async fn tell(response: &mut ServiceResponse<BoxBody>) {
    let request = response.request();
    let is_done = response.status().is_success()
        && response.response().body().size() != BodySize::Stream
        && !request.method().is_safe();
    let app = request.app_data::<Data<App>>().filter(|_| is_done);
    let Some(app) = app.cloned() else { return };
    let Ok(Ok(Some(position))) = timeout(PATIENCE, app.written()).await else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        response.headers_mut().insert(POSITION, value);
    }
}
