//! `/orders`.

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
    web::Data,
};
use domain::orders::{OrderId, OrderRequest};

use super::{created, to_the_end, unless_known};
use crate::{
    app::App,
    dto::{NewStatus, OrderBody, PlaceQuery, QuoteBody},
    extract::{Authenticated, Body, Known, MaybeKey, PathId, Query},
    problem::Problem,
};

/// Says that an order was placed before, by a request with the same key.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) async fn place(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    MaybeKey(key): MaybeKey,
    Query(PlaceQuery { validate_only }): Query<PlaceQuery>,
    Body(request): Body<OrderRequest>,
) -> Result<HttpResponse, Problem> {
    if validate_only {
        let quote = app.shop.orders.quote(&caller, &request).await?;
        return Ok(HttpResponse::Ok().json(QuoteBody::from(&quote)));
    }
    let placed = app.shop.orders.place(&caller, request, key).await?;
    let location = format!("/orders/{}", placed.order.id);
    let mut response = created(location, OrderBody::from(&placed.order));
    if placed.is_replay {
        let replayed = HeaderValue::from_static("true");
        response
            .headers_mut()
            .insert(IDEMPOTENCY_REPLAYED, replayed);
    }
    Ok(response)
}

pub(super) async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    known: Known,
) -> Result<HttpResponse, Problem> {
    let order = app.shop.orders.get(&caller, id).await?;
    let version = order.version.number();
    Ok(unless_known(&known, version, OrderBody::from(&*order)))
}

pub(super) async fn change_status(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    Body(NewStatus(status)): Body<NewStatus>,
) -> Result<HttpResponse, Problem> {
    let change = async move { Ok(app.shop.orders.transition(&caller, id, status).await?) };
    let order = to_the_end(change).await?;
    Ok(HttpResponse::Ok().json(OrderBody::from(&*order)))
}
