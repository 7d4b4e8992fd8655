//! `/me`.

use actix_web::web::Data;
use domain::identity::{AuthError, AuthenticationError, Device, SessionId};

use super::{About, Resource, endpoint::endpoint, identity::hold_back};
use crate::{
    access::Access,
    answer::{Gone, Page, Secret, Shown},
    app::App,
    dto::{Everything, Me, NewPassword, Session, Token},
    extract::{Authenticated, Body, CallsItself, From, Listing, PathId},
    problem::{Code, Fault, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "me",
    about: "The caller's own account, and where it is logged in.",
    endpoints: &[
        endpoint!(GET "/me", Access::Authenticated, me, About {
            id: "getMe",
            summary: "Who calls",
            description: "The account that the token or key is of, and what the caller may do.",
            problems: &[],
        }),
        endpoint!(PUT "/me/password", Access::LoggedIn, change_password, About {
            id: "changePassword",
            summary: "Change the password",
            description: "Ends all sessions of the account, and begins one: the answer has its tokens. \
                          Whoever guesses the current password is slowed down as at a login.",
            problems: &[Code::Invalid, Code::AccountDisabled, Code::TooManyAttempts],
        }),
        endpoint!(GET "/me/sessions", Access::LoggedIn, sessions, About {
            id: "listMySessions",
            summary: "Where one is logged in",
            description: "The sessions of the account, the latest first, page by page.",
            problems: &[],
        }),
        endpoint!(DELETE "/me/sessions/{id}", Access::LoggedIn, end_session, About {
            id: "endMySession",
            summary: "Log out elsewhere",
            description: "Ends a session of the account.",
            problems: &[Code::NotFound],
        }),
    ],
};

async fn me(app: Data<App>, Authenticated(caller): Authenticated) -> Result<Shown<Me>, Problem> {
    // Whose account has gone is logged out, and this replica is about to hear of it.
    let own = app.identity.accounts.own(&caller).await?;
    let account = own.ok_or(AuthenticationError::SessionEnded)?;
    Ok(Shown(Me::new(&caller, &account)))
}

async fn change_password(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    From(origin): From,
    CallsItself(user_agent): CallsItself,
    Body(passwords): Body<NewPassword>,
) -> Result<Secret<Token>, Problem> {
    let (current, new) = (passwords.current_password, passwords.new_password);
    let device = Device {
        address: origin.address,
        user_agent,
    };
    let auth = &app.identity.auth;
    match auth.change_password(&caller, current, new, device).await {
        Ok(tokens) => Ok(Secret(tokens.into())),
        Err(AuthError::WrongCredentials) => Err(Problem::invalid(vec![Fault::at(
            "/current_password",
            "wrong",
            "is not the password of this account",
        )])),
        Err(error) => {
            hold_back(&error).await;
            Err(error.into())
        }
    }
}

async fn sessions(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<Everything>,
) -> Result<Page<Session>, Problem> {
    let page = app.identity.sessions.list(&caller, &listing.page).await?;
    Ok(listing
        .list
        .page(page, |session| Session::seen_by(&caller, session)))
}

async fn end_session(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<SessionId>,
) -> Result<Gone, Problem> {
    app.identity.sessions.end(&caller, id).await?;
    Ok(Gone)
}
