//! The account of a person who has signed in.

pub(super) mod export;
pub(super) mod totp;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::cookies;
use super::person::{Person, Visitor};
use super::problem::Problem;
use super::registrations::email;
use crate::domain::Membership;
use crate::services::{AccountView, Password, Reauthentication};

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountBody {
    id: String,
    email: Option<String>,
    /// Whether the person proved that the address is theirs.
    is_verified: bool,
    name: String,
    has_password: bool,
    /// Whether sign-in needs a one-time code.
    needs_code: bool,
    created_at: DateTime<Utc>,
    organizations: Vec<OrganizationBody>,
}

/// An organization of an account.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountOrganization)]
pub(super) struct OrganizationBody {
    id: String,
    name: Option<String>,
    role: &'static str,
    joined_at: DateTime<Utc>,
}

impl From<Membership> for OrganizationBody {
    fn from(membership: Membership) -> Self {
        Self {
            id: membership.tenant.to_string(),
            name: membership.name,
            role: membership.role.as_str(),
            joined_at: membership.joined_at,
        }
    }
}

impl From<AccountView> for AccountBody {
    fn from(view: AccountView) -> Self {
        let account = view.account;
        Self {
            needs_code: account.needs_code(),
            id: account.id.to_string(),
            email: account.email.map(|email| email.to_string()),
            is_verified: account.verified_at.is_some(),
            name: account.name,
            has_password: account.password.is_some(),
            created_at: account.created_at,
            organizations: view.memberships.into_iter().map(Into::into).collect(),
        }
    }
}

/// The credentials that a person gives again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reauthentication)]
pub(super) struct ProofBody {
    /// The current password.
    #[schema(min_length = 1, max_length = 256)]
    password: String,
    /// The code of the authenticator app, or a recovery code, if the account needs one.
    #[serde(default)]
    #[schema(min_length = 6, max_length = 64)]
    totp: Option<String>,
}

impl From<ProofBody> for Reauthentication {
    fn from(body: ProofBody) -> Self {
        Self {
            password: Password::new(body.password),
            code: body.totp,
        }
    }
}

/// Returns the account of the person.
#[utoipa::path(
    get,
    path = "/api/v1/account",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, description = "The account", body = AccountBody)),
)]
pub(super) async fn get(State(app): State<App>, person: Person) -> JsonReply<AccountBody> {
    let view = app.accounts().view(person.signed_in()).await?;
    Ok(Json(view.into()))
}

/// A change of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange)]
pub(super) struct ChangeBody {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Changes the name of the person.
#[utoipa::path(
    patch,
    path = "/api/v1/account",
    tag = "people",
    request_body = ChangeBody,
    security(("session" = [])),
    responses((status = 200, description = "The account", body = AccountBody)),
)]
pub(super) async fn change(
    state: State<App>,
    person: Person,
    StrictJson(body): StrictJson<ChangeBody>,
) -> JsonReply<AccountBody> {
    let renamed = state.accounts().rename(person.signed_in(), &body.name);
    renamed.await?;
    get(state, person).await
}

/// Deletes the account, with its sessions, its memberships, and the API tokens that it created.
#[utoipa::path(
    delete,
    path = "/api/v1/account",
    tag = "people",
    request_body = ProofBody,
    security(("session" = [])),
    responses((status = 204, description = "The account is deleted")),
)]
pub(super) async fn delete(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<ProofBody>,
) -> Result<Response, Problem> {
    app.limit_proof(&person)?;
    let deleted = app.accounts().delete(person.signed_in(), body.into());
    deleted.await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookies::clear_session(&mut response);
    Ok(response)
}

/// A change of a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub(super) struct PasswordBody {
    /// The current password.
    #[schema(min_length = 1, max_length = 256)]
    current: String,
    /// The new password.
    #[schema(min_length = 10, max_length = 256)]
    new: String,
}

/// Changes the password, and ends the other sessions of the person. The cookie of the answer marks
/// the program as a known device; the marks of other programs end.
#[utoipa::path(
    post,
    path = "/api/v1/account/password",
    tag = "people",
    request_body = PasswordBody,
    security(("session" = [])),
    responses((status = 204, description = "The password is changed")),
)]
pub(super) async fn password(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<PasswordBody>,
) -> Result<Response, Problem> {
    app.limit_proof(&person)?;
    let (current, new) = (Password::new(body.current), Password::new(body.new));
    let changed = app
        .accounts()
        .change_password(person.signed_in(), current, new);
    let device = changed.await?;
    Ok(cookies::marked(StatusCode::NO_CONTENT, &device))
}

/// A change of an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmailChange)]
pub(super) struct EmailBody {
    /// The new address, which gets a link.
    #[schema(min_length = 3, max_length = 254)]
    email: String,
    /// The current password.
    #[schema(min_length = 1, max_length = 256)]
    password: String,
    /// The code of the authenticator app, or a recovery code, if the account needs one.
    #[serde(default)]
    #[schema(min_length = 6, max_length = 64)]
    totp: Option<String>,
}

/// The secret of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkToken)]
pub(super) struct LinkTokenBody {
    /// The text after `#` in the link.
    #[schema(min_length = 1, max_length = 256)]
    token: String,
}

/// Sends a link to a new address of the person.
#[utoipa::path(
    post,
    path = "/api/v1/account/email",
    tag = "people",
    request_body = EmailBody,
    security(("session" = [])),
    responses((status = 202, description = "The address gets a link, unless another account has it")),
)]
pub(super) async fn request_email(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<EmailBody>,
) -> Result<StatusCode, Problem> {
    app.limit_proof(&person)?;
    let proof = ProofBody {
        password: body.password,
        totp: body.totp,
    };
    let email = email(&body.email)?;
    app.accounts()
        .request_email_change(person.signed_in(), proof.into(), email)
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// Gives the account the address that got the link.
#[utoipa::path(
    post,
    path = "/api/v1/account/email/confirm",
    tag = "people",
    request_body = LinkTokenBody,
    responses((status = 204, description = "The account has the address")),
)]
pub(super) async fn confirm_email(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<LinkTokenBody>,
) -> Result<StatusCode, Problem> {
    app.limit_visitor(&visitor)?;
    app.accounts()
        .confirm_email_change(&body.token, &visitor.client)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
