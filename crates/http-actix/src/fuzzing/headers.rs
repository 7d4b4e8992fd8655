//! Headers.

use std::net::IpAddr;

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, EntityTag, HeaderMap, HeaderName, HeaderValue},
    test::TestRequest,
};
use domain::{
    identity::ClientAddress,
    stock::StockLevel,
    values::{Expected, Freshness, UserAgent, Version},
};
use futures_util::FutureExt as _;
use opentelemetry::trace::TraceContextExt as _;

use crate::{
    access::bearer,
    bulk::Format,
    cors::Origins,
    dto::tokens::read_api_key,
    edge::given_id,
    extract::{Accepted, CallsItself, Known, MaybeKey, MaybeMatch},
    positions::Seen,
    problem::Problem,
    proxies::TrustedProxies,
    traces::parent,
};

/// A request with this header on each line, as a connection would let it through.
fn request(name: &HeaderName, bytes: &[u8]) -> Option<HttpRequest> {
    let mut request = TestRequest::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let value = HeaderValue::from_bytes(line.trim_ascii()).ok()?;
        request = request.append_header((name.clone(), value));
    }
    Some(request.to_http_request())
}

fn extract<T: FromRequest<Error = Problem>>(request: &HttpRequest) -> Result<T, Problem> {
    T::from_request(request, &mut Payload::None)
        .now_or_never()
        .unwrap()
}

/// Of one header in the scheme `Bearer` the token is what comes after it, and no other header has any.
pub fn authorization(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line.trim_ascii()) else {
            return;
        };
        headers.append(header::AUTHORIZATION, value);
    }
    let Ok(read) = bearer(&headers) else {
        return;
    };
    assert_eq!(headers.len_keys(), 1);
    assert_eq!(headers.len(), 1, "one of two was believed");
    let token = read.unwrap();
    let text = headers
        .get(header::AUTHORIZATION)
        .unwrap()
        .to_str()
        .unwrap();
    let scheme = text.strip_suffix(token).unwrap();
    assert!(scheme.trim().eq_ignore_ascii_case("bearer"), "{text}");
    // An API key is no JSON Web Token, whose parts are joined by dots.
    assert!(read_api_key(token).is_none() || !token.contains('.'));
}

/// `If-Match` takes what the document says, and names no version that is not written in it. Whatever is
/// in `If-None-Match`, the answer is whole unless its tag is there.
pub fn conditions(bytes: &[u8]) {
    if let Some(request) = request(&header::IF_MATCH, bytes) {
        let text = request
            .headers()
            .get(header::IF_MATCH)
            .unwrap()
            .to_str()
            .ok();
        let read = extract::<MaybeMatch<Version>>(&request).map(|read| read.0);
        let levels = extract::<MaybeMatch<StockLevel>>(&request);
        assert_eq!(read.is_ok(), levels.is_ok());
        let is_documented = text.is_some_and(is_list_of_tags);
        assert!(read.is_ok() || !is_documented, "{text:?}");
        if let (Ok(Expected::OneOf(versions)), Some(text)) = (read, text) {
            for version in versions {
                let number = version.number().to_string();
                assert!(text.contains(&number), "{text} does not name {number}");
            }
        }
    }
    if let Some(request) = request(&header::IF_NONE_MATCH, bytes) {
        let known = extract::<Known>(&request).unwrap();
        let tag = EntityTag::new_strong("1".to_owned());
        let holds = known.holds(&tag);
        let mut sent = request.headers().get_all(header::IF_NONE_MATCH);
        let is_named = |value: &HeaderValue| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.contains("\"1\"") || text.contains('*')
        };
        assert!(!holds || sent.any(is_named), "304 is answered to {bytes:?}");
    }
}

/// Whether a text matches the pattern that the document has for `If-Match`.
fn is_list_of_tags(text: &str) -> bool {
    let is_tag = |tag: &str| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let inside = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        inside.is_some_and(|text| {
            let mut bytes = text.bytes();
            bytes.all(|byte| matches!(byte, b'!' | b'#'..=b'+' | b'-'..=b'~'))
        })
    };
    // Between two of them: a comma, and a blank on each side of it or none.
    let mut before = None;
    let mut rest = Some(text);
    while let Some(tags) = rest {
        let (tag, after) = tags
            .split_once(',')
            .map_or((tags, None), |(tag, rest)| (tag, Some(rest)));
        let tag = before.map_or(tag, |blank| tag.strip_prefix(blank).unwrap_or(tag));
        let tag = after.map_or(tag, |_| tag.strip_suffix(' ').unwrap_or(tag));
        if !is_tag(tag) {
            return text == "*";
        }
        (before, rest) = (Some(' '), after);
    }
    true
}

/// A key is taken when it matches the document's pattern, and only then; it is what was sent, without
/// the quotes around it.
pub fn idempotency_keys(bytes: &[u8]) {
    let name = HeaderName::from_static("idempotency-key");
    let Some(request) = request(&name, bytes) else {
        return;
    };
    let mut sent = request.headers().get_all(&name).map(HeaderValue::as_bytes);
    let (first, second) = (sent.next().unwrap(), sent.next());
    let is_documented = second.is_none() && first.iter().all(u8::is_ascii_graphic) && {
        let length = first.len();
        match (first.first() == Some(&b'"'), first.last() == Some(&b'"')) {
            (false, _) => (1..=255).contains(&length),
            (true, false) => (2..=255).contains(&length),
            (true, true) => length == 1 || (3..=257).contains(&length),
        }
    };
    let key = extract::<MaybeKey>(&request);
    assert_eq!(key.is_ok(), is_documented, "{first:?}");
    if let Ok(MaybeKey(key)) = key {
        let key = key.unwrap();
        let (key, quoted) = (key.as_str(), format!("\"{}\"", key.as_str()));
        assert!([key.as_bytes(), quoted.as_bytes()].contains(&first));
    }
}

