//! The document of the API (OpenAPI 3.1), made of the table of endpoints and of what their
//! handlers take and answer. What is true of many operations is added here, once.

use std::sync::LazyLock;

use domain::identity::Role;
use serde_json::json;
use utoipa::openapi::{
    Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, SecurityRequirement,
    extensions::ExtensionsBuilder,
    path::PathItem,
    schema::ComponentsBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::{Tag, TagBuilder},
};

use crate::{
    access::Access,
    describe::{Description, Schemas},
    problem::Code,
    rate_limits::Usage,
    routes::{Endpoint, RESOURCES, Resource, Verb},
};

/// The document, as JSON. It is made once.
#[must_use]
pub fn json() -> &'static str {
    static JSON: LazyLock<String> =
        LazyLock::new(|| document().to_pretty_json().unwrap_or_default());
    &JSON
}

/// The name of the security scheme.
const BEARER: &str = "bearerAuth";

fn document() -> OpenApi {
    let mut schemas = Schemas::with_problems();
    let mut paths = PathsBuilder::new();
    for resource in RESOURCES {
        for endpoint in resource.endpoints {
            let operation = operation(resource, endpoint, &mut schemas);
            let item = PathItem::new(endpoint.verb.in_the_document(), operation);
            paths = paths.path(endpoint.path, item);
        }
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An access token, as POST /auth/login gives it, or an API key, as POST /api-keys does.",
        ))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas.into_iter())
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .build();
    OpenApiBuilder::new()
        .info(info())
        .paths(paths)
        .components(Some(components))
        .tags(Some(RESOURCES.iter().map(tag)))
        .build()
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Balcão")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("about.md")))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT")
                .identifier(Some("MIT"))
                .build(),
        ))
        .build()
}

fn tag(resource: &Resource) -> Tag {
    TagBuilder::new()
        .name(resource.name)
        .description(Some(resource.about))
        .build()
}

/// An operation of the document: what its handler takes and answers, and what follows from who
/// may call it.
fn operation(
    resource: &Resource,
    endpoint: &Endpoint,
    schemas: &mut Schemas,
) -> utoipa::openapi::path::Operation {
    let mut description = Description::new(schemas);
    (endpoint.handler.describe)(&mut description);
    for code in endpoint.about.problems {
        description.problem(*code);
    }
    // What any call may meet.
    description.problem(Code::Internal);
    description.problem(Code::HeadTooLarge);
    description.problem(Code::Unavailable);
    if endpoint.verb != Verb::Get {
        description.writes();
    }
    if endpoint.usage() != Usage::Free {
        description.counts();
    }
    let about = &endpoint.about;
    let (who, securities) = who_may_call(endpoint.access, &mut description);
    let roles: Vec<_> = [Role::Customer, Role::Staff, Role::Admin]
        .into_iter()
        .filter(|role| endpoint.access.admits(*role))
        .map(Role::as_str)
        .collect();
    let extensions = ExtensionsBuilder::new()
        .add("x-roles", json!(roles))
        .add("x-anonymous", json!(endpoint.access.admits_anonymous()))
        .build();
    description
        .build()
        .tag(resource.name)
        .operation_id(Some(about.id))
        .summary(Some(about.summary))
        .description(Some(format!("{}\n\n{who}", about.description)))
        .securities(Some(securities))
        .extensions(Some(extensions))
        .build()
}

/// Who may call, in words and as the document says it, and what others are told.
fn who_may_call(access: Access, operation: &mut Description) -> (String, Vec<SecurityRequirement>) {
    let bearer = SecurityRequirement::new::<_, _, &str>(BEARER, []);
    let nobody = SecurityRequirement::default();
    match access {
        Access::Public => ("Everybody may call it.".to_owned(), Vec::new()),
        Access::Open(_) => (
            "Everybody may call it. The shop's people see more with their token.".to_owned(),
            Vec::new(),
        ),
        Access::AnonymousOr(permission) => {
            operation.problem(Code::TokenInvalid);
            operation.problem(Code::TokenExpired);
            operation.problem(Code::SessionEnded);
            operation.problem(Code::Forbidden);
            let who = format!(
                "It may be called without a token, or with one that has the permission \
                 `{permission}`."
            );
            (who, vec![nobody, bearer])
        }
        Access::Authenticated => {
            operation.problem(Code::TokenMissing);
            operation.problem(Code::TokenInvalid);
            operation.problem(Code::TokenExpired);
            operation.problem(Code::SessionEnded);
            let who = "Whoever has a token or an API key may call it.".to_owned();
            (who, vec![bearer])
        }
        Access::LoggedIn => {
            operation.problem(Code::LoginNeeded);
            operation.problem(Code::TokenMissing);
            operation.problem(Code::TokenInvalid);
            operation.problem(Code::TokenExpired);
            operation.problem(Code::SessionEnded);
            let who = "Whoever has logged in may call it, and no API key.".to_owned();
            (who, vec![bearer])
        }
        Access::Only(permission) => {
            operation.problem(Code::TokenMissing);
            operation.problem(Code::TokenInvalid);
            operation.problem(Code::TokenExpired);
            operation.problem(Code::SessionEnded);
            operation.problem(Code::Forbidden);
            let who = format!("It needs the permission `{permission}`.");
            (who, vec![bearer])
        }
    }
}
