//! `/users`.

use actix_web::web::Data;
use domain::identity::{AccountId, Permission};

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::{Changed, Created, Page, Secret, Tag, Tagged},
    app::App,
    dto::{NewUser, OfferedReset, User, UserPatch, UsersParameters},
    extract::{Authenticated, Body, From, Known, Listing, MergePatch, MustMatch, PathId},
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "users",
    about: "Who may log in.",
    endpoints: &[
        endpoint!(GET "/users", Access::Only(Permission::UsersRead), list, About {
            id: "listUsers",
            summary: "List accounts",
            description: "The accounts of the shop's people and of customers, the latest first, page \
                          by page.",
            problems: &[],
        }),
        endpoint!(POST "/users", Access::Only(Permission::UsersWrite), create, About {
            id: "createUser",
            summary: "Create an account for one of the shop's people",
            description: "A customer's account is created with the customer, at `/customers`.",
            problems: &[Code::EmailTaken],
        }),
        endpoint!(GET "/users/{id}", Access::Only(Permission::UsersRead), get, About {
            id: "getUser",
            summary: "An account",
            description: "Whose it is, and what it may do.",
            problems: &[Code::NotFound],
        }),
        endpoint!(PATCH "/users/{id}", Access::Only(Permission::UsersWrite), edit, About {
            id: "editUser",
            summary: "Change, disable or enable an account",
            description: "A change ends the sessions of the account. The last administrator who may \
                          log in stays one.",
            problems: &[Code::NotFound, Code::LastAdmin, Code::RoleOfCustomer],
        }),
        endpoint!(POST "/users/{id}/password-reset", Access::Only(Permission::UsersWrite), offer_reset, About {
            id: "offerPasswordReset",
            summary: "Let somebody set a password",
            description: "Makes a token to be handed to whoever the account belongs to. They set the \
                          password with it, once and within an hour. Tokens that were made before are \
                          good no more.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn list(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<UsersParameters>,
) -> Result<Page<User>, Problem> {
    let filter = listing.parameters.into();
    let accounts = &app.identity.accounts;
    let page = accounts.list(&caller, &filter, &listing.page).await?;
    Ok(listing.list.page(page, |account| account.into()))
}

async fn create(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    From(origin): From,
    Body(new): Body<NewUser>,
) -> Result<Created<User>, Problem> {
    let accounts = &app.identity.accounts;
    let account = accounts.create(&caller, new.into(), origin.address).await?;
    Ok(Created {
        location: format!("/users/{}", account.id),
        body: (&account).into(),
    })
}

async fn get(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AccountId>,
    known: Known,
) -> Result<Tagged<User>, Problem> {
    let account = app.identity.accounts.get(&caller, id).await?;
    Ok(Tagged {
        tag: Tag::of(account.version),
        known,
        body: (&account).into(),
    })
}

async fn edit(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AccountId>,
    MustMatch(expected): MustMatch,
    MergePatch(patch): MergePatch<UserPatch>,
) -> Result<Changed<User>, Problem> {
    let accounts = &app.identity.accounts;
    let account = accounts.edit(&caller, id, patch.into(), &expected).await?;
    Ok(Changed {
        tag: Tag::of(account.version),
        body: (&account).into(),
    })
}

async fn offer_reset(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AccountId>,
) -> Result<Secret<OfferedReset>, Problem> {
    let offered = app.identity.accounts.offer_reset(&caller, id).await?;
    Ok(Secret(OfferedReset::new(offered)))
}