/// A format is answered only to who wants it.
pub fn accept(bytes: &[u8]) {
    let Some(request) = request(&header::ACCEPT, bytes) else {
        return;
    };
    let Ok(Accepted(format)) = extract::<Accepted>(&request) else {
        return;
    };
    let wanted = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let range = match format {
        Format::Csv => "text/*",
        Format::Ndjson => "application/*",
    };
    let is_wanted = [format.media_type(), range, "*"];
    assert!(
        is_wanted.iter().any(|range| wanted.contains(range)),
        "{wanted}"
    );
}

/// What a client calls itself can be shown.
pub fn user_agents(bytes: &[u8]) {
    let Some(request) = request(&header::USER_AGENT, bytes) else {
        return;
    };
    let Ok(CallsItself(Some(name))) = extract::<CallsItself>(&request) else {
        return;
    };
    let name = name.as_str();
    assert!(name.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    assert!(name.len() <= UserAgent::MAX_CHARACTERS && !name.trim().is_empty());
}

/// An id is the caller's, whole, when it can be written anywhere, and else none.
pub fn request_ids(bytes: &[u8]) {
    let name = HeaderName::from_static("x-request-id");
    let Some(request) = request(&name, bytes) else {
        return;
    };
    let sent = request.headers().get(&name).unwrap().as_bytes();
    let is_documented = (1..=128).contains(&sent.len())
        && sent
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    let given = given_id(request.headers());
    assert_eq!(given.map(str::as_bytes), is_documented.then_some(sent));
}

/// Positions are read as they are documented, and the farthest of those that were sent counts.
pub fn positions(bytes: &[u8]) {
    let name = HeaderName::from_static("balcao-position");
    let Some(request) = request(&name, bytes) else {
        return;
    };
    let number = |digits: &str| {
        let is_number = (1..=8).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number.then(|| u32::from_str_radix(digits, 16).unwrap())
    };
    let position = |sent: &HeaderValue| {
        let (high, low) = sent.to_str().ok()?.split_once('/')?;
        Some((number(high)?, number(low)?))
    };
    let sent = request.headers().get_all(&name).map(position);
    let farthest = sent.collect::<Option<Vec<_>>>();
    let farthest = farthest.and_then(|sent| sent.into_iter().max());
    let read = match extract::<Seen>(&request) {
        Ok(Seen(Freshness::Recent(Some(position)))) => Some(position.to_string()),
        Ok(Seen(other)) => panic!("{other:?}"),
        Err(_) => None,
    };
    assert_eq!(
        read,
        farthest.map(|(high, low)| format!("{high:X}/{low:X}"))
    );
}

/// A trace is continued that is written in the header, and no other (W3C Trace Context, 3.2).
pub fn traceparents(bytes: &[u8]) {
    let name = HeaderName::from_static("traceparent");
    let Some(request) = request(&name, bytes) else {
        return;
    };
    let parent = parent(request.headers());
    let sent = request.headers().get(&name).unwrap().to_str();
    let Some(parent) = parent else { return };
    let (parent, sent) = (parent.span().span_context().clone(), sent.unwrap());
    if parent.is_valid() {
        let mut parts = sent.trim().split('-').map(str::to_owned);
        assert_ne!(parts.next().unwrap(), "ff", "no version is called that");
        assert_eq!(parts.next(), Some(parent.trace_id().to_string()), "{sent}");
        assert_eq!(parts.next(), Some(parent.span_id().to_string()), "{sent}");
    }
}

/// The first line is the setting, the second the peer, each further one a header. A client is the peer or
/// named in a header; all between it and us are trusted; and what somebody writes before an address
/// that is not trusted changes nothing.
pub fn forwarded(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let mut lines = text.split('\n');
    let trusted = lines
        .next()
        .and_then(|line| line.parse::<TrustedProxies>().ok());
    let peer = lines.next().and_then(|line| line.parse::<IpAddr>().ok());
    let (Some(trusted), Some(peer)) = (trusted, peer) else {
        return;
    };
    let headers = lines
        .map(HeaderValue::from_str)
        .collect::<Result<Vec<_>, _>>();
    let Ok(headers) = headers else {
        return;
    };
    // From us outwards, as far as they are addresses.
    let hops = headers
        .iter()
        .rev()
        .flat_map(|header| header.to_str().unwrap_or("").rsplit(','));
    let hops = hops.map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    let way: Vec<_> = std::iter::once(peer).chain(hops).collect();
    let stranger = way.iter().position(|address| !trusted.trusts(*address));
    let client = stranger
        .and_then(|place| way.get(place))
        .or(way.last())
        .unwrap();
    let told = trusted.client(peer, headers.iter());
    assert_eq!(told, ClientAddress::new(*client));
    if stranger.is_some() {
        let lie = HeaderValue::from_static("203.0.113.9");
        let lied = std::iter::once(&lie).chain(&headers).collect::<Vec<_>>();
        assert_eq!(trusted.client(peer, lied.into_iter()), told);
    }
}

/// An origin is what a browser sends: ASCII without a path, and read again the same.
pub fn origins(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(origins) = text.parse::<Origins>() else {
        return;
    };
    let sent = text
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    for origin in sent {
        assert!(origin.is_ascii() && HeaderValue::from_str(origin).is_ok());
        let rest = origin.split_once("://").unwrap().1;
        assert!(!rest.contains(['/', '?', '#', '@', '*']), "{origin}");
        assert!(!rest.contains(char::is_uppercase), "{origin}");
    }
    drop(origins.middleware());
}
