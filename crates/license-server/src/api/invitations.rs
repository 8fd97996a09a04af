//! Invitations to an organization.

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
use super::members::role;
use super::pages::PageBody;
use super::paths::StrictPath;
use super::person::{MaybePerson, Visitor};
use super::problem::Problem;
use super::registrations::email;
use crate::domain::Invitation;
use crate::services::{NewJoiner, Password};

/// An invitation, without its link.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(super) struct InvitationBody {
    id: String,
    email: String,
    role: &'static str,
    created_at: DateTime<Utc>,
    /// The originator, such as `account:acc_…`.
    created_by: String,
    expires_at: DateTime<Utc>,
    /// Whether the link was sent by mail.
    is_mailed: bool,
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email.to_string(),
            role: invitation.role.as_str(),
            created_at: invitation.created_at,
            created_by: invitation.created_by,
            expires_at: invitation.expires_at,
            is_mailed: invitation.is_mailed,
        }
    }
}

/// A new invitation.
#[derive(Serialize, ToSchema)]
#[schema(as = NewInvitation)]
pub(super) struct NewInvitationBody {
    #[serde(flatten)]
    invitation: InvitationBody,
    /// The link, which is shown once, if the server cannot send mail. The caller passes it on.
    link: Option<String>,
}

/// The invited person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvitationRequest)]
pub(super) struct InvitationRequestBody {
    #[schema(min_length = 3, max_length = 254)]
    email: String,
    /// The name of the role. The caller must have each of its permissions.
    #[schema(min_length = 1, max_length = 32)]
    role: String,
}

/// Lists the open invitations.
#[utoipa::path(
    get,
    path = "/api/v1/invitations",
    tag = "administration",
    security(("bearer" = ["people:read"])),
    responses((status = 200, description = "All invitations", body = PageBody<InvitationBody>)),
)]
pub(super) async fn list(caller: Caller) -> JsonReply<PageBody<InvitationBody>> {
    let found = caller.services().members.invitations().await?;
    Ok(Json(PageBody::complete(found, InvitationBody::from)))
}

/// Invites a person. The link is sent by mail; if the server cannot send mail, the answer has it.
#[utoipa::path(
    post,
    path = "/api/v1/invitations",
    tag = "administration",
    request_body = InvitationRequestBody,
    security(("bearer" = ["people:manage"])),
    responses((status = 201, description = "The invitation", body = NewInvitationBody)),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    StrictJson(body): StrictJson<InvitationRequestBody>,
) -> Result<Response, Problem> {
    let (email, role) = (email(&body.email)?, role(&body.role)?);
    app.limit_invitation(&caller.principal().tenant, &email)?;
    let members = &caller.services().members;
    let new = members.invite(caller.principal(), email, role).await?;
    let is_shown = new.link.is_some();
    let body = NewInvitationBody {
        invitation: new.invitation.into(),
        link: new.link,
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if is_shown {
        response.extensions_mut().insert(ShownOnce);
    }
    Ok(response)
}

/// Withdraws an invitation.
#[utoipa::path(
    delete,
    path = "/api/v1/invitations/{invitation}",
    tag = "administration",
    params(("invitation" = String, Path, description = "The id of the invitation")),
    security(("bearer" = ["people:manage"])),
    responses((status = 204, description = "The invitation is withdrawn")),
)]
pub(super) async fn withdraw(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let members = &caller.services().members;
    members.withdraw(caller.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The acceptance of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Acceptance)]
pub(super) struct AcceptanceBody {
    /// The text after `#` in the link.
    #[schema(min_length = 1, max_length = 256)]
    token: String,
    /// The name of a person without an account.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The password of a person without an account.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 256)]
    password: Option<String>,
}

/// The organization that a person has joined.
#[derive(Serialize, ToSchema)]
#[schema(as = JoinedOrganization)]
pub(super) struct JoinedBody {
    organization: String,
}

/// Accepts an invitation. A person with an account signs in first. A person without one sends a
/// name and a password.
#[utoipa::path(
    post,
    path = "/api/v1/invitations/accept",
    tag = "people",
    request_body = AcceptanceBody,
    responses((status = 200, description = "The organization", body = JoinedBody)),
)]
pub(super) async fn accept(
    State(app): State<App>,
    MaybePerson(person): MaybePerson,
    visitor: Visitor,
    StrictJson(body): StrictJson<AcceptanceBody>,
) -> JsonReply<JoinedBody> {
    app.limit_visitor(&visitor)?;
    let new = body
        .name
        .zip(body.password)
        .map(|(name, password)| NewJoiner {
            name,
            password: Password::new(password),
        });
    let person = person.as_ref().map(super::person::Person::signed_in);
    let organization = app
        .accounts()
        .accept(&body.token, person, new, &visitor.client)
        .await?;
    Ok(Json(JoinedBody {
        organization: organization.to_string(),
    }))
}
