//! `/orders`.

use actix_web::{Either, web::Data};
use domain::{identity::Permission, orders::OrderId};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Created, Replayable, Shown, Tagged},
    app::App,
    dto::{NewOrder, NewStatus, Order, PlaceParameters, Quote},
    extract::{Authenticated, Body, Known, MaybeKey, PathId, Query},
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
                          that the order has changes nothing and succeeds.",
            problems: &[Code::NotFound, Code::IllegalTransition],
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
            location: format!("/orders/{}", placed.order.id),
            body: (&placed.order).into(),
        },
        is_replay: placed.is_replay,
    }))
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    known: Known,
) -> Result<Tagged<Order>, Problem> {
    let order = app.shop.orders.get(&caller, id).await?;
    Ok(Tagged {
        version: order.version,
        known,
        body: (&*order).into(),
    })
}

async fn transition(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<OrderId>,
    Body(NewStatus { status }): Body<NewStatus>,
) -> Result<Shown<Order>, Problem> {
    let order = app.shop.orders.transition(&caller, id, status).await?;
    Ok(Shown((&*order).into()))
}
