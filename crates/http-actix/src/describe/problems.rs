//! Problem documents, in the document of the API.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use domain::{catalog::ProductId, orders::OrderStatus};
use serde_json::{Value, json};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
    example::ExampleBuilder,
    schema::{AdditionalProperties, ArrayBuilder, OneOfBuilder},
};

use super::{Schemas, canonical, header, request_id};
use crate::{
    dto::wire::{WireValue, integer, string},
    problem::{Code, MEDIA_TYPE},
    rate_limits,
};

const PROBLEM: &str = "Problem";
const VALIDATION: &str = "ValidationProblem";
const FAULT: &str = "Fault";
const INSUFFICIENT_STOCK: &str = "InsufficientStockProblem";
const SHORT_LINE: &str = "ShortLine";
const ILLEGAL_TRANSITION: &str = "IllegalTransitionProblem";
const ORDER_STATUS: &str = "OrderStatus";

/// Adds the schemas of problems.
pub(super) fn add_to(schemas: &mut Schemas) {
    let codes = Code::ALL.iter().filter(|code| schema_of(**code) == PROBLEM);
    let problem = problem(codes.map(|code| code.as_str()))
        .property("errors", ArrayBuilder::new().items(to(FAULT)));
    schemas.add_as(
        PROBLEM,
        described(problem, "Why a request was not served (RFC 9457)."),
    );
    let fault = fault().additional_properties(Some(AdditionalProperties::FreeForm(true)));
    schemas.add_as(
        FAULT,
        described(fault, "One thing that is wrong with a request."),
    );
    let validation = problem_of(Code::Invalid)
        .property("errors", ArrayBuilder::new().items(to(FAULT)))
        .required("errors");
    schemas.add_as(
        VALIDATION,
        described(
            validation,
            "A body that is JSON, but not what is asked for.",
        ),
    );
    schemas.add_as(ORDER_STATUS, Schema::Object(OrderStatus::schema()));
    let short = fault_of(Code::InsufficientStock)
        .property("product_id", ProductId::schema())
        .required("product_id")
        .property("requested", integer(1, i64::MAX))
        .required("requested")
        .property("available", integer(0, i64::MAX))
        .required("available");
    schemas.add_as(
        SHORT_LINE,
        described(short, "A line that asks for more than there is."),
    );
    let insufficient = problem_of(Code::InsufficientStock)
        .property("errors", ArrayBuilder::new().items(to(SHORT_LINE)))
        .required("errors");
    schemas.add_as(
        INSUFFICIENT_STOCK,
        described(
            insufficient,
            "Not enough is in stock: every short line is told.",
        ),
    );
    let illegal = problem_of(Code::IllegalTransition)
        .property("from", to(ORDER_STATUS))
        .required("from")
        .property("to", to(ORDER_STATUS))
        .required("to")
        .property("allowed", ArrayBuilder::new().items(to(ORDER_STATUS)))
        .required("allowed");
    schemas.add_as(
        ILLEGAL_TRANSITION,
        described(illegal, "The order has no such transition."),
    );
}

fn described(object: ObjectBuilder, about: &str) -> Schema {
    Schema::Object(object.description(Some(about)).build())
}

fn to(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// What every problem of these codes has.
fn problem<'a>(codes: impl Iterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("type", string().examples([json!("/docs#not_found")]))
        .required("type")
        .property("title", string())
        .required("title")
        .property("status", integer(400, 599))
        .required("status")
        .property("detail", string())
        .required("detail")
        .property("code", string().enum_values(Some(codes)))
        .required("code")
        .property("request_id", string())
        .required("request_id")
}

fn problem_of(code: Code) -> ObjectBuilder {
    problem([code.as_str()].into_iter())
}

fn fault() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property(
            "pointer",
            string().description(Some("Where in the body (a JSON Pointer, RFC 6901).")),
        )
        .property(
            "parameter",
            string().description(Some("The name of a parameter of the query.")),
        )
        .property("code", string())
        .required("code")
        .property("detail", string())
        .required("detail")
}

fn fault_of(code: Code) -> ObjectBuilder {
    fault().property("code", string().enum_values(Some([code.as_str()])))
}

/// The schema of a problem of this code.
const fn schema_of(code: Code) -> &'static str {
    match code {
        Code::InsufficientStock => INSUFFICIENT_STOCK,
        Code::IllegalTransition => ILLEGAL_TRANSITION,
        Code::Invalid => VALIDATION,
        _ => PROBLEM,
    }
}

/// The answers that tell these problems, one a status.
pub(super) fn responses(codes: &BTreeSet<Code>) -> BTreeMap<u16, Response> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes {
        by_status
            .entry(code.status().as_u16())
            .or_default()
            .push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, response(&codes)))
        .collect()
}

/// The answer that tells one of these problems, all of one status.
fn response(codes: &[Code]) -> Response {
    let lines: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.as_str(), code.title()))
        .collect();
    let schemas: BTreeSet<_> = codes.iter().map(|code| schema_of(*code)).collect();
    let schema: RefOr<Schema> = match schemas.iter().next() {
        Some(only) if schemas.len() == 1 => to(only).into(),
        _ => {
            let one = schemas
                .iter()
                .fold(OneOfBuilder::new(), |one, name| one.item(to(name)));
            RefOr::T(Schema::OneOf(one.build()))
        }
    };
    let examples = codes.iter().map(|code| {
        let example = ExampleBuilder::new()
            .summary(code.title())
            .value(Some(example(*code)));
        (code.as_str(), example.build())
    });
    let content = ContentBuilder::new()
        .schema(Some(schema))
        .examples_from_iter(examples);
    let mut response = ResponseBuilder::new()
        .description(lines.join("\n"))
        .content(MEDIA_TYPE, content.build())
        .header("X-Request-Id", request_id());
    let status = codes.first().map(|code| code.status());
    if status == Some(StatusCode::UNAUTHORIZED) {
        response = response.header("WWW-Authenticate", header("Asks for a bearer token."));
    }
    if status == Some(StatusCode::UNSUPPORTED_MEDIA_TYPE) {
        let about = "The codings that are taken, if the body was refused for its Content-Encoding.";
        response = response.header("Accept-Encoding", header(about));
    }
    if status == Some(StatusCode::TOO_MANY_REQUESTS) {
        for (name, about) in rate_limits::HEADERS {
            response = response.header(canonical(&name), header(about));
        }
    }
    if let Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) = status {
        let about = "How long to wait before the next try, in seconds.";
        response = response.header("Retry-After", header(about));
    }
    response.build()
}

/// A document of this code.
fn example(code: Code) -> Value {
    let mut document = json!({
        "type": format!("/docs#{}", code.as_str()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "detail": code.remedy(),
        "code": code.as_str(),
        "request_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    });
    let facts = match code {
        Code::InsufficientStock => json!({"errors": [{
            "pointer": "/itens",
            "code": "insufficient_stock",
            "detail": "3 requested, 2 available",
            "product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
            "requested": 3,
            "available": 2,
        }]}),
        Code::IllegalTransition => json!({
            "from": "delivered",
            "to": "cancelled",
            "allowed": [],
        }),
        Code::Invalid => json!({"errors": [
            {"pointer": "/nome", "code": "required", "detail": "is required"},
        ]}),
        Code::MalformedQuery => json!({"errors": [
            {"parameter": "limit", "code": "out_of_range", "detail": "must be between 1 and 100"},
        ]}),
        _ => return document,
    };
    if let (Some(document), Value::Object(facts)) = (document.as_object_mut(), facts) {
        document.extend(facts);
    }
    document
}
