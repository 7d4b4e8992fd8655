//! `/products/{id}/stock`.

use actix_web::web::Data;
use domain::{catalog::ProductId, identity::Permission};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Shown, Tag, Tagged},
    app::App,
    dto::{NewStockLevel, Stock},
    extract::{Authenticated, Body, Known, PathId},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "stock",
    about: "How much there is of what is sold.",
    endpoints: &[
        endpoint!(GET "/products/{id}/stock", Access::Only(Permission::StockRead), get, About {
            id: "getStock",
            summary: "The stock of a product",
            description: "The units that can be ordered.",
            problems: &[Code::NotFound],
        }),
        endpoint!(PUT "/products/{id}/stock", Access::Only(Permission::StockWrite), set, About {
            id: "setStock",
            summary: "Set the stock of a product",
            description: "What was counted replaces what there was, whatever was sold meanwhile: \
                          `If-Match` is not looked at.",
            problems: &[Code::NotFound],
        }),
    ],
};

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

async fn set(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ProductId>,
    Body(level): Body<NewStockLevel>,
) -> Result<Shown<Stock>, Problem> {
    let available = level.quantidade_disponivel;
    let stock = app.shop.stock.set(&caller, id, available).await?;
    Ok(Shown(stock.into()))
}
