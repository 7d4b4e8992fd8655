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

/// A file of the documentation, to a client that may have it. Caches must revalidate it before
/// using it.
pub(crate) struct File {
    stored: &'static Stored,
    known: Known,
}

/// A file as it is in the binary.
struct Stored {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    /// Whether it is compressed with gzip, which every browser supports.
    is_packed: bool,
    /// Calculated once: the largest file has 400 KB.
    tag: EntityTag,
}

impl Stored {
    fn plain(name: &'static str, media_type: &'static str, text: &'static str) -> Self {
        Self::new(name, media_type, text.as_bytes(), false)
    }

    fn packed(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        Self::new(name, media_type, bytes, true)
    }

    fn new(
        name: &'static str,
        media_type: &'static str,
        bytes: &'static [u8],
        is_packed: bool,
    ) -> Self {
        Self {
            name,
            media_type,
            bytes,
            is_packed,
            tag: tag(bytes),
        }
    }
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Swagger UI, which `build.rs` extracts from its crate.
const SWAGGER_UI_BUNDLE: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const SWAGGER_UI_CSS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));

static PAGE: LazyLock<Stored> = LazyLock::new(|| {
    static HTML_OF_THE_PAGE: LazyLock<String> = LazyLock::new(page);
    Stored::plain("docs", HTML, &HTML_OF_THE_PAGE)
});

/// The files beside the page.
static FILES: LazyLock<[Stored; 4]> = LazyLock::new(|| {
    [
        Stored::plain("docs.css", CSS, include_str!("docs.css")),
        Stored::plain("docs.js", SCRIPT, include_str!("docs.js")),
        Stored::packed("swagger-ui.css", CSS, SWAGGER_UI_CSS),
        Stored::packed("swagger-ui-bundle.js", SCRIPT, SWAGGER_UI_BUNDLE),
    ]
});

impl File {
    /// The page itself.
    pub(crate) fn page(known: Known) -> Self {
        let stored = &PAGE;
        Self { stored, known }
    }

    /// The file of this name beside the page, if there is one.
    pub(crate) fn beside_the_page(name: &str, known: Known) -> Option<Self> {
        let stored = FILES.iter().find(|file| file.name == name)?;
        Some(Self { stored, known })
    }
}

impl Responder for File {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let file = self.stored;
        let mut response = HttpResponse::Ok();
        response
            .content_type(file.media_type)
            .insert_header(header::ETag(file.tag.clone()))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
        if self.known.holds(&file.tag) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        if file.is_packed {
            response.insert_header(ContentEncoding::Gzip);
        }
        response.body(file.bytes)
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
        operation.answers(StatusCode::OK, tagged(Answered::text(["text/*"])));
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
        for Stored { name, .. } in &*FILES {
            assert!(loaded.contains(name), "{name}");
        }
        assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));
    }
}
