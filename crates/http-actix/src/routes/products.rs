//! `/products`.

use actix_web::{HttpResponse, web::Data};
use domain::{BestSellersQuery, ProductId, services::NewProduct};

use super::created;
use crate::{
    app::App,
    dto::{BestSellersBody, NewLevel, ProductBody, StockBody},
    extract::{Body, PathId, Query},
    problem::Problem,
};

pub(super) async fn create(
    app: Data<App>,
    Body(new): Body<NewProduct>,
) -> Result<HttpResponse, Problem> {
    let made = app.products.create(new).await?;
    let location = format!("/products/{}", made.product.id);
    Ok(created(location, ProductBody::from(&made)))
}

pub(super) async fn get(
    app: Data<App>,
    PathId(id): PathId<ProductId>,
) -> Result<HttpResponse, Problem> {
    let product = app.products.get(id).await?;
    Ok(HttpResponse::Ok().json(ProductBody::from(&product)))
}

pub(super) async fn stock(
    app: Data<App>,
    PathId(id): PathId<ProductId>,
) -> Result<HttpResponse, Problem> {
    let stock = app.products.stock(id).await?;
    Ok(HttpResponse::Ok().json(StockBody::from(stock)))
}

pub(super) async fn set_stock(
    app: Data<App>,
    PathId(id): PathId<ProductId>,
    Body(NewLevel(available)): Body<NewLevel>,
) -> Result<HttpResponse, Problem> {
    let stock = app.products.set_stock(id, available).await?;
    Ok(HttpResponse::Ok().json(StockBody::from(stock)))
}

pub(super) async fn best_sellers(
    app: Data<App>,
    Query(query): Query<BestSellersQuery>,
) -> Result<HttpResponse, Problem> {
    let items = app.products.best_sellers(query).await?;
    Ok(HttpResponse::Ok().json(BestSellersBody::from_iter(&items)))
}
