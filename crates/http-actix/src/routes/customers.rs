//! `/customers`.

use actix_web::web::Data;
use domain::{customers::CustomerId, identity::Permission};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Created, Tagged},
    app::App,
    dto::{Customer, NewCustomer},
    extract::{Authenticated, Body, From, Known, MaybeAuthenticated, PathId},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "customers",
    about: "Who buys.",
    endpoints: &[
        endpoint!(POST "/customers", Access::AnonymousOr(Permission::CustomersWrite), register, About {
            id: "registerCustomer",
            summary: "Sign up, or register a customer",
            description: "Without a token somebody signs up, and chooses a password. The shop \
                          registers customers with or without one.",
            problems: &[Code::EmailTaken],
        }),
        endpoint!(GET "/customers/{id}", Access::Only(Permission::CustomersRead), get, About {
            id: "getCustomer",
            summary: "A customer",
            description: "Customers see themselves; the shop sees all of them.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn register(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    From(address): From,
    Body(new): Body<NewCustomer>,
) -> Result<Created<Customer>, Problem> {
    let customers = &app.shop.customers;
    let customer = customers
        .register(caller.as_ref(), new.into(), address)
        .await?;
    Ok(Created {
        location: format!("/customers/{}", customer.id),
        body: (&*customer).into(),
    })
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CustomerId>,
    known: Known,
) -> Result<Tagged<Customer>, Problem> {
    let customer = app.shop.customers.get(&caller, id).await?;
    Ok(Tagged {
        version: customer.version,
        known,
        body: (&*customer).into(),
    })
}
