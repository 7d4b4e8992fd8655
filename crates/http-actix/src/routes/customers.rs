//! `/customers`.

use actix_web::web::Data;
use domain::{
    customers::{self, CustomerId},
    identity::Permission,
    orders::OrdersFilter,
    values::Freshness,
};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Changed, Created, Exporting, Gone, Page, Replayable, Tag, Tagged, Telling},
    app::App,
    dto::{AccountRecord, Customer, CustomerPatch, CustomersParameters, InSequence, NewCustomer},
    extract::{
        Accepted, Authenticated, Body, From, Known, Listing, MaybeAuthenticated, MaybeKey,
        MaybeMatch, MergePatch, MustMatch, PathId, Query,
    },
    positions::Seen,
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "customers",
    about: "Who buys.",
    endpoints: &[
        endpoint!(POST "/customers", Access::AnonymousOr(Permission::CustomersRegister), register, About {
            id: "registerCustomer",
            summary: "Sign up, or register a customer",
            description: "Without a token somebody signs up, and chooses a password. The shop \
                          registers customers with or without one. Under an `Idempotency-Key` it \
                          is done once, however often it is sent; a repeat is known by everything \
                          but the password.",
            problems: &[Code::EmailTaken, Code::IdempotencyKeyReused],
        }),
        endpoint!(GET "/customers", Access::Only(Permission::CustomersList), list, About {
            id: "listCustomers",
            summary: "List and search customers",
            description: "Page by page, for the shop. Customers who come, go and change meanwhile \
                          lead to nobody being listed twice or left out.",
            problems: &[],
        }),
        endpoint!(GET "/customers/export", Access::Only(Permission::CustomersList), export, About {
            id: "exportCustomers",
            summary: "Export customers",
            description: "All customers, or those that the filter describes, as of \
                          one moment and in the sequence of their ids: as a table (`Accept: \
                          text/csv`) or as lines of JSON; without those who were erased.",
            problems: &[],
        }),
        endpoint!(GET "/customers/{id}", Access::Only(Permission::CustomersRead), get, About {
            id: "getCustomer",
            summary: "A customer",
            description: "Customers see themselves; the shop sees all of them.",
            problems: &[Code::NotFound],
        }),
        endpoint!(GET "/customers/{id}/export", Access::Only(Permission::CustomersRead), tell, About {
            id: "exportCustomer",
            summary: "All that is known of a person",
            description: "The customer, the account, every order and everything that happened to it \
                          (LGPD, article 18; GDPR, articles 15 and 20). Customers get their own; \
                          the shop gets everybody's.",
            problems: &[Code::NotFound],
        }),
        endpoint!(PATCH "/customers/{id}", Access::Only(Permission::CustomersWrite), edit, About {
            id: "editCustomer",
            summary: "Change a customer",
            description: "Changes the fields that are sent and leaves the others as they are (RFC \
                          7396). Customers change themselves, and the shop changes all of them: so \
                          `If-Match` must say which version the change is made to, or one would \
                          overwrite what the other has just written.",
            problems: &[Code::NotFound, Code::EmailTaken],
        }),
        endpoint!(DELETE "/customers/{id}", Access::Only(Permission::CustomersErase), erase, About {
            id: "eraseCustomer",
            summary: "Erase a customer",
            description: "Erases for good what tells who the customer is: the name, the address, \
                          the account and its keys, and the notes on the orders. The orders stay, \
                          with their figures. An admin may do it, and customers themselves; their \
                          account can log in no more.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn register(
    app: Data<App>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    From(origin): From,
    MaybeKey(key): MaybeKey,
    Body(new): Body<NewCustomer>,
) -> Result<Replayable<Customer>, Problem> {
    let customers = &app.shop.customers;
    let registered = customers
        .register(caller.as_ref(), new.into(), key, origin.address)
        .await?;
    Ok(Replayable {
        created: Created {
            location: format!("/customers/{}", registered.entity.id),
            body: (&*registered.entity).into(),
        },
        is_replay: registered.is_replay,
    })
}

async fn list(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<InSequence<CustomersParameters>>,
) -> Result<Page<Customer>, Problem> {
    let InSequence { parameters, sort } = listing.parameters;
    let filter = parameters.into();
    let customers = &app.shop.customers;
    let page = customers
        .list(&caller, &filter, sort, &listing.page)
        .await?;
    Ok(listing.list.page(page, |customer| customer.into()))
}

async fn export(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Accepted(format): Accepted,
    Seen(freshness): Seen,
    Query(parameters): Query<CustomersParameters>,
) -> Result<Exporting<customers::Customer>, Problem> {
    let export = app
        .shop
        .customers
        .export(&caller, parameters.into(), freshness)?;
    Exporting::begin("customers", caller, export, format).await
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CustomerId>,
    known: Known,
) -> Result<Tagged<Customer>, Problem> {
    let customer = app.shop.customers.get(&caller, id).await?;
    Ok(Tagged {
        tag: Tag::of(customer.version),
        known,
        body: (&*customer).into(),
    })
}

async fn tell(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CustomerId>,
) -> Result<Telling, Problem> {
    let (customers, orders) = (&app.shop.customers, &app.shop.orders);
    let customer = customers.get(&caller, id).await?;
    let account = customers.account(&caller, id).await?;
    let own = OrdersFilter {
        customer_id: Some(id),
        ..OrdersFilter::default()
    };
    Ok(Telling {
        customer: (&*customer).into(),
        account: account
            .as_ref()
            .map(|account| AccountRecord::seen_by(&caller, account)),
        orders: orders.export(&caller, own, Freshness::Latest)?,
        histories: orders.histories(&caller, id)?,
        caller,
    })
}

async fn edit(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CustomerId>,
    MustMatch(expected): MustMatch,
    MergePatch(patch): MergePatch<CustomerPatch>,
) -> Result<Changed<Customer>, Problem> {
    let customers = &app.shop.customers;
    let customer = customers.edit(&caller, id, patch.into(), &expected).await?;
    Ok(Changed {
        tag: Tag::of(customer.version),
        body: (&*customer).into(),
    })
}

async fn erase(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CustomerId>,
    MaybeMatch(expected): MaybeMatch,
) -> Result<Gone, Problem> {
    app.shop.customers.erase(&caller, id, &expected).await?;
    Ok(Gone)
}
