//! `/auth`.

use std::time::Duration;

use actix_web::{rt::time::sleep, web::Data};
use domain::identity::{AccountError, AuthError, Device, PasswordHasherError, SessionError};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Gone, Secret, Shown},
    app::App,
    dto::{
        Credentials, PasswordReset, PublicKeys, RefreshRequest, Token,
        tokens::{read_refresh, read_reset},
    },
    extract::{Authenticated, Body, CallsItself, From},
    metrics,
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "identity",
    about: "Who one is, and how to prove it.",
    endpoints: &[
        endpoint!(POST "/auth/login", Access::Public, login, About {
            id: "logIn",
            summary: "Log in",
            description: "Begins a session: an access token proves who calls, and a refresh token gets \
                          the next ones. Whoever fails again and again is slowed down.",
            problems: &[Code::WrongCredentials, Code::AccountDisabled, Code::TooManyAttempts],
        }),
        endpoint!(POST "/auth/refresh", Access::Public, refresh, About {
            id: "refresh",
            summary: "Go on with a session",
            description: "Exchanges a refresh token for the next tokens of its session. Each refresh \
                          token is good once: a client that lost the answer gets it again for ten \
                          seconds, and after that the session of a token that is used twice ends.",
            problems: &[Code::RefreshTokenInvalid],
        }),
        endpoint!(POST "/auth/logout", Access::LoggedIn, log_out, About {
            id: "logOut",
            summary: "Log out",
            description: "Ends the session. Its tokens are good no more, within two seconds at every \
                          replica.",
            problems: &[Code::NotFound],
        }),
        endpoint!(POST "/auth/logout-all", Access::LoggedIn, log_out_everywhere, About {
            id: "logOutEverywhere",
            summary: "Log out everywhere",
            description: "Ends all sessions of the account, this one too.",
            problems: &[],
        }),
        endpoint!(POST "/auth/password-reset", Access::Public, reset, About {
            id: "resetPassword",
            summary: "Set a lost password",
            description: "Sets the password of an account with a token that an administrator got for \
                          it, and ends its sessions. A token is good once.",
            problems: &[Code::ResetTokenInvalid],
        }),
        endpoint!(GET "/.well-known/jwks.json", Access::Public, public_keys, About {
            id: "listPublicKeys",
            summary: "The keys of tokens",
            description: "The public keys by which others can check tokens (RFC 7517): a token names \
                          its key (`kid`). There are none while a secret signs them.",
            problems: &[],
        }),
    ],
};

async fn login(
    app: Data<App>,
    From(origin): From,
    CallsItself(user_agent): CallsItself,
    Body(credentials): Body<Credentials>,
) -> Result<Secret<Token>, Problem> {
    let Credentials { email, password } = credentials;
    let device = Device {
        address: origin.address,
        user_agent,
    };
    let auth = &app.identity.auth;
    let login = auth.login(&email, password, device, origin).await;
    metrics::count_login(login.as_ref().map(|_| ()));
    if let Err(error) = &login {
        hold_back(error).await;
    }
    Ok(Secret(login?.into()))
}

async fn refresh(
    app: Data<App>,
    Body(request): Body<RefreshRequest>,
) -> Result<Secret<Token>, Problem> {
    let token = read_refresh(&request.refresh_token);
    let token = token.ok_or(SessionError::InvalidToken)?;
    let refreshed = app.identity.sessions.refresh(&token).await;
    if let Err(SessionError::TokenReused) = &refreshed {
        let session = token.session_id();
        tracing::warn!(%session, "a refresh token was used twice: its session has ended");
    }
    Ok(Secret(refreshed?.into()))
}

async fn log_out(app: Data<App>, Authenticated(caller): Authenticated) -> Result<Gone, Problem> {
    app.identity.sessions.log_out(&caller).await?;
    Ok(Gone)
}

async fn log_out_everywhere(
    app: Data<App>,
    Authenticated(caller): Authenticated,
) -> Result<Gone, Problem> {
    app.identity.sessions.end_all(&caller).await?;
    Ok(Gone)
}

async fn reset(
    app: Data<App>,
    From(origin): From,
    Body(reset): Body<PasswordReset>,
) -> Result<Gone, Problem> {
    let token = read_reset(&reset.token).ok_or(AccountError::InvalidToken)?;
    let accounts = &app.identity.accounts;
    accounts
        .redeem_reset(&token, reset.new_password, origin)
        .await?;
    Ok(Gone)
}

async fn public_keys(app: Data<App>) -> Shown<PublicKeys> {
    Shown(app.public_keys.iter().collect())
}

/// How long the refusal of a client that guesses too fast is delayed.
const HELD_BACK: Duration = Duration::from_secs(1);

/// Delays a refusal that cost us nothing (a tarpit). Otherwise a client that asks again at once
/// would take the processors from those whose passwords are checked.
pub(super) async fn hold_back(error: &AuthError) {
    if let AuthError::TooManyAttempts { .. } | AuthError::Passwords(PasswordHasherError::Busy) =
        error
    {
        sleep(HELD_BACK).await;
    }
}
