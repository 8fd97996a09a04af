//! The organization of the caller.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::body::StrictJson;
use super::cookies;
use super::credentials::Caller;
use super::person::Person;
use super::problem::Problem;
use crate::services::{OrganizationDeletion, Password, Reauthentication};

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
/// trail. Export the audit trail before. Accounts stay.
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
