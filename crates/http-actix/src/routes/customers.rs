//! `/customers`.

use actix_web::{HttpResponse, web::Data};
use domain::customers::{CustomerId, Registration};

use super::{created, to_the_end, unless_known};
use crate::{
    app::App,
    dto::CustomerBody,
    extract::{Authenticated, Body, From, Known, MaybeAuthenticated, PathId},
    problem::Problem,
};

pub(super) async fn register(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    From(address): From,
    Body(registration): Body<Registration>,
) -> Result<HttpResponse, Problem> {
    let register = async move {
        Ok(app
            .shop
            .customers
            .register(caller.as_ref(), registration, address)
            .await?)
    };
    let customer = to_the_end(register).await?;
    let location = format!("/customers/{}", customer.id);
    Ok(created(location, CustomerBody::from(&*customer)))
}

pub(super) async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CustomerId>,
    known: Known,
) -> Result<HttpResponse, Problem> {
    let customer = app.shop.customers.get(&caller, id).await?;
    let version = customer.version.number();
    Ok(unless_known(
        &known,
        version,
        CustomerBody::from(&*customer),
    ))
}
