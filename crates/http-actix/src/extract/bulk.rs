//! Rows that are sent and asked for in bulk.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, Accept, Header, Quality},
    web::Bytes,
};
use futures_util::Stream;

use super::{app, body::must_be_as_it_is};
use crate::{
    bulk::Format,
    describe::{Description, Extract},
    problem::{Code, Problem},
};

/// The format that the caller prefers (RFC 9110, section 12.5.1); NDJSON when it does not care.
pub(crate) struct Accepted(pub(crate) Format);

impl FromRequest for Accepted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if !request.headers().contains_key(header::ACCEPT) {
            return ready(Ok(Self(Format::Ndjson)));
        }
        let accepted = Accept::parse(request).map(|accept| {
            // What is wanted with nothing is not wanted.
            let wanted = accept
                .0
                .into_iter()
                .filter(|range| range.quality > Quality::ZERO);
            Accept(wanted.collect()).ranked()
        });
        let accepted = accepted.unwrap_or_default();
        let format = accepted.iter().find_map(|range| {
            let is_in_range = |format: &Format| {
                let (kind, _) = format.media_type().split_once('/').unwrap_or_default();
                match (range.type_().as_str(), range.subtype().as_str()) {
                    ("*", _) => true,
                    (of_kind, "*") => of_kind == kind,
                    _ => range.essence_str() == format.media_type(),
                }
            };
            Format::ALL.into_iter().find(is_in_range)
        });
        ready(format.map(Self).ok_or(Problem::new(Code::NotAcceptable)))
    }
}

impl Extract for Accepted {
    /// What is answered describes which formats there are.
    fn describe(operation: &mut Description<'_>) {
        operation.problem(Code::NotAcceptable);
    }
}

/// Rows of any number, as they arrive.
pub(crate) struct Upload {
    pub(crate) format: Format,
    request: HttpRequest,
    payload: Payload,
}

impl Upload {
    /// The bytes, as they arrive.
    pub(crate) fn bytes(
        self,
    ) -> Result<impl Stream<Item = Result<Bytes, Problem>> + use<>, Problem> {
        let bodies = &app(&self.request)?.bodies;
        Ok(bodies.stream(&self.request, self.payload))
    }
}

impl FromRequest for Upload {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let sent = request.content_type();
        let is_sent = |format: &Format| sent.eq_ignore_ascii_case(format.media_type());
        let format = Format::ALL.into_iter().find(is_sent).ok_or_else(|| {
            let types = Format::ALL.map(Format::media_type).join(" or ");
            let detail = format!("the body must be {types}");
            Problem::new(Code::UnsupportedMediaType).detail(detail)
        });
        let format = must_be_as_it_is(request).and(format);
        ready(format.map(|format| Self {
            format,
            request: request.clone(),
            payload: payload.take(),
        }))
    }
}

impl Extract for Upload {
    fn describe(operation: &mut Description<'_>) {
        operation.takes_rows(&[
            (
                Format::Ndjson.media_type(),
                "{\"sku\":\"CAFE-CERRADO-250\",\"nome\":\"Café Cerrado 250 g\",\"preco\":\"38.90\"}\n",
            ),
            (
                Format::Csv.media_type(),
                "sku,nome,preco\nCAFE-CERRADO-250,Café Cerrado 250 g,38.90\n",
            ),
        ]);
        operation.problem(Code::UnsupportedMediaType);
    }
}
