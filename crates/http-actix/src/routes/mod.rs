//! The endpoints: one file per noun, each with its table. A handler extracts, calls one service
//! method, and answers.

mod api_keys;
mod audit;
mod catalog;
mod customers;
mod docs;
mod endpoint;
mod health;
mod identity;
mod me;
mod orders;
mod stock;
mod users;

use std::time::Duration;

use actix_web::{HttpResponse, Resource as ActixResource, web};

pub use self::endpoint::{Endpoint, Resource, Verb};
pub(crate) use self::{
    docs::Document,
    endpoint::{About, MatchedRoute},
};
use crate::problem::{Code, Problem};

/// All endpoints, by noun.
pub const RESOURCES: &[Resource] = &[
    identity::RESOURCE,
    me::RESOURCE,
    users::RESOURCE,
    api_keys::RESOURCE,
    audit::RESOURCE,
    customers::RESOURCE,
    catalog::RESOURCE,
    stock::RESOURCE,
    orders::RESOURCE,
    health::RESOURCE,
    docs::RESOURCE,
];

/// All endpoints, in the order in which paths are matched.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    RESOURCES.iter().flat_map(|resource| resource.endpoints)
}

/// Registers the endpoints with an app. They answer within this time.
pub(crate) fn configure(config: &mut web::ServiceConfig, limit: Duration) {
    let mut paths = Vec::new();
    for endpoint in endpoints() {
        if !paths.contains(&endpoint.path) {
            paths.push(endpoint.path);
            config.service(resource(endpoint.path, limit));
        }
    }
    config.default_service(web::to(|| async {
        Err::<HttpResponse, _>(Problem::new(Code::RouteNotFound))
    }));
}

/// The endpoints of one path; any other method is answered 405 with those that exist.
fn resource(path: &'static str, limit: Duration) -> ActixResource {
    let here = || endpoints().filter(|endpoint| endpoint.path == path);
    let allow: Vec<_> = here()
        .flat_map(|endpoint| endpoint.verb.methods())
        .copied()
        .collect();
    let allow = allow.join(", ");
    let not_allowed = web::to(move || {
        let problem = Problem::method_not_allowed(&allow);
        async { Err::<HttpResponse, _>(problem) }
    });
    here()
        .fold(web::resource(path), |resource, endpoint| {
            resource.route(endpoint.route(limit))
        })
        .default_service(not_allowed)
}
