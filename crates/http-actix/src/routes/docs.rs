//! `/docs`: one page, written from the tables that the server itself is built from.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use domain::identity::Role;

use super::ENDPOINTS;
use crate::{bodies, problem::Code};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;\
    padding:.3rem .6rem;text-align:left;vertical-align:top}tr:target{background:#ffd}\
    code{white-space:nowrap}";

/// The endpoints with who may call them, and every problem with what to do about it.
pub(super) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(html())
}

fn html() -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Balcão</title>\
         <style>{STYLE}</style><h1>Balcão</h1>\
         <p>JSON in UTF-8. Money is a string with two places, instants are RFC 3339 in UTC, \
         bodies have {} KiB at most.</p>\
         <h2>Endpoints</h2><table><tr><th>call<th>what<th>anonymous<th>customer<th>staff<th>admin",
        bodies::MAX_BYTES / 1_024
    );
    let mark = |admitted| if admitted { "✓" } else { "–" };
    for endpoint in ENDPOINTS {
        let roles = [Role::Customer, Role::Staff, Role::Admin];
        let [customer, staff, admin] = roles.map(|role| mark(endpoint.access.admits(role)));
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<tr><td><code>{} {}</code><td>{}<td>{}<td>{customer}<td>{staff}<td>{admin}",
            endpoint.method,
            endpoint.path,
            endpoint.summary,
            mark(endpoint.access.admits_anonymous()),
        );
    }
    html.push_str(
        "</table><h2>Problems</h2><p>Every error is an <code>application/problem+json</code> \
         document (RFC 9457), <a href=#no-document>but for these</a>. Its <code>code</code> is one \
         of these.</p>\
         <table><tr><th>status<th>code<th>title<th>what the caller does<th>what the operator does",
    );
    for code in Code::ALL {
        let _ = write!(
            html,
            "<tr id={0}><td>{1}<td><code>{0}</code><td>{2}<td>{3}<td>{4}",
            code.as_str(),
            code.status().as_u16(),
            code.title(),
            code.remedy(),
            code.operators_remedy(),
        );
    }
    html.push_str("</table>");
    html.push_str(REFUSED_WITHOUT_A_DOCUMENT);
    html
}

/// The framework sends these by itself, and lets nobody say more.
const REFUSED_WITHOUT_A_DOCUMENT: &str = "<h2 id=no-document>Refused without a document</h2>\
    <p>What cannot be read as an HTTP request is refused before the API sees it: the answer has a \
    status and no body, and the connection is closed.</p>\
    <table><tr><th>status<th>when\
    <tr><td>400<td>the request line, a header or the path is malformed: a <code>Content-Length</code> \
    that is no number or is given twice, a <code>Content-Length</code> beside a \
    <code>Transfer-Encoding</code>, a character such as <code>&lt;</code> in the path, a path of \
    more than 64 KiB, a version of HTTP that is none, no <code>Host</code>\
    <tr><td>408<td>the head of the first request does not arrive in time (a later one: the \
    connection is closed)\
    <tr><td>431<td>the head has more than 128 KiB or more than 96 headers</table>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_where_its_type_points_to() {
        let html = html();
        for code in Code::ALL {
            assert!(html.contains(&format!("<tr id={}>", code.as_str())));
        }
    }

    #[test]
    fn what_has_no_document_is_said() {
        let html = html();
        for status in ["400", "408", "431"] {
            assert!(REFUSED_WITHOUT_A_DOCUMENT.contains(&format!("<td>{status}<td>")));
        }
        assert!(html.contains("id=no-document"));
    }

    #[test]
    fn every_endpoint_is_on_the_page() {
        let html = html();
        for endpoint in ENDPOINTS {
            assert!(html.contains(&format!("{} {}<", endpoint.method, endpoint.path)));
        }
    }
}
