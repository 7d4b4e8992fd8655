//! `/orders`.

use actix_web::{Either, web::Data};
use domain::{
    identity::Permission,
    orders::{self, OrderId},
};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Changed, Created, Exporting, Page, Replayable, Shown, Tag, Tagged},
    app::App,
    dto::{
        InSequence, NewOrder, NewStatus, Order, OrderHistory, OrdersParameters, PlaceParameters,
        Quote,
    },
    extract::{Accepted, Authenticated, Body, Known, Listing, MaybeKey, MaybeMatch, PathId, Query},
    positions::Seen,
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "orders",
    about: "What is bought.",
    endpoints: &[
        endpoint!(POST "/orders", Access::Only(Permission::OrdersWrite), place, About {
            id: "placeOrder",
            summary: "Place an order",
            description: "Places an order whole, at the prices of this moment and with its units \
                          taken from stock, or not at all. Customers order for themselves. Under \
                          an `Idempotency-Key` it is placed once, however often it is sent.",
            problems: &[Code::InsufficientStock, Code::IdempotencyKeyReused],
        }),
        endpoint!(GET "/orders", Access::Only(Permission::OrdersRead), list, About {
            id: "listOrders",
            summary: "List orders",
            description: "Page by page, each with its items. Customers see their own; the shop \
                          sees all of them. Orders that come and change meanwhile lead to none \
                          being listed twice or left out.",
            problems: &[],
        }),
        endpoint!(GET "/orders/export", Access::Only(Permission::OrdersRead), export, About {
            id: "exportOrders",
            summary: "Export orders",
            description: "All orders, or those that the filter describes; customers get their own, as of \
                          one moment and in the sequence of their ids: as a table (`Accept: \
                          text/csv`) or as lines of JSON; a table has a row for each item.",
            problems: &[],
        }),
        endpoint!(GET "/orders/{id}", Access::Only(Permission::OrdersRead), get, About {
            id: "getOrder",
            summary: "An order",
            description: "Customers see their own; the shop sees all of them.",
            problems: &[Code::NotFound],
        }),
        endpoint!(PUT "/orders/{id}", Access::Only(Permission::OrdersWrite), transition, About {
            id: "transitionOrder",
            summary: "Take an order to another status",
            description: "Customers cancel what is pending; the shop takes orders through their \
                          life. What is cancelled goes back into stock. Asking for the status \
                          that the order has changes nothing, keeps no note, and succeeds.",
            problems: &[Code::NotFound, Code::IllegalTransition],
        }),
        endpoint!(GET "/orders/{id}/history", Access::Only(Permission::OrdersRead), history, About {
            id: "getOrderHistory",
            summary: "The history of an order",
            description: "Every status that the order got, the oldest first: when, from whom, and \
                          with which note. Customers see their own orders', and not which account \
                          of the shop it was.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn place(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    MaybeKey(key): MaybeKey,
    Query(parameters): Query<PlaceParameters>,
    Body(order): Body<NewOrder>,
) -> Result<Either<Shown<Quote>, Replayable<Order>>, Problem> {
    let orders = &app.shop.orders;
    if parameters.validate_only == Some(true) {
        let quote = orders.quote(&caller, &order.into()).await?;
        return Ok(Either::Left(Shown((&quote).into())));
    }
    let placed = orders.place(&caller, order.into(), key).await?;
    Ok(Either::Right(Replayable {
        created: Created {
            location: format!("/orders/{}", placed.entity.id),
            body: Order::seen_by(&caller, &placed.entity),
        },
        is_replay: placed.is_replay,
    }))
}

async fn list(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<InSequence<OrdersParameters>>,
) -> Result<Page<Order>, Problem> {
    let InSequence { parameters, sort } = listing.parameters;
    let filter = parameters.into();
    let orders = &app.shop.orders;
    let page = orders.list(&caller, filter, sort, &listing.page).await?;
    Ok(listing
        .list
        .page(page, |order| Order::seen_by(&caller, order)))
}

async fn export(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Accepted(format): Accepted,
    Seen(freshness): Seen,
    Query(parameters): Query<OrdersParameters>,
) -> Result<Exporting<orders::Order>, Problem> {
    let export = app
        .shop
        .orders
        .export(&caller, parameters.into(), freshness)?;
    Exporting::begin("orders", caller, export, format).await
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    known: Known,
) -> Result<Tagged<Order>, Problem> {
    let order = app.shop.orders.get(&caller, id).await?;
    Ok(Tagged {
        tag: Tag::of(order.version),
        known,
        body: Order::seen_by(&caller, &order),
    })
}

async fn transition(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    MaybeMatch(expected): MaybeMatch,
    Body(status): Body<NewStatus>,
) -> Result<Changed<Order>, Problem> {
    let orders = &app.shop.orders;
    let order = orders
        .transition(&caller, id, status.into(), &expected)
        .await?;
    Ok(Changed {
        tag: Tag::of(order.version),
        body: Order::seen_by(&caller, &order),
    })
}

async fn history(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    known: Known,
) -> Result<Tagged<OrderHistory>, Problem> {
    let history = app.shop.orders.history(&caller, id).await?;
    Ok(Tagged {
        tag: Tag::of(history.version),
        known,
        body: (&history).into(),
    })
}
