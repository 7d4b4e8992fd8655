//! `/products`.

use actix_web::web::Data;
use domain::{
    catalog::{ImportMode, ProductId, StockedProduct},
    identity::Permission,
};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Changed, Created, Exporting, Gone, Importing, Listed, Page, Replayable, Tag, Tagged},
    app::App,
    dto::{
        BestSeller, BestSellersParameters, ImportParameters, InSequence, NewProduct, Product,
        ProductPatch, ProductsParameters,
    },
    extract::{
        Accepted, Authenticated, Body, Known, Listing, MaybeAuthenticated, MaybeKey, MaybeMatch,
        MergePatch, MustMatch, PathId, Query, Upload,
    },
    positions::Seen,
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
        endpoint!(GET "/products/export", Access::Only(Permission::ProductsWrite), export, About {
            id: "exportProducts",
            summary: "Export products",
            description: "All products that are sold, or those that the filter describes, as of one \
                          moment and in the sequence of their ids: as a table (`Accept: text/csv`) \
                          or as lines of JSON. A cell that a spreadsheet would take for a formula \
                          begins with an apostrophe; an import drops it.",
            problems: &[],
        }),
        endpoint!(POST "/products/import", Access::Only(Permission::ProductsWrite), import, About {
            id: "importProducts",
            summary: "Import products",
            description: IMPORT,
            problems: &[],
        }),
        endpoint!(GET "/products/{id}", Access::Open(Permission::ProductsRead), get, About {
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

/// How an import goes.
const IMPORT: &str = "Takes any number of rows, as a table whose first line names the columns \
    (`text/csv`) or as lines of JSON (`application/x-ndjson`), with the fields `nome`, `preco`, and \
    if they like `sku`, `descricao` and `quantidade_disponivel`. A row whose `sku` a product has \
    changes that product; any other creates one. Rows are written in batches of a thousand, each \
    whole or not at all; with `atomic=true` all of them or none.\n\n\
    The answer is lines of JSON, each with a `type`: `progress` about once a second; after the last \
    row `refused` for every row that was refused, with its `line` and `errors` (`field`, `code`, \
    `detail`); and at last `done`, with how many `rows` there were, how many products were `created`, \
    `updated` and `unchanged`, how many rows were `refused`, and whether it `is_applied`; or `failed`, \
    with the `problem`: the status of the answer is 200 by then, and the problem has the one that \
    counts. An answer without one of these two was interrupted. What is missing in a row of a product \
    that there is stays as it is.\n\n\
    Under an `Idempotency-Key` every row is imported once: what was interrupted goes on where it \
    broke off when all of it is sent again; what has ended is told again, with `is_replay`. Under the \
    same key other rows, or more of them than one that has ended, are `idempotency_key_reused`.";

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
    listing: Listing<InSequence<ProductsParameters>>,
) -> Result<Page<Product>, Problem> {
    let InSequence { parameters, sort } = listing.parameters;
    let filter = parameters.into();
    let catalog = &app.shop.catalog;
    let page = catalog.list(None, &filter, sort, &listing.page).await?;
    Ok(listing.list.page(page, |product| product.into()))
}

async fn export(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Accepted(format): Accepted,
    Seen(freshness): Seen,
    Query(parameters): Query<ProductsParameters>,
) -> Result<Exporting<StockedProduct>, Problem> {
    let export = app
        .shop
        .catalog
        .export(&caller, parameters.into(), freshness)?;
    Exporting::begin("products", caller, export, format).await
}

async fn import(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    MaybeKey(key): MaybeKey,
    Query(parameters): Query<ImportParameters>,
    upload: Upload,
) -> Result<Importing, Problem> {
    let (mode, format) = (ImportMode::from(&parameters), upload.format);
    let key = key.filter(|_| mode != ImportMode::ValidateOnly);
    let import = app.shop.catalog.import(&caller, mode, key).await?;
    Importing::begin(import, mode, format, upload.bytes()?)
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
    Query(parameters): Query<BestSellersParameters>,
) -> Result<Listed<BestSeller>, Problem> {
    let catalog = &app.shop.catalog;
    let items = catalog.best_sellers(None, parameters.into()).await?;
    Ok(Listed(items.iter().map(BestSeller::from).collect()))
}
