//! `/products`.

use actix_web::web::Data;
use domain::{catalog::ProductId, identity::Permission};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Changed, Created, Gone, Listed, Page, Replayable, Tag, Tagged},
    app::App,
    dto::{
        BestSeller, BestSellersParameters, NewProduct, Product, ProductPatch, ProductsParameters,
    },
    extract::{
        Authenticated, Body, Known, Listing, MaybeAuthenticated, MaybeKey, MaybeMatch, MergePatch,
        MustMatch, PathId, Query,
    },
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "catalog",
    about: "What is sold.",
    endpoints: &[
        endpoint!(POST "/products", Access::Only(Permission::ProductsWrite), create, About {
            id: "createProduct",
            summary: "Add a product",
            description: "Adds a product to the catalogue, together with its stock. Under an \
                          `Idempotency-Key` it is done once, however often it is sent.",
            problems: &[Code::SkuTaken, Code::IdempotencyKeyReused],
        }),
        endpoint!(GET "/products", Access::Public, list, About {
            id: "listProducts",
            summary: "List and search products",
            description: "Page by page: what is sold, without what is retired. Products that come, \
                          go and change meanwhile lead to none being listed twice or left out.",
            problems: &[],
        }),
        endpoint!(GET "/products/best-sellers", Access::Public, best_sellers, About {
            id: "listBestSellers",
            summary: "What sold best",
            description: "Most sold first, cancelled orders not counted, without what is retired. \
                          The list may be a minute old.",
            problems: &[],
        }),
        endpoint!(GET "/products/{id}", Access::Open, get, About {
            id: "getProduct",
            summary: "A product",
            description: "A product and what is left of it at this moment. One that is retired is \
                          shown to the shop alone.",
            problems: &[Code::NotFound],
        }),
        endpoint!(PATCH "/products/{id}", Access::Only(Permission::ProductsWrite), edit, About {
            id: "editProduct",
            summary: "Change a product",
            description: "Changes the fields that are sent and leaves the others as they are (RFC \
                          7396); orders that are placed keep their prices. Several people of the \
                          shop may be at it: so `If-Match` must say which version the change is \
                          made to, or one would overwrite what the other has just written. Of the \
                          tag only what is before the point counts, for what is sold meanwhile is \
                          no edit.",
            problems: &[Code::NotFound, Code::SkuTaken],
        }),
        endpoint!(DELETE "/products/{id}", Access::Only(Permission::ProductsWrite), retire, About {
            id: "retireProduct",
            summary: "Retire a product",
            description: "It is no longer listed, found or ordered, and leaves its `sku` to \
                          another; it still stands on old orders, and is shown to the shop. \
                          Retiring it again changes nothing and succeeds.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn create(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    MaybeKey(key): MaybeKey,
    Body(new): Body<NewProduct>,
) -> Result<Replayable<Product>, Problem> {
    let made = app.shop.catalog.create(&caller, new.into(), key).await?;
    Ok(Replayable {
        created: Created {
            location: format!("/products/{}", made.entity.product.id),
            body: (&made.entity).into(),
        },
        is_replay: made.is_replay,
    })
}

async fn list(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    listing: Listing<ProductsParameters>,
) -> Result<Page<Product>, Problem> {
    let sort = listing.parameters.sort();
    let filter = listing.parameters.into();
    let catalog = &app.shop.catalog;
    let page = catalog
        .list(caller.as_ref(), &filter, sort, &listing.page)
        .await?;
    Ok(listing.list.page(page, |product| product.into()))
}

async fn get(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    PathId(id): PathId<ProductId>,
    known: Known,
) -> Result<Tagged<Product>, Problem> {
    let found = app.shop.catalog.get(caller.as_ref(), id).await?;
    Ok(Tagged {
        tag: Tag::with_stock(found.product.version, found.available),
        known,
        body: (&found).into(),
    })
}

async fn edit(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    MustMatch(expected): MustMatch,
    MergePatch(patch): MergePatch<ProductPatch>,
) -> Result<Changed<Product>, Problem> {
    let catalog = &app.shop.catalog;
    let changed = catalog.edit(&caller, id, patch.into(), &expected).await?;
    Ok(Changed {
        tag: Tag::with_stock(changed.product.version, changed.available),
        body: (&changed).into(),
    })
}

async fn retire(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    MaybeMatch(expected): MaybeMatch,
) -> Result<Gone, Problem> {
    app.shop.catalog.retire(&caller, id, &expected).await?;
    Ok(Gone)
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
