//! The users whom administrators assign to licenses.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::licenses::license;
use super::pages::{PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::problem::Problem;
use crate::domain::{EmailAddress, NamedUserKey, Refusal, RefusalKind, ServerCode};
use crate::services::{NamedUserList, NamedUserView};

/// A user who is assigned to a license, or was until a short time ago.
#[derive(Serialize, ToSchema)]
#[schema(as = NamedUser)]
pub(super) struct NamedUserBody {
    /// The id, by which the audit trail names the user.
    id: String,
    email: String,
    assigned_at: DateTime<Utc>,
    /// The originator, such as `console` or `token:tok_…`.
    assigned_by: String,
    /// The time at which the assignment ended. The place is not free yet.
    removed_at: Option<DateTime<Utc>>,
    /// Whether the user may use the license. False for a removed user, and for one beyond the
    /// number of users that the license permits now.
    is_permitted: bool,
    /// The earliest time at which the place can go to another user. Null: as soon as the user is
    /// removed. The time in which the server does not run does not count.
    place_free_at: Option<DateTime<Utc>>,
}

impl From<NamedUserView> for NamedUserBody {
    fn from(view: NamedUserView) -> Self {
        let NamedUserView {
            user,
            is_permitted,
            place_free_at,
        } = view;
        Self {
            id: user.id,
            email: user.email.to_string(),
            assigned_at: user.assigned_at,
            assigned_by: user.assigned_by,
            removed_at: user.removed_at,
            is_permitted,
            place_free_at,
        }
    }
}

/// The users of a license.
#[derive(Serialize, ToSchema)]
#[schema(as = NamedUsers)]
pub(super) struct NamedUsersBody {
    /// The number of users that the license permits, or null without a limit.
    limit: Option<u64>,
    /// The number of places that are taken, with those of removed users that are not free yet, and
    /// of users of other groups.
    taken: u64,
    items: Vec<NamedUserBody>,
    /// The cursor of the next page, or null on the last page.
    next: Option<String>,
}

impl From<NamedUserList> for NamedUsersBody {
    fn from(list: NamedUserList) -> Self {
        Self {
            limit: list.limit,
            taken: list.taken,
            items: list.page.items.into_iter().map(Into::into).collect(),
            next: list.page.next.map(|cursor| cursor.to_string()),
        }
    }
}

/// A request to assign a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NamedUserRequest)]
pub(super) struct AssignBody {
    /// The e-mail address of the user. Upper and lower case do not matter.
    #[schema(min_length = 3, max_length = 254)]
    email: String,
}

/// Lists the users of a license, with removed users whose place is not free yet. An administrator
/// of groups sees the members of these groups only.
#[utoipa::path(
    get,
    path = "/api/v1/licenses/{license}/users",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license"), PageQuery),
    security(("bearer" = ["seats:read"]), ("session" = ["group"])),
    responses((status = 200, description = "A page of users", body = NamedUsersBody)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<NamedUsersBody> {
    let (license, page) = (license(&path)?, query.request()?);
    let only = users_of(&caller).await?;
    let users = &caller.services().named_users;
    let listed = users.list(&license, &page, only.as_ref()).await?;
    Ok(Json(listed.into()))
}

/// Assigns a user to a license and its renewals. Assigning the same user again changes nothing. An
/// administrator of groups assigns members of these groups only.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/{license}/users",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    request_body = AssignBody,
    security(("bearer" = ["seats:manage"]), ("session" = ["group"])),
    responses(
        (status = 200, description = "The user was assigned before", body = NamedUserBody),
        (status = 201, description = "The user is assigned", body = NamedUserBody),
    ),
)]
pub(super) async fn assign(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<AssignBody>,
) -> Result<Response, Problem> {
    let (license, email) = (license(&path)?, email(&body.email)?);
    if let Some(only) = users_of(&caller).await?
        && !only.contains(&email)
    {
        return Err(not_found("member of the group"));
    }
    let users = &caller.services().named_users;
    let (view, is_new) = users.assign(caller.actor(), &license, email).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(NamedUserBody::from(view))).into_response())
}

/// Ends the assignment of a user. Seats of the user end with their next renewal.
#[utoipa::path(
    delete,
    path = "/api/v1/licenses/{license}/users/{user}",
    tag = "administration",
    params(
        ("license" = String, Path, description = "The id of the license"),
        ("user" = String, Path, description = "The e-mail address or the id of the user"),
    ),
    security(("bearer" = ["seats:manage"]), ("session" = ["group"])),
    responses((status = 204, description = "The user is no longer assigned")),
)]
pub(super) async fn unassign(
    caller: Caller,
    StrictPath((path, user)): StrictPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let license = license(&path)?;
    let key = NamedUserKey::parse(&user).ok_or_else(|| not_found("user"))?;
    let only = users_of(&caller).await?;
    let users = &caller.services().named_users;
    users
        .unassign(caller.actor(), &license, key, only.as_ref())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the users to whom the caller is limited: the members of the groups that it administers.
pub(super) async fn users_of(caller: &Caller) -> Result<Option<BTreeSet<EmailAddress>>, Problem> {
    Ok(match caller.groups() {
        None => None,
        Some(groups) => Some(caller.services().groups.users_of(groups).await?),
    })
}

/// Parses an e-mail address.
pub(super) fn email(text: &str) -> Result<EmailAddress, Refusal> {
    EmailAddress::parse(text).ok_or_else(|| {
        let detail = "the e-mail address is not accepted";
        Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
            .about("email")
            .values(EmailAddress::EXPECTED, format!("{} bytes", text.len()))
            .hint("write an internationalized domain in its ASCII form, which starts with xn--")
    })
}
