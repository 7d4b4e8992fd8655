//! Which pages of other origins may call the API from a browser (the Fetch standard, "CORS
//! protocol"). None, unless they are named.

use std::str::FromStr;

use actix_cors::Cors;
use url::{Host, Url};

/// The origins of pages that may call the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

/// How long a browser remembers what it may send, in seconds: as long as any of them does.
const MAX_AGE: usize = 7_200;

/// What scripts may read of an answer besides its body.
const EXPOSED: [&str; 11] = [
    "balcao-position",
    "content-disposition",
    "etag",
    "idempotency-replayed",
    "link",
    "location",
    "retry-after",
    "www-authenticate",
    "ratelimit",
    "ratelimit-policy",
    "x-request-id",
];

impl FromStr for Origins {
    type Err = String;

    /// Parses origins, separated by commas: `https://shop.example,http://localhost:3000`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| {
                origin(text).ok_or_else(|| {
                    format!("{text:?} is no origin such as https://shop.example, without a path")
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// An origin as browsers write it.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    let is_web = matches!(url.scheme(), "http" | "https");
    // No browser has such a host: whoever writes one hopes for a pattern, and there are none.
    let is_named = !matches!(url.host()?, Host::Domain(name) if name.contains('*'));
    (is_web && is_named && origin == text).then_some(origin)
}

impl Origins {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middleware that tells browsers. Callers prove themselves by a header, never by a cookie:
    /// no credentials are asked for.
    pub(crate) fn middleware(&self) -> Cors {
        let cors = Cors::default()
            .allow_any_method()
            .allow_any_header()
            .expose_headers(EXPOSED)
            .max_age(MAX_AGE);
        self.0
            .iter()
            .fold(cors, |cors, origin| cors.allowed_origin(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let origins = "https://shop.example, http://localhost:3000".parse::<Origins>();
        assert_eq!(
            origins.unwrap().0,
            ["https://shop.example", "http://localhost:3000"]
        );
        assert_eq!("".parse::<Origins>().unwrap(), Origins::default());
    }

    #[test]
    fn what_no_browser_sends_as_an_origin_is_refused() {
        for text in [
            "*",
            "shop.example",
            "https://*",
            "https://*.shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "https://shop.example:443",
            "ftp://shop.example",
            "null",
        ] {
            assert!(text.parse::<Origins>().is_err(), "{text}");
        }
    }
}
