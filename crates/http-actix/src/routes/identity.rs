//! `/auth`.

use std::time::Duration;

use actix_web::{rt::time::sleep, web::Data};
use domain::identity::{AuthError, PasswordHasherError};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Secret, Shown},
    app::App,
    dto::{Credentials, PublicKeys, Token},
    extract::{Body, From},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "identity",
    about: "Who one is, and how to prove it.",
    endpoints: &[
        endpoint!(POST "/auth/login", Access::Public, login, About {
            id: "logIn",
            summary: "Log in",
            description: "Exchanges an address and a password for a token. Whoever fails again and \
                          again is slowed down.",
            problems: &[Code::WrongCredentials, Code::TooManyAttempts],
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
    From(address): From,
    Body(credentials): Body<Credentials>,
) -> Result<Secret<Token>, Problem> {
    let Credentials { email, password } = credentials;
    let login = app.auth.login(&email, password, address).await;
    if let Err(error) = &login {
        hold_back(error).await;
    }
    Ok(Secret(login?.into()))
}

async fn public_keys(app: Data<App>) -> Shown<PublicKeys> {
    Shown(app.public_keys.iter().collect())
}

/// How long the refusal of a client that guesses too fast is delayed.
const HELD_BACK: Duration = Duration::from_secs(1);

/// Delays a refusal that cost us nothing (a tarpit). Otherwise a client that asks again at once
/// would take the processors from those whose passwords are checked.
async fn hold_back(error: &AuthError) {
    if let AuthError::TooManyAttempts { .. } | AuthError::Passwords(PasswordHasherError::Busy) =
        error
    {
        sleep(HELD_BACK).await;
    }
}
