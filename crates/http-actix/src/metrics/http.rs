//! What is counted of every request.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use actix_web::http::{Method, StatusCode};
use domain::identity::AuthError;
use metrics::{Counter, Histogram, counter, histogram};

use super::names::{HTTP_REQUESTS, HTTP_SECONDS, LOGINS, PROBLEMS};
use crate::problem::Code;

/// One kind of answer: a method, a route and a status. All of them are ours to name: no caller makes up
/// new ones.
type Kind = (&'static str, &'static str, u16);

thread_local! {
    /// Found at once, without the lock of all threads.
    static SERIES: RefCell<HashMap<Kind, (Counter, Histogram)>> = RefCell::default();
}

/// Counts an answer, and how long it took; of a problem, its code.
pub(crate) fn count(
    method: &Method,
    route: &'static str,
    status: StatusCode,
    duration: Duration,
    problem: Option<&'static str>,
) {
    let (method, status) = (name(method), status.as_u16());
    SERIES.with_borrow_mut(|series| {
        let (requests, seconds) = series.entry((method, route, status)).or_insert_with(|| {
            let requests = counter!(
                HTTP_REQUESTS, "method" => method, "route" => route, "status" => status.to_string()
            );
            (
                requests,
                histogram!(HTTP_SECONDS, "method" => method, "route" => route),
            )
        });
        requests.increment(1);
        seconds.record(duration);
    });
    if let Some(code) = problem {
        counter!(PROBLEMS, "code" => code).increment(1);
    }
}

/// Counts a login, by what became of it.
pub(crate) fn count_login(login: Result<(), &AuthError>) {
    let result = match login {
        Ok(()) => "ok",
        Err(AuthError::WrongCredentials) => "wrong",
        Err(AuthError::Disabled) => "disabled",
        Err(AuthError::TooManyAttempts { .. }) => "slowed_down",
        Err(AuthError::Passwords(_) | AuthError::Session(_) | AuthError::Storage(_)) => "failed",
    };
    counter!(LOGINS, "result" => result).increment(1);
}

/// Begins at zero what is worth an alert when it happens for the first time: of a counter that begins at
/// one, nobody sees that it grew.
pub(super) fn register() {
    for code in Code::ALL {
        let _ = counter!(PROBLEMS, "code" => code.as_str());
    }
    for result in ["ok", "wrong", "disabled", "slowed_down", "failed"] {
        let _ = counter!(LOGINS, "result" => result);
    }
    for status in ["500", "503"] {
        let _ =
            counter!(HTTP_REQUESTS, "method" => "POST", "route" => "/orders", "status" => status);
    }
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
