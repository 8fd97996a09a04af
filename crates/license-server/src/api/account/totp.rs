//! One-time codes of an account, and recovery codes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ProofBody;
use crate::api::App;
use crate::api::body::StrictJson;
use crate::api::cookies;
use crate::api::person::Person;
use crate::api::problem::Problem;
use crate::services::RecoveryCodes;

/// A secret of one-time codes, which is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewTotp)]
pub(in crate::api) struct TotpBody {
    /// The secret in Base32.
    secret: String,
    /// The address for a QR code.
    uri: String,
}

/// A one-time code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotpCode)]
pub(in crate::api) struct CodeBody {
    #[schema(min_length = 6, max_length = 6)]
    totp: String,
}

/// Recovery codes, which are shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub(in crate::api) struct RecoveryBody {
    /// Each code works once, in place of a one-time code.
    recovery_codes: Vec<String>,
}

impl From<RecoveryCodes> for RecoveryBody {
    fn from(codes: RecoveryCodes) -> Self {
        Self {
            recovery_codes: codes.0,
        }
    }
}

/// Creates a secret of one-time codes. Sign-in needs codes after a code has confirmed it.
#[utoipa::path(
    post,
    path = "/api/v1/account/totp",
    tag = "people",
    request_body = ProofBody,
    security(("session" = [])),
    responses((status = 201, description = "The secret", body = TotpBody)),
)]
pub(in crate::api) async fn begin(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<ProofBody>,
) -> Result<(StatusCode, Json<TotpBody>), Problem> {
    app.limit_proof(&person)?;
    let new = app.accounts().begin_totp(person.signed_in(), body.into());
    let new = new.await?;
    let body = TotpBody {
        secret: new.secret.to_string(),
        uri: new.uri.to_string(),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Requires one-time codes from now on, and ends the other sessions of the person. The cookie of
/// the answer marks the program as a known device; the marks of other programs end.
#[utoipa::path(
    post,
    path = "/api/v1/account/totp/confirm",
    tag = "people",
    request_body = CodeBody,
    security(("session" = [])),
    responses((status = 201, description = "The recovery codes", body = RecoveryBody)),
)]
pub(in crate::api) async fn confirm(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<CodeBody>,
) -> Result<Response, Problem> {
    app.limit_proof(&person)?;
    let confirmed = app.accounts().confirm_totp(person.signed_in(), &body.totp);
    let confirmed = confirmed.await?;
    let codes: RecoveryBody = confirmed.codes.into();
    let response = (StatusCode::CREATED, Json(codes));
    Ok(cookies::marked(response, &confirmed.device))
}

/// Replaces the recovery codes.
#[utoipa::path(
    post,
    path = "/api/v1/account/recovery-codes",
    tag = "people",
    request_body = ProofBody,
    security(("session" = [])),
    responses((status = 201, description = "The recovery codes", body = RecoveryBody)),
)]
pub(in crate::api) async fn recovery_codes(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<ProofBody>,
) -> Result<(StatusCode, Json<RecoveryBody>), Problem> {
    app.limit_proof(&person)?;
    let codes = app
        .accounts()
        .renew_recovery_codes(person.signed_in(), body.into());
    Ok((StatusCode::CREATED, Json(codes.await?.into())))
}

/// Stops requiring one-time codes.
#[utoipa::path(
    delete,
    path = "/api/v1/account/totp",
    tag = "people",
    request_body = ProofBody,
    security(("session" = [])),
    responses((status = 204, description = "Sign-in needs no code")),
)]
pub(in crate::api) async fn end(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<ProofBody>,
) -> Result<Response, Problem> {
    app.limit_proof(&person)?;
    let ended = app.accounts().end_totp(person.signed_in(), body.into());
    let device = ended.await?;
    Ok(cookies::marked(StatusCode::NO_CONTENT, &device))
}
