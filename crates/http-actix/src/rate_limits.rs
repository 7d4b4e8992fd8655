//! Which requests count against which rate limit, and how callers are told.
//!
//! The headers are those of the IETF's draft ("`RateLimit` header fields for HTTP",
//! draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy: "customer";q=1200;w=60` is the limit and
//! its window in seconds, `RateLimit: "customer";r=1199;t=42` what remains of it and the seconds until
//! there is more.

use std::{num::NonZeroU16, sync::Arc};

use actix_web::{
    HttpRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use domain::{
    identity::{Caller, Principal},
    rate_limits::{Exceeded, Quota, RateLimit, RateLimiter, WINDOW},
};
use time::Duration;

use crate::{access::Access, extract::origin, settings::RateLimitSettings};

pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("ratelimit");

/// The headers, and what the document says of them.
pub(crate) const HEADERS: [(HeaderName, &str); 2] = [
    (
        POLICY,
        "The limit that the request counts against: its name, how many requests (q), and in how many \
         seconds (w).",
    ),
    (
        REMAINING,
        "How many more requests may be sent at this moment (r), and the seconds until there are more (t).",
    ),
];

/// What a request counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Nothing: probes and documentation.
    Free,
    /// A request like any other.
    General,
    /// One that asks for a password or a token to be looked at.
    Credentials,
    /// One that signs up, if it is anonymous.
    SignUp,
}

/// The paths of probes and documentation.
const FREE: [&str; 6] = [
    "/livez",
    "/readyz",
    "/docs",
    "/docs/{name}",
    "/openapi.json",
    "/.well-known/jwks.json",
];

impl Usage {
    /// What requests to this path count as.
    pub(crate) fn of(path: &str, access: Access) -> Self {
        if FREE.contains(&path) {
            Self::Free
        } else if path.starts_with("/auth/") {
            Self::Credentials
        } else if let Access::AnonymousOr(_) = access {
            Self::SignUp
        } else {
            Self::General
        }
    }
}

/// The rate limits of this replica.
pub(crate) struct RateLimits {
    limiter: Arc<RateLimiter>,
    most: RateLimitSettings,
}

impl RateLimits {
    pub(crate) fn new(limiter: RateLimiter, most: RateLimitSettings) -> Self {
        let limiter = Arc::new(limiter);
        Self { limiter, most }
    }

    /// What counts, for the task that shares it.
    pub(crate) fn limiter(&self) -> Arc<RateLimiter> {
        Arc::clone(&self.limiter)
    }

    /// Whether a key of which nothing is known may be looked up: whoever makes keys up has few of them looked up.
    ///
    /// # Errors
    ///
    /// When too many from this address were none.
    pub(crate) fn check_guesses(&self, request: &HttpRequest) -> Result<(), Exceeded> {
        let Ok(origin) = origin(request) else {
            return Ok(());
        };
        let address = origin.address.to_string();
        self.limiter.check(self.of_guesses(), address.as_bytes())
    }

    /// Counts a key that was looked up and is none.
    pub(crate) fn count_guess(&self, request: &HttpRequest) {
        if let Ok(origin) = origin(request) {
            let address = origin.address.to_string();
            // Whatever remains is for the next one to find out.
            let _ = self.limiter.spend(self.of_guesses(), address.as_bytes());
        }
    }

    fn of_guesses(&self) -> RateLimit {
        of("keys", self.most.auth)
    }

    /// Counts a request: one with a token against its account, any other against its address.
    ///
    /// # Errors
    ///
    /// When its limit is exceeded.
    pub(crate) fn spend(
        &self,
        usage: Usage,
        request: &HttpRequest,
        caller: Option<&Caller>,
    ) -> Result<Option<Quota>, Exceeded> {
        let limit = match (usage, caller.map(|caller| caller.principal)) {
            (Usage::Free, _) => return Ok(None),
            (Usage::Credentials, _) | (Usage::SignUp, None) => of("auth", self.most.auth),
            (Usage::General, None) => of("address", self.most.address),
            (_, Some(Principal::Customer(_))) => of("customer", self.most.customer),
            (_, Some(Principal::Staff | Principal::Admin)) => of("staff", self.most.staff),
        };
        let spent = match caller {
            Some(caller) if usage != Usage::Credentials => {
                let account = caller.account_id.as_uuid();
                self.limiter.spend(limit, account.as_bytes())
            }
            _ => {
                // No connection is served whose peer has no address.
                let Ok(origin) = origin(request) else {
                    return Ok(None);
                };
                let address = origin.address.to_string();
                self.limiter.spend(limit, address.as_bytes())
            }
        };
        spent.map(Some)
    }
}

const fn of(name: &'static str, requests: u32) -> RateLimit {
    RateLimit { name, requests }
}

/// Tells what a caller may still send.
pub(crate) fn tell(headers: &mut HeaderMap, quota: &Quota) {
    let RateLimit { name, requests } = quota.limit;
    let policy = format!("\"{name}\";q={requests};w={}", WINDOW.whole_seconds());
    let seconds = whole_seconds(quota.resets_in);
    let remaining = format!("\"{name}\";r={};t={seconds}", quota.remaining);
    for (header, value) in [(POLICY, policy), (REMAINING, remaining)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header, value);
        }
    }
}

/// The seconds after which this much time has passed.
fn whole_seconds(duration: Duration) -> i64 {
    duration.whole_seconds() + i64::from(duration.subsec_nanoseconds() > 0)
}

/// A wait in whole seconds, as `Retry-After` has it.
pub(crate) fn retry_after(wait: Duration) -> Option<NonZeroU16> {
    u16::try_from(whole_seconds(wait))
        .ok()
        .and_then(NonZeroU16::new)
}
