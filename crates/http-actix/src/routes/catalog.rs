//! `/products`.

use actix_web::{HttpResponse, web::Data};
use domain::catalog::{BestSellersQuery, NewProduct, ProductId};

use super::created;
use crate::{
    app::App,
    dto::{BestSellersBody, NewLevel, ProductBody, StockBody},
    extract::{Authenticated, Body, PathId, Query},
    problem::Problem,
};

pub(super) async fn create(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Body(new): Body<NewProduct>,
) -> Result<HttpResponse, Problem> {
    let made = app.shop.catalog.create(&caller, new).await?;
    let location = format!("/products/{}", made.product.id);
    Ok(created(location, ProductBody::from(&made)))
}

pub(super) async fn get(
    app: Data<App>,
    PathId(id): PathId<ProductId>,
) -> Result<HttpResponse, Problem> {
    let product = app.shop.catalog.get(None, id).await?;
    Ok(HttpResponse::Ok().json(ProductBody::from(&product)))
}

pub(super) async fn stock(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
) -> Result<HttpResponse, Problem> {
    let stock = app.shop.stock.get(&caller, id).await?;
    Ok(HttpResponse::Ok().json(StockBody::from(stock)))
}

pub(super) async fn set_stock(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    Body(NewLevel(available)): Body<NewLevel>,
) -> Result<HttpResponse, Problem> {
    let stock = app.shop.stock.set(&caller, id, available).await?;
    Ok(HttpResponse::Ok().json(StockBody::from(stock)))
}

pub(super) async fn best_sellers(
    app: Data<App>,
    Query(query): Query<BestSellersQuery>,
) -> Result<HttpResponse, Problem> {
    let items = app.shop.catalog.best_sellers(None, query).await?;
    Ok(HttpResponse::Ok().json(BestSellersBody::from_iter(&items)))
}
