//! `/auth`.

use std::time::Duration;

use actix_web::{HttpResponse, rt::time::sleep, web::Data};
use domain::identity::{AuthError, PasswordHasherError};

use crate::{
    app::App,
    dto::{Credentials, TokenBody},
    extract::{Body, From},
    problem::Problem,
};

pub(super) async fn login(
    app: Data<App>,
    From(address): From,
    Body(credentials): Body<Credentials>,
) -> Result<HttpResponse, Problem> {
    let Credentials { email, password } = credentials;
    let login = app.auth.login(&email, password, address).await;
    if let Err(error) = &login {
        hold_back(error).await;
    }
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(TokenBody::from(login?)))
}

/// How long whoever guesses too fast waits for being told so.
const HELD_BACK: Duration = Duration::from_secs(1);

/// Holds back a refusal that cost us nothing (a tarpit): who asks again at once would otherwise
/// take the processors from those whose passwords are checked.
async fn hold_back(error: &AuthError) {
    if let AuthError::TooManyAttempts { .. } | AuthError::Passwords(PasswordHasherError::Busy) =
        error
    {
        sleep(HELD_BACK).await;
    }
}
