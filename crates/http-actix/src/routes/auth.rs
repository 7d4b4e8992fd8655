//! `/auth`.

use actix_web::{HttpResponse, web::Data};

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
    let token = app.auth.login(&email, password, address).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(TokenBody::from(token)))
}
