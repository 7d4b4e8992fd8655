//! The documentation at `/docs`: the endpoints, which can be tried there, and the table of
//! problems. All of it is embedded in the binary, and works without a network.

use std::{fmt::Write as _, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, ContentEncoding, EntityTag},
    },
};
use sha2::{Digest, Sha256};

use crate::{
    describe::{Answer, Answered, Description},
    extract::Known,
    problem::Code,
};

/// The content security policy of the page: it may load our own files, and call our API.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// A file of the documentation. Caches must revalidate it before using it.
pub(crate) struct File {
    media_type: &'static str,
    content: Content,
    known: Known,
}

#[derive(Clone, Copy)]
struct Content {
    bytes: &'static [u8],
    /// Compressed with gzip, which every browser supports.
    is_packed: bool,
}

const fn plain(text: &'static str) -> Content {
    Content {
        bytes: text.as_bytes(),
        is_packed: false,
    }
}

const fn packed(bytes: &'static [u8]) -> Content {
    Content {
        bytes,
        is_packed: true,
    }
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Swagger UI, which `build.rs` extracts from its crate.
const SWAGGER_UI_BUNDLE: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const SWAGGER_UI_CSS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));

/// The files beside the page.
const FILES: [(&str, &str, Content); 4] = [
    ("docs.css", CSS, plain(include_str!("docs.css"))),
    ("docs.js", SCRIPT, plain(include_str!("docs.js"))),
    ("swagger-ui.css", CSS, packed(SWAGGER_UI_CSS)),
    ("swagger-ui-bundle.js", SCRIPT, packed(SWAGGER_UI_BUNDLE)),
];

impl File {
    /// The page itself.
    pub(crate) fn page(known: Known) -> Self {
        static PAGE: LazyLock<String> = LazyLock::new(page);
        Self {
            media_type: HTML,
            content: plain(&PAGE),
            known,
        }
    }

    /// The file of this name beside the page, if there is one.
    pub(crate) fn beside_the_page(name: &str, known: Known) -> Option<Self> {
        let file = FILES.iter().find(|(own, ..)| *own == name);
        file.map(|&(_, media_type, content)| Self {
            media_type,
            content,
            known,
        })
    }
}

impl Responder for File {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let Content { bytes, is_packed } = self.content;
        let tag = tag(bytes);
        let is_known = self.known.holds(&tag);
        let mut response = HttpResponse::Ok();
        response
            .content_type(self.media_type)
            .insert_header(header::ETag(tag))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
        if is_known {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        if is_packed {
            response.insert_header(ContentEncoding::Gzip);
        }
        response.body(bytes)
    }
}

/// The entity tag of this content.
fn tag(bytes: &[u8]) -> EntityTag {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    EntityTag::new_strong(digits)
}

impl Answer for File {
    fn describe(operation: &mut Description<'_>) {
        let tagged =
            |answered: Answered| answered.header(header::ETAG, "The content, for `If-None-Match`.");
        operation.answers(StatusCode::OK, tagged(Answered::text("text/*")));
        operation.answers(StatusCode::NOT_MODIFIED, tagged(Answered::empty()));
    }
}

/// The page, with a row for every problem.
fn page() -> String {
    let mut html = include_str!("head.html").to_owned();
    for code in Code::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<tr id=\"{0}\"><td>{1}<td><a href=\"#{0}\"><code>{0}</code></a><td>{2}<td>{3}<td>{4}",
            code.as_str(),
            code.status().as_u16(),
            code.title(),
            marked_up(code.remedy()),
            marked_up(code.operators_remedy()),
        );
    }
    html.push_str(include_str!("foot.html"));
    html
}

/// Text between backticks becomes code.
fn marked_up(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
        } else {
            html.push_str(part);
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_where_its_type_points_to() {
        let html = page();
        for code in Code::ALL {
            assert!(html.contains(&format!("<tr id=\"{}\">", code.as_str())));
        }
    }

    #[test]
    fn what_has_no_document_is_said() {
        let html = page();
        for status in ["400", "408", "431"] {
            assert!(include_str!("foot.html").contains(&format!("<td>{status}<td>")));
        }
        assert!(html.contains("id=\"no-document\""));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let html = page();
        let loaded = html
            .split(['"', '>'])
            .filter(|part| part.starts_with("/docs/"));
        let loaded: Vec<_> = loaded.map(|path| &path["/docs/".len()..]).collect();
        assert_eq!(loaded.len(), FILES.len());
        for (name, ..) in FILES {
            assert!(loaded.contains(&name), "{name}");
        }
        assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));
    }
}
