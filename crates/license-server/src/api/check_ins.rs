//! `POST /check-ins`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::login::ValidationLogin;
use super::validate::ValidateBody;

/// A file for `license install`.
#[derive(Serialize, ToSchema)]
#[schema(as = Artifact)]
pub(super) struct ArtifactBody {
    /// The content of the file.
    pub(super) file: String,
}

/// Checks in: answers with a validation token as the file that `license install` takes.
#[utoipa::path(
    post,
    path = "/api/v1/check-ins",
    tag = "clients",
    request_body = ValidateBody,
    params((
        "X-Login-Token" = Option<String>,
        Header,
        description = "The ID token of the user, if the server has a provider of logins and assigns \
                       the users of the license",
    )),
    responses((status = 200, description = "The validation token as a file", body = ArtifactBody)),
)]
pub(super) async fn check_in(
    State(app): State<App>,
    login: ValidationLogin,
    StrictJson(body): StrictJson<ValidateBody>,
) -> JsonReply<ArtifactBody> {
    app.limit_license(body.license_key())?;
    let request = body.into_request(&app, login).await?;
    let services = app.tenants().of_license(&request.credential).await?;
    let reply = services.check_ins.check_in(request).await?;
    Ok(Json(ArtifactBody { file: reply.armor }))
}
