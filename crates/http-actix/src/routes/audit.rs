//! `/audit`.

use actix_web::web::Data;
use domain::identity::Permission;

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::Page,
    app::App,
    dto::{AuditEntry, AuditParameters},
    extract::{Authenticated, Listing},
    problem::Problem,
};

pub(super) const RESOURCE: Resource = Resource {
    name: "audit",
    about: "Who did what.",
    endpoints: &[
        endpoint!(GET "/audit", Access::Only(Permission::AuditRead), list, About {
            id: "listAudit",
            summary: "Who did what",
            description: "Every act of the shop's people and of API keys, the latest first, page by \
                          page: who did what to which thing, when, from where, and in which request. It \
                          was written together with what was done.",
            problems: &[],
        }),
    ],
};

async fn list(
    app: Data<App>,
    Authenticated(caller): Authenticated,
    listing: Listing<AuditParameters>,
) -> Result<Page<AuditEntry>, Problem> {
    let filter = listing.parameters.into();
    let page = app.audit.list(&caller, &filter, &listing.page).await?;
    Ok(listing.list.page(page, |entry| entry.into()))
}
