//! `/api-keys`.

use actix_web::web::Data;
use domain::identity::ApiKeyId;

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Created, CreatedSecret, Gone, Page, Shown},
    app::App,
    dto::{ApiKey, Everything, MadeApiKey, NewApiKey},
    extract::{Authenticated, Body, Listing, PathId},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "api-keys",
    about: "Keys with which machines call, in place of somebody who logs in.",
    endpoints: &[
        endpoint!(GET "/api-keys", Access::LoggedIn, list, About {
            id: "listApiKeys",
            summary: "List one's API keys",
            description: "The keys of the account, the latest first, page by page, without their \
                          secrets.",
            problems: &[],
        }),
        endpoint!(POST "/api-keys", Access::LoggedIn, create, About {
            id: "createApiKey",
            summary: "Make an API key",
            description: "The answer shows the key, and nothing shows it again. It may do what is in its \
                          scopes, as long as its owner may do it too.",
            problems: &[],
        }),
        endpoint!(GET "/api-keys/{id}", Access::LoggedIn, get, About {
            id: "getApiKey",
            summary: "An API key",
            description: "What it may do, until when, and when it was last used.",
            problems: &[Code::NotFound],
        }),
        endpoint!(DELETE "/api-keys/{id}", Access::LoggedIn, remove, About {
            id: "removeApiKey",
            summary: "Remove an API key",
            description: "It is good no more, within two seconds at every replica.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn list(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<Everything>,
) -> Result<Page<ApiKey>, Problem> {
    let page = app.identity.api_keys.list(&caller, &listing.page).await?;
    Ok(listing.list.page(page, |key| key.into()))
}

async fn create(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    Body(new): Body<NewApiKey>,
) -> Result<CreatedSecret<MadeApiKey>, Problem> {
    let api_keys = &app.identity.api_keys;
    let (key, secret) = api_keys.create(&caller, new.into()).await?;
    Ok(CreatedSecret(Created {
        location: format!("/api-keys/{}", key.id),
        body: MadeApiKey::new(&key, &secret),
    }))
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Shown<ApiKey>, Problem> {
    let key = app.identity.api_keys.get(&caller, id).await?;
    Ok(Shown((&key).into()))
}

async fn remove(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Gone, Problem> {
    app.identity.api_keys.remove(&caller, id).await?;
    Ok(Gone)
}
