//! The members of an organization.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::idempotency::ShownOnce;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{Member, Role};
use crate::services::ResetLink;

/// A member of an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
pub(super) struct MemberBody {
    /// The id of the account.
    id: String,
    email: Option<String>,
    /// Whether the person proved that the address is theirs.
    is_verified: bool,
    name: String,
    role: &'static str,
    /// Whether sign-in needs a one-time code.
    needs_code: bool,
    joined_at: DateTime<Utc>,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self {
            id: member.account.to_string(),
            email: member.email.map(|email| email.to_string()),
            is_verified: member.is_verified,
            name: member.name,
            role: member.role.as_str(),
            needs_code: member.has_totp,
            joined_at: member.joined_at,
        }
    }
}

/// A change of a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChange)]
pub(super) struct MemberChangeBody {
    /// The name of the new role.
    #[schema(min_length = 1, max_length = 32)]
    role: String,
}

/// Lists the members.
#[utoipa::path(
    get,
    path = "/api/v1/members",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["people:read"])),
    responses((status = 200, description = "A page of members", body = PageBody<MemberBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<MemberBody>> {
    let found = caller.services().members.list(&query.request()?).await?;
    Ok(Json(PageBody::new(found, MemberBody::from)))
}

/// Changes the role of a member. The sessions of the member in the organization end.
#[utoipa::path(
    patch,
    path = "/api/v1/members/{member}",
    tag = "administration",
    params(("member" = String, Path, description = "The id of the account")),
    request_body = MemberChangeBody,
    security(("bearer" = ["people:manage"])),
    responses((status = 200, description = "The member", body = MemberBody)),
)]
pub(super) async fn change(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictJson(body): StrictJson<MemberChangeBody>,
) -> JsonReply<MemberBody> {
    let role = role(&body.role)?;
    let members = &caller.services().members;
    let member = members.change_role(caller.principal(), &id, role).await?;
    Ok(Json(member.into()))
}

/// Removes a member. The sessions of the member in the organization end, and the API tokens and
/// invitations that the member created are revoked.
#[utoipa::path(
    delete,
    path = "/api/v1/members/{member}",
    tag = "administration",
    params(("member" = String, Path, description = "The id of the account")),
    security(("bearer" = ["people:manage"])),
    responses((status = 204, description = "The member is removed")),
)]
pub(super) async fn remove(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let members = &caller.services().members;
    members.remove(caller.principal(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a member gets a link for a new password.
#[derive(Serialize, ToSchema)]
#[schema(as = MemberPasswordReset)]
pub(super) struct MemberResetBody {
    /// Whether the link was sent by mail.
    is_mailed: bool,
    /// The link, which is shown once, if the server cannot send mail. The caller passes it on.
    link: Option<String>,
}

/// Gives a member a link for a new password: by mail, or else to the caller.
#[utoipa::path(
    post,
    path = "/api/v1/members/{member}/password-resets",
    tag = "administration",
    params(("member" = String, Path, description = "The id of the account")),
    security(("bearer" = ["people:manage"])),
    responses((status = 201, description = "The link", body = MemberResetBody)),
)]
pub(super) async fn reset_password(
    State(app): State<App>,
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<Response, Problem> {
    let members = &caller.services().members;
    let link = members.reset_password(app.accounts(), caller.principal(), &id);
    let link = match link.await? {
        ResetLink::Mailed => None,
        ResetLink::Shown(link) => Some(link),
    };
    let body = MemberResetBody {
        is_mailed: link.is_none(),
        link,
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.extensions_mut().insert(ShownOnce);
    Ok(response)
}

/// Stops requiring one-time codes of a member who has lost the device and the recovery codes. The
/// member gets a mail.
#[utoipa::path(
    delete,
    path = "/api/v1/members/{member}/totp",
    tag = "administration",
    params(("member" = String, Path, description = "The id of the account")),
    security(("bearer" = ["people:manage"])),
    responses((status = 204, description = "The account needs no one-time codes")),
)]
pub(super) async fn end_codes(
    State(app): State<App>,
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let members = &caller.services().members;
    let ended = members.end_codes(app.accounts(), caller.principal(), &id);
    ended.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parses the name of a role.
pub(super) fn role(text: &str) -> Result<Role, Problem> {
    Role::parse(text).ok_or_else(|| {
        let roles = Role::ALL.map(Role::as_str).join(", ");
        Problem::malformed("the role is unknown")
            .values(roles, "another text")
            .hint("the guide to the server lists the roles")
    })
}
