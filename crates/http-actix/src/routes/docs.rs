//! `/docs` and `/openapi.json`.

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::StatusCode, web::Data};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    describe::{Answer, Answered, Description},
    docs::File,
    extract::{Known, PathName},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "docs",
    about: "What the API can do.",
    endpoints: &[
        endpoint!(GET "/openapi.json", Access::Public, document, About {
            id: "getOpenApi",
            summary: "This document",
            description: "OpenAPI 3.1. The command `balcao openapi` prints the same.",
            problems: &[],
        }),
        endpoint!(GET "/docs", Access::Public, page, About {
            id: "getDocs",
            summary: "The calls, to be tried, and the table of problems",
            description: "A page for people.",
            problems: &[],
        }),
        endpoint!(GET "/docs/{name}", Access::Public, file, About {
            id: "getDocsFile",
            summary: "A file that the page loads",
            description: "Scripts and styles; the large ones are sent packed by gzip.",
            problems: &[Code::NotFound],
        }),
    ],
};

/// The OpenAPI document, as JSON.
#[derive(Clone, Copy)]
pub(crate) struct Document(pub(crate) &'static str);

impl Responder for Document {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(self.0)
    }
}

impl Answer for Document {
    fn describe(operation: &mut Description<'_>) {
        operation.answers(StatusCode::OK, Answered::any_object());
    }
}

async fn document(document: Data<Document>) -> Document {
    **document
}

async fn page(known: Known) -> File {
    File::page(known)
}

async fn file(PathName(name): PathName, known: Known) -> Result<File, Problem> {
    File::beside_the_page(&name, known).ok_or(Problem::new(Code::NotFound))
}
