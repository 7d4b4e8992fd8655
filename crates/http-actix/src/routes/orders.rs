//! `/orders`.

use actix_web::{HttpResponse, web::Data};
use domain::{OrderId, services::OrderRequest};

use super::{created, to_the_end};
use crate::{
    app::App,
    dto::{NewStatus, OrderBody},
    extract::{Authenticated, Body, PathId},
    problem::Problem,
};

pub(super) async fn place(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Body(request): Body<OrderRequest>,
) -> Result<HttpResponse, Problem> {
    let place = async move { Ok(app.orders.place(&caller, request).await?) };
    let order = to_the_end(place).await?;
    let location = format!("/orders/{}", order.id);
    Ok(created(location, OrderBody::from(&*order)))
}

pub(super) async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
) -> Result<HttpResponse, Problem> {
    let order = app.orders.get(&caller, id).await?;
    Ok(HttpResponse::Ok().json(OrderBody::from(&*order)))
}

pub(super) async fn change_status(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    Body(NewStatus(status)): Body<NewStatus>,
) -> Result<HttpResponse, Problem> {
    let change = async move { Ok(app.orders.change_status(&caller, id, status).await?) };
    let order = to_the_end(change).await?;
    Ok(HttpResponse::Ok().json(OrderBody::from(&*order)))
}
