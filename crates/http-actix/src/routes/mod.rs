//! The endpoints: one table, from which the server is built, the docs page is written and the
//! tests walk. One file a resource; a handler extracts, calls one service method, and answers.

mod catalog;
mod customers;
mod docs;
mod health;
mod identity;
mod orders;

use actix_web::{
    HttpMessage, HttpResponse, Resource, Route,
    body::BoxBody,
    dev::ServiceRequest,
    guard,
    http::{
        Method, StatusCode,
        header::{self, EntityTag},
    },
    middleware::{Next, from_fn},
    rt, web,
};
use domain::identity::Permission;
use serde::Serialize;

use crate::{
    access::{self, Access},
    extract::Known,
    problem::{Code, Problem},
};

/// The path of the endpoint that answers a request, for the log.
#[derive(Clone, Copy)]
pub(crate) struct MatchedRoute(pub(crate) &'static str);

/// One thing that the API can do.
pub struct Endpoint {
    /// The method; an endpoint with GET answers HEAD as well.
    pub method: Method,
    /// The path, with `{id}` for the id.
    pub path: &'static str,
    /// Who may call.
    pub access: Access,
    /// What it does, in a few words.
    pub summary: &'static str,
    handler: fn() -> Route,
}

macro_rules! endpoint {
    ($method:ident $path:literal, $access:expr, $handler:path, $summary:literal) => {
        Endpoint {
            method: Method::$method,
            path: $path,
            access: $access,
            summary: $summary,
            handler: || web::route().to($handler),
        }
    };
}

/// Every endpoint. Of two paths that match, the earlier one is meant.
#[rustfmt::skip]
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint!(POST "/auth/login", Access::Public, identity::login, "log in"),
    endpoint!(POST "/customers", Access::AnonymousOr(Permission::CustomersWrite), customers::register, "sign up, or register a customer"),
    endpoint!(GET "/customers/{id}", Access::Only(Permission::CustomersRead), customers::get, "a customer; customers see themselves"),
    endpoint!(POST "/products", Access::Only(Permission::ProductsWrite), catalog::create, "add a product and its stock"),
    endpoint!(GET "/products/best-sellers", Access::Public, catalog::best_sellers, "what sold best; ?limit=10&days=30"),
    endpoint!(GET "/products/{id}", Access::Public, catalog::get, "a product and what is left of it"),
    endpoint!(GET "/products/{id}/stock", Access::Only(Permission::StockRead), catalog::stock, "the stock of a product"),
    endpoint!(PUT "/products/{id}/stock", Access::Only(Permission::StockWrite), catalog::set_stock, "set the stock of a product"),
    endpoint!(POST "/orders", Access::Only(Permission::OrdersWrite), orders::place, "place an order; customers for themselves"),
    endpoint!(GET "/orders/{id}", Access::Only(Permission::OrdersRead), orders::get, "an order; customers see their own"),
    endpoint!(PUT "/orders/{id}", Access::Only(Permission::OrdersWrite), orders::change_status, "move an order; customers cancel what is pending"),
    endpoint!(GET "/livez", Access::Public, health::live, "whether the process answers"),
    endpoint!(GET "/readyz", Access::Public, health::ready, "whether it can serve: PostgreSQL answers"),
    endpoint!(GET "/docs", Access::Public, docs::page, "this page"),
];

impl Endpoint {
    /// The methods that it answers.
    fn methods(&self) -> impl Iterator<Item = &'static str> + use<> {
        let (first, second) = match self.method {
            Method::GET => ("GET", Some("HEAD")),
            Method::POST => ("POST", None),
            Method::PUT => ("PUT", None),
            _ => ("", None),
        };
        std::iter::once(first).chain(second)
    }

    /// The handler behind its guards. This is the only way to a handler.
    fn route(&self) -> Route {
        let (access, path) = (self.access, self.path);
        let mut methods = self.methods().map(method_guard);
        let mut route = (self.handler)();
        if let Some(first) = methods.next() {
            route = route.guard(methods.fold(guard::Any(first), guard::AnyGuard::or));
        }
        route.wrap(from_fn(
            move |request: ServiceRequest, next: Next<BoxBody>| {
                request.extensions_mut().insert(MatchedRoute(path));
                access::guard(access, request, next)
            },
        ))
    }
}

fn method_guard(name: &'static str) -> impl guard::Guard {
    guard::fn_guard(move |context| context.head().method.as_str() == name)
}

/// Builds the table into an app.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let mut paths = Vec::new();
    for endpoint in ENDPOINTS {
        if !paths.contains(&endpoint.path) {
            paths.push(endpoint.path);
            config.service(resource(endpoint.path));
        }
    }
    config.default_service(web::to(|| async {
        Err::<HttpResponse, _>(Problem::new(Code::RouteNotFound))
    }));
}

/// The endpoints of one path; any other method is answered with those that there are.
fn resource(path: &'static str) -> Resource {
    let here = || ENDPOINTS.iter().filter(|endpoint| endpoint.path == path);
    let allow: Vec<_> = here().flat_map(Endpoint::methods).collect();
    let allow = allow.join(", ");
    let not_allowed = web::to(move || {
        let problem = Problem::method_not_allowed(&allow);
        async { Err::<HttpResponse, _>(problem) }
    });
    here()
        .fold(web::resource(path), |resource, endpoint| {
            resource.route(endpoint.route())
        })
        .default_service(not_allowed)
}

/// 201, where the new thing is, and what it is.
fn created(location: String, body: impl Serialize) -> HttpResponse {
    HttpResponse::build(StatusCode::CREATED)
        .insert_header((header::LOCATION, location))
        .json(body)
}

/// 200 with the entity, or 304 when the caller has this version already (RFC 9110,
/// section 8.8.3). Whoever keeps the answer asks again before using it.
fn unless_known(known: &Known, version: i64, body: impl Serialize) -> HttpResponse {
    let tag = EntityTag::new_strong(version.to_string());
    let is_known = known.holds(&tag);
    let mut response = HttpResponse::Ok();
    response
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if is_known {
        response.status(StatusCode::NOT_MODIFIED).finish()
    } else {
        response.json(body)
    }
}

/// Finishes a write even when the client hangs up: what was committed is also told to the cache.
async fn to_the_end<T: 'static>(
    write: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Problem> {
    rt::spawn(write).await.map_err(Problem::internal)?
}
