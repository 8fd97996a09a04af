//! The organization of the caller, and new ones.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::account::OrganizationBody;
use super::body::{JsonReply, StrictJson};
use super::cookies;
use super::credentials::Caller;
use super::paths::StrictPath;
use super::person::Person;
use super::problem::Problem;
use super::sessions::organization;
use crate::services::{OrganizationDeletion, Password, Reauthentication};

/// The name of an organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationName)]
pub(super) struct NameBody {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
pub(super) struct NamedBody {
    id: String,
    name: String,
}

/// Creates an organization of the person, who becomes its owner. The session stays where it is.
#[utoipa::path(
    post,
    path = "/api/v1/organizations",
    tag = "people",
    request_body = NameBody,
    security(("session" = [])),
    responses((status = 201, description = "The organization", body = OrganizationBody)),
)]
pub(super) async fn create(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<NameBody>,
) -> Result<Response, Problem> {
    app.limit_proof(&person)?;
    let accounts = app.accounts();
    let created = accounts.create_organization(person.signed_in(), &body.name);
    let body = OrganizationBody::from(created.await?);
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Ends the membership of the person in an organization. The sessions of the person in it end, and
/// the API tokens and invitations that the person created in it are revoked. An account without a
/// password, an address and another organization is deleted.
#[utoipa::path(
    delete,
    path = "/api/v1/account/organizations/{organization}",
    tag = "people",
    params(("organization" = String, Path, description = "The id of the organization")),
    security(("session" = [])),
    responses((status = 204, description = "The person has left the organization")),
)]
pub(super) async fn leave(
    State(app): State<App>,
    person: Person,
    StrictPath(id): StrictPath<String>,
) -> Result<Response, Problem> {
    let organization = organization(&id)?;
    let signed_in = person.signed_in();
    app.accounts().leave(signed_in, &organization).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if signed_in.session.organization == Some(organization) {
        cookies::clear_session(&mut response);
    }
    Ok(response)
}

/// Changes the name of the organization.
#[utoipa::path(
    patch,
    path = "/api/v1/organization",
    tag = "administration",
    request_body = NameBody,
    security(("bearer" = ["settings:manage"])),
    responses((status = 200, description = "The organization", body = NamedBody)),
)]
pub(super) async fn rename(
    caller: Caller,
    StrictJson(body): StrictJson<NameBody>,
) -> JsonReply<NamedBody> {
    let members = &caller.services().members;
    let renamed = members.rename_organization(caller.actor(), &body.name);
    Ok(Json(NamedBody {
        name: renamed.await?,
        id: caller.principal().tenant.to_string(),
    }))
}

/// The confirmation that an organization is to be deleted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationDeletion)]
pub(super) struct DeletionBody {
    /// The name or the id of the organization.
    #[schema(min_length = 1, max_length = 100)]
    organization: String,
    /// The current password, if the caller is a person whose account has one.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    password: Option<String>,
    /// The code of the authenticator app, or a recovery code, if the account needs one.
    #[serde(default)]
    #[schema(min_length = 6, max_length = 64)]
    totp: Option<String>,
}

impl From<DeletionBody> for OrganizationDeletion {
    fn from(body: DeletionBody) -> Self {
        let code = body.totp;
        let proof = body.password.map(|password| Reauthentication {
            password: Password::new(password),
            code,
        });
        Self {
            organization: body.organization,
            proof,
        }
    }
}

/// Deletes the organization for good, with its licenses, members, API tokens, webhooks and audit
/// trail. Export the audit trail before. The audit trail of the server records the deletion with
/// the number and the hash of the last deleted entry. Accounts stay.
#[utoipa::path(
    delete,
    path = "/api/v1/organization",
    tag = "administration",
    request_body = DeletionBody,
    security(("bearer" = ["organization:manage"])),
    responses((status = 204, description = "The organization is deleted")),
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    person: Option<Extension<Person>>,
    StrictJson(body): StrictJson<DeletionBody>,
) -> Result<Response, Problem> {
    let person = person.map(|Extension(person)| person);
    if let Some(person) = &person {
        app.limit_proof(person)?;
    }
    let signed_in = person.as_ref().map(Person::signed_in);
    let deleted = app
        .tenants()
        .delete(caller.principal(), signed_in, body.into());
    deleted.await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if person.is_some() {
        cookies::clear_session(&mut response);
    }
    Ok(response)
}
