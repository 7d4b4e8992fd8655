//! `/stock`, `/products/{id}/stock` and its ledger.

use actix_web::web::Data;
use domain::{
    catalog::ProductId,
    identity::Permission,
    stock::{self, StockLevel},
};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Changed, Created, Page, Replayable, Tag, Tagged},
    app::App,
    dto::{
        Everything, LedgerEntry, LevelsParameters, NewMovement, NewStockLevel, ProductStock, Stock,
    },
    extract::{Authenticated, Body, Known, Listing, MaybeKey, MaybeMatch, PathId},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "stock",
    about: "How much there is of what is sold, and how that came to be.",
    endpoints: &[
        endpoint!(GET "/stock", Access::Only(Permission::StockRead), levels, About {
            id: "listStock",
            summary: "What runs low",
            description: "Products that are sold and of which there is less than `below`, the lowest \
                          first, page by page. What is sold meanwhile moves towards the beginning.",
            problems: &[],
        }),
        endpoint!(GET "/products/{id}/stock", Access::Only(Permission::StockRead), get, About {
            id: "getStock",
            summary: "The stock of a product",
            description: "The units that can be ordered.",
            problems: &[Code::NotFound],
        }),
        endpoint!(PUT "/products/{id}/stock", Access::Only(Permission::StockWrite), count, About {
            id: "setStock",
            summary: "Set the stock of a product",
            description: "What was counted replaces what there was; the difference is a movement in \
                          the ledger. With `If-Match` or `expected` it does so only if the stock is \
                          what whoever counted has seen; without both it does so whatever was sold \
                          or counted meanwhile.",
            problems: &[Code::NotFound, Code::StockChanged],
        }),
        endpoint!(GET "/products/{id}/stock/movements", Access::Only(Permission::StockRead), ledger, About {
            id: "listStockMovements",
            summary: "The ledger of a product",
            description: "Every change of the stock of a product, the newest first, page by page: \
                          when, how many units, why, who did it, and how many there were after it. \
                          Placed and cancelled orders are among them.",
            problems: &[Code::NotFound],
        }),
        endpoint!(POST "/products/{id}/stock/movements", Access::Only(Permission::StockWrite), record, About {
            id: "moveStock",
            summary: "Move stock of a product",
            description: "Units come or go, and the ledger says why. Nothing is moved when there \
                          would be less than none. Under an `Idempotency-Key` it is done once, \
                          however often it is sent.",
            problems: &[Code::NotFound, Code::InsufficientStock, Code::IdempotencyKeyReused],
        }),
    ],
};

async fn levels(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<LevelsParameters>,
) -> Result<Page<ProductStock>, Problem> {
    let below = listing.parameters.below;
    let page = app.shop.stock.levels(&caller, below, &listing.page).await?;
    Ok(listing.list.page(page, |stock| stock.into()))
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    known: Known,
) -> Result<Tagged<Stock>, Problem> {
    let stock = app.shop.stock.get(&caller, id).await?;
    Ok(Tagged {
        tag: Tag::of_stock(stock.available),
        known,
        body: stock.into(),
    })
}

async fn count(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    MaybeMatch(seen): MaybeMatch<StockLevel>,
    Body(level): Body<NewStockLevel>,
) -> Result<Changed<Stock>, Problem> {
    let count = stock::Count {
        available: level.quantidade_disponivel,
        seen,
        expected: level.expected,
    };
    let stock = app.shop.stock.count(&caller, id, count).await?;
    Ok(Changed {
        tag: Tag::of_stock(stock.available),
        body: stock.into(),
    })
}

async fn ledger(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    listing: Listing<Everything>,
) -> Result<Page<LedgerEntry>, Problem> {
    let page = app.shop.stock.ledger(&caller, id, &listing.page).await?;
    Ok(listing.list.page(page, |entry| entry.into()))
}

async fn record(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    MaybeKey(key): MaybeKey,
    Body(movement): Body<NewMovement>,
) -> Result<Replayable<LedgerEntry>, Problem> {
    let stock = &app.shop.stock;
    let recorded = stock.record(&caller, id, movement.into(), key).await?;
    Ok(Replayable {
        created: Created {
            location: format!("/products/{id}/stock/movements"),
            body: (&recorded.entity).into(),
        },
        is_replay: recorded.is_replay,
    })
}
