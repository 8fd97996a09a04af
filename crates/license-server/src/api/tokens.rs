//! API tokens of administrators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::Administrator;
use super::idempotency::ShownOnce;
use super::pages::PageBody;
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{ApiToken, Scope};
use crate::services::NewToken;

/// An API token without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenBody {
    id: String,
    name: String,
    /// `read` or `admin`.
    scope: &'static str,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<ApiToken> for TokenBody {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scope: token.scope.as_str(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// A new API token with its secret, which is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewToken)]
pub(super) struct NewTokenBody {
    #[serde(flatten)]
    token: TokenBody,
    /// The secret for `Authorization: Bearer`. The server stores only its digest.
    secret: String,
}

/// Returns the response with a new token.
pub(super) fn created(new: NewToken) -> Response {
    let body = NewTokenBody {
        token: new.token.into(),
        secret: new.secret,
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.extensions_mut().insert(ShownOnce);
    response
}

/// A request for a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenRequest)]
pub(super) struct TokenRequestBody {
    /// The name of the token, such as the person or program that uses it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `read` or `admin`.
    #[schema(pattern = "^(read|admin)$")]
    scope: String,
    /// The days until the token expires. Without it, the token does not expire.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
}

/// Lists the tokens, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "administration",
    security(("bearer" = [])),
    responses((status = 200, description = "All tokens", body = PageBody<TokenBody>)),
)]
pub(super) async fn list(State(app): State<App>) -> JsonReply<PageBody<TokenBody>> {
    let tokens = app.services().tokens.list().await?;
    Ok(Json(PageBody::complete(tokens, TokenBody::from)))
}

/// Creates a token.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "administration",
    request_body = TokenRequestBody,
    security(("bearer" = [])),
    responses((status = 201, description = "The token with its secret", body = NewTokenBody)),
)]
pub(super) async fn create(
    State(app): State<App>,
    Administrator(actor): Administrator,
    StrictJson(body): StrictJson<TokenRequestBody>,
) -> Result<Response, Problem> {
    let scope = Scope::parse(&body.scope).ok_or_else(|| {
        Problem::malformed("the scope is unknown").values("read or admin", "another text")
    })?;
    let days = body.days.filter(|days| (1..=3650).contains(days));
    if days != body.days {
        let problem = Problem::malformed("the number of days is out of range");
        return Err(problem.values("a number from 1 to 3650", "another number"));
    }
    let expires_at = days.map(|days| app.now() + TimeDelta::days(days.into()));
    let name = token_name(&body.name)?;
    let new = app
        .services()
        .tokens
        .create(&actor, &name, scope, expires_at)
        .await?;
    Ok(created(new))
}

/// Revokes a token.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "administration",
    params(("id" = String, Path, description = "The id of the token")),
    security(("bearer" = [])),
    responses((status = 204, description = "The token is revoked")),
)]
pub(super) async fn revoke(
    State(app): State<App>,
    Administrator(actor): Administrator,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    app.services().tokens.revoke(&actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks the name of a token.
pub(super) fn token_name(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    match text.chars().count() {
        1..=100 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(Problem::malformed("the name is not acceptable").values(
            "1 to 100 characters without control characters",
            "another text",
        )),
    }
}
