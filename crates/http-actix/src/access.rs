//! Who may call a route. An endpoint cannot be declared without its rule.

use actix_web::{
    HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap},
    middleware::Next,
    web::Data,
};
use domain::{
    identity::{AuthenticationError, Caller, Permission, Role},
    rate_limits::Quota,
};

use crate::{
    app::App,
    dto::tokens::read_api_key,
    extract::origin,
    problem::{Code, Problem},
    rate_limits::{self, Usage},
};

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every caller. A token is ignored.
    Public,
    /// Every caller. One with a token that is valid and has this permission may see more; any other is
    /// like one without a token.
    Open(Permission),
    /// Callers without a token, and callers with this permission.
    AnonymousOr(Permission),
    /// Callers with this permission.
    Only(Permission),
    /// Callers with a token or a key.
    Authenticated,
    /// Callers who have logged in.
    LoggedIn,
}

impl Access {
    /// Whether a caller without a token may call.
    #[must_use]
    pub const fn admits_anonymous(self) -> bool {
        matches!(self, Self::Public | Self::Open(_) | Self::AnonymousOr(_))
    }

    /// Whether a caller with this role may call.
    #[must_use]
    pub const fn admits(self, role: Role) -> bool {
        match self {
            Self::Public | Self::Open(_) | Self::Authenticated | Self::LoggedIn => true,
            Self::AnonymousOr(permission) | Self::Only(permission) => {
                role.permissions().contain(permission)
            }
        }
    }

    /// Refuses this caller, or a caller without a token, if the rule does not admit it.
    fn check(self, caller: Option<&Caller>) -> Result<(), Problem> {
        match (self, caller) {
            (Self::Public | Self::Open(_), _)
            | (Self::AnonymousOr(_), None)
            | (Self::Authenticated, Some(_)) => Ok(()),
            (Self::Only(_) | Self::Authenticated | Self::LoggedIn, None) => {
                Err(Problem::new(Code::TokenMissing))
            }
            (Self::LoggedIn, Some(caller)) => {
                caller.must_be_logged_in()?;
                Ok(())
            }
            (Self::AnonymousOr(permission) | Self::Only(permission), Some(caller)) => {
                Ok(caller.must_have(permission)?)
            }
        }
    }
}

/// Identifies the caller. An invalid token is refused even where none is needed: its sender
/// believes that it is logged in, and is not.
async fn identify(request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let Some(token) = bearer(request.headers())? else {
        return Ok(None);
    };
    let app = request
        .app_data::<Data<App>>()
        .ok_or_else(|| Problem::internal("the app is not there"))?;
    let authentication = &app.authentication;
    let caller = match read_api_key(token) {
        Some(key) => {
            let limits = app.rate_limits.as_ref();
            let limits = limits.filter(|_| !authentication.knows_key(&key));
            if let Some(limits) = limits {
                limits.check_guesses(request.request())?;
            }
            let authenticated = authentication.authenticate_key(&key).await;
            if let (Some(limits), Err(AuthenticationError::Refused(_))) = (limits, &authenticated) {
                limits.count_guess(request.request());
            }
            authenticated?
        }
        None => authentication.authenticate(token).await?,
    };
    Ok(Some(Caller {
        origin: Some(origin(request.request())?),
        ..caller
    }))
}

/// The token of a request, if it has a header for it (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut headers = headers.get_all(header::AUTHORIZATION);
    let header = match (headers.next(), headers.next()) {
        (None, _) => return Ok(None),
        (Some(header), None) => header,
        // Another reader could take the other one.
        (Some(_), Some(_)) => return Err(Problem::new(Code::TokenInvalid)),
    };
    let token = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    token.map(Some).ok_or(Problem::new(Code::TokenInvalid))
}

/// The middleware in front of a handler: it counts the request, checks the rule and passes the caller on.
pub(crate) async fn guard<B: MessageBody + 'static>(
    access: Access,
    usage: Usage,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let (quota, admitted) = admit(access, usage, &request).await;
    let mut response = match admitted {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) => request.error_response(problem),
    };
    if let Some(quota) = quota {
        rate_limits::tell(response.headers_mut(), &quota);
    }
    Ok(response)
}

/// Counts the request, and lets it in or not; with what its caller may still send.
async fn admit(
    access: Access,
    usage: Usage,
    request: &ServiceRequest,
) -> (Option<Quota>, Result<(), Problem>) {
    let identified = match access {
        Access::Public => Ok(None),
        _ => identify(request).await,
    };
    let caller = identified.as_ref().ok().and_then(Option::as_ref);
    let app = request.app_data::<Data<App>>();
    let limits = app.and_then(|app| app.rate_limits.as_ref());
    let spent = limits.map_or(Ok(None), |limits| {
        limits.spend(usage, request.request(), caller)
    });
    match spent {
        Ok(quota) => (quota, enter(access, identified, request)),
        Err(exceeded) => (Some(exceeded.quota), Err(exceeded.into())),
    }
}

fn enter(
    access: Access,
    identified: Result<Option<Caller>, Problem>,
    request: &ServiceRequest,
) -> Result<(), Problem> {
    let caller = match access {
        Access::Open(permission) => {
            let caller = identified.ok().flatten();
            caller.filter(|caller| caller.may(permission))
        }
        _ => identified?,
    };
    access.check(caller.as_ref())?;
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(())
}
