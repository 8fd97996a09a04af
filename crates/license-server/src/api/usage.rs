//! Machines and seats that a person uses.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::App;
use super::body::JsonReply;
use super::groups::GroupLeaseBody;
use super::licenses::MachineBody;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::person::Person;
use super::problem::Problem;
use crate::domain::{EmailAddress, Page};
use crate::services::Services;

/// Lists the machines on which the person used licenses with assigned users, in the organization of
/// the session.
#[utoipa::path(
    get,
    path = "/api/v1/account/machines",
    tag = "people",
    params(PageQuery),
    security(("session" = [])),
    responses((status = 200, description = "A page of machines", body = PageBody<MachineBody>)),
)]
pub(super) async fn machines(
    State(app): State<App>,
    person: Person,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<MachineBody>> {
    let page = query.request()?;
    let found = match user(&app, &person).await? {
        None => Page {
            items: Vec::new(),
            next: None,
        },
        Some((services, email)) => services.named_users.machines_of(&email, &page).await?,
    };
    Ok(Json(PageBody::new(found, MachineBody::from)))
}

/// Lists the seats that the person holds, at most 500, in the organization of the session.
#[utoipa::path(
    get,
    path = "/api/v1/account/seats",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, description = "The leases", body = PageBody<GroupLeaseBody>)),
)]
pub(super) async fn seats(
    State(app): State<App>,
    person: Person,
) -> JsonReply<PageBody<GroupLeaseBody>> {
    let found = match user(&app, &person).await? {
        None => Vec::new(),
        Some((services, email)) => services.groups.leases_of_user(&email).await?,
    };
    Ok(Json(PageBody::complete(found, GroupLeaseBody::from)))
}

/// Returns the address of a person, and the services of the organization in which the person works.
/// A person without an address or an organization uses nothing.
pub(super) async fn user(
    app: &App,
    person: &Person,
) -> Result<Option<(Arc<Services>, EmailAddress)>, Problem> {
    let signed_in = person.signed_in();
    let Some(principal) = signed_in.principal() else {
        return Ok(None);
    };
    let Some(email) = signed_in.account.email.clone() else {
        return Ok(None);
    };
    Ok(Some((app.tenants().of(&principal.tenant).await?, email)))
}
