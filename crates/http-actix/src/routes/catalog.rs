//! `/products`.

use actix_web::web::Data;
use domain::{catalog::ProductId, identity::Permission};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Created, Listed, Shown},
    app::App,
    dto::{BestSeller, BestSellersParameters, NewProduct, Product},
    extract::{Authenticated, Body, MaybeAuthenticated, PathId, Query},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "catalog",
    about: "What is sold.",
    endpoints: &[
        endpoint!(POST "/products", Access::Only(Permission::ProductsWrite), create, About {
            id: "createProduct",
            summary: "Add a product",
            description: "Adds a product to the catalogue, together with its stock.",
            problems: &[],
        }),
        endpoint!(GET "/products/best-sellers", Access::Public, best_sellers, About {
            id: "listBestSellers",
            summary: "What sold best",
            description: "Most sold first, cancelled orders not counted. The list may be a minute \
                          old.",
            problems: &[],
        }),
        endpoint!(GET "/products/{id}", Access::Public, get, About {
            id: "getProduct",
            summary: "A product",
            description: "A product and what is left of it at this moment.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn create(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Body(new): Body<NewProduct>,
) -> Result<Created<Product>, Problem> {
    let made = app.shop.catalog.create(&caller, new.into()).await?;
    Ok(Created {
        location: format!("/products/{}", made.product.id),
        body: (&made).into(),
    })
}

async fn get(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    PathId(id): PathId<ProductId>,
) -> Result<Shown<Product>, Problem> {
    let product = app.shop.catalog.get(caller.as_ref(), id).await?;
    Ok(Shown((&product).into()))
}

async fn best_sellers(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    Query(parameters): Query<BestSellersParameters>,
) -> Result<Listed<BestSeller>, Problem> {
    let catalog = &app.shop.catalog;
    let items = catalog
        .best_sellers(caller.as_ref(), parameters.into())
        .await?;
    Ok(Listed(items.iter().map(BestSeller::from).collect()))
}
