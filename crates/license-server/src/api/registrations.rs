//! Registrations and new passwords, by links that people get by mail.
//!
//! The answer to a request for a link is the same whether the address has an account or not.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::StrictJson;
use super::cookies;
use super::person::Visitor;
use super::problem::Problem;
use crate::domain::EmailAddress;
use crate::services::{Password, Registration};

/// The address that gets a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddressRequest)]
pub(super) struct AddressBody {
    #[schema(min_length = 3, max_length = 254)]
    email: String,
}

/// The answer to a request for a link.
#[derive(Serialize, ToSchema)]
#[schema(as = LinkAnswer)]
pub(super) struct LinkBody {
    /// The next step.
    detail: &'static str,
}

/// The content of a registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistrationRequest)]
pub(super) struct RegistrationBody {
    /// The text after `#` in the link.
    #[schema(min_length = 1, max_length = 256)]
    token: String,
    /// The name of the person.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(min_length = 10, max_length = 256)]
    password: String,
    /// The name of the organization.
    #[schema(min_length = 1, max_length = 100)]
    organization: String,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordReset)]
pub(super) struct ResetBody {
    /// The text after `#` in the link.
    #[schema(min_length = 1, max_length = 256)]
    token: String,
    #[schema(min_length = 10, max_length = 256)]
    password: String,
}

pub(super) const SENT: LinkBody = LinkBody {
    detail: "if the address can have a link, it gets one by mail within a few minutes",
};

/// Sends a link for the registration of an organization.
#[utoipa::path(
    post,
    path = "/api/v1/registrations",
    tag = "people",
    request_body = AddressBody,
    responses((status = 202, description = "The request is accepted", body = LinkBody)),
)]
pub(super) async fn request(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<AddressBody>,
) -> Result<(StatusCode, Json<LinkBody>), Problem> {
    let email = email(&body.email)?;
    app.limit_link(&visitor, &email)?;
    app.accounts().request_registration(email)?;
    Ok((StatusCode::ACCEPTED, Json(SENT)))
}

/// Creates an account with an organization of its own. The person then signs in.
#[utoipa::path(
    post,
    path = "/api/v1/registrations/confirm",
    tag = "people",
    request_body = RegistrationBody,
    responses((status = 204, description = "The account exists")),
)]
pub(super) async fn confirm(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<RegistrationBody>,
) -> Result<StatusCode, Problem> {
    app.limit_visitor(&visitor)?;
    let registration = Registration {
        token: body.token,
        name: body.name,
        password: Password::new(body.password),
        organization: body.organization,
    };
    app.accounts()
        .confirm_registration(registration, &visitor.client)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a link for a new password.
#[utoipa::path(
    post,
    path = "/api/v1/password-resets",
    tag = "people",
    request_body = AddressBody,
    responses((status = 202, description = "The request is accepted", body = LinkBody)),
)]
pub(super) async fn request_reset(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<AddressBody>,
) -> Result<(StatusCode, Json<LinkBody>), Problem> {
    let email = email(&body.email)?;
    app.limit_link(&visitor, &email)?;
    app.accounts().request_reset(email)?;
    Ok((StatusCode::ACCEPTED, Json(SENT)))
}

/// Sets a new password by a link, and ends all sessions of the account. The cookie of the answer
/// marks the program as a known device.
#[utoipa::path(
    post,
    path = "/api/v1/password-resets/confirm",
    tag = "people",
    request_body = ResetBody,
    responses((status = 204, description = "The account has the new password")),
)]
pub(super) async fn confirm_reset(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<ResetBody>,
) -> Result<Response, Problem> {
    app.limit_visitor(&visitor)?;
    let password = Password::new(body.password);
    let reset = app
        .accounts()
        .confirm_reset(&body.token, password, &visitor.client);
    let device = reset.await?;
    Ok(cookies::marked(StatusCode::NO_CONTENT, &device))
}

/// Parses an address.
pub(super) fn email(text: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(text).ok_or_else(|| {
        Problem::malformed("the e-mail address is not accepted")
            .about("email")
            .values(
                "one address in ASCII, such as ann@example.com",
                "another text",
            )
            .hint("write a domain name with other letters in its ASCII form, xn--…")
    })
}
