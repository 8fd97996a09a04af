//! API tokens of administrators.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::idempotency::ShownOnce;
use super::pages::PageBody;
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{ApiToken, Scope, Scopes};
use crate::services::NewToken;

/// The maximum number of scopes of a token.
const MAX_SCOPES: usize = 32;

/// An API token without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenBody {
    id: String,
    name: String,
    /// The roles and permissions that the token has.
    scopes: Vec<&'static str>,
    created_at: DateTime<Utc>,
    /// The originator, such as `console`, `setup` or `token:tok_…`.
    created_by: String,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// The UTC date of the last use.
    last_used_on: Option<NaiveDate>,
}

impl From<ApiToken> for TokenBody {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes.names(),
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_on: token.last_used_on,
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
    /// Names of roles and permissions. The caller must have each of these permissions.
    #[schema(min_items = 1, max_items = 32)]
    scopes: Vec<String>,
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
    security(("bearer" = ["tokens:read"])),
    responses((status = 200, description = "All tokens", body = PageBody<TokenBody>)),
)]
pub(super) async fn list(caller: Caller) -> JsonReply<PageBody<TokenBody>> {
    let tokens = caller.services().tokens.list().await?;
    Ok(Json(PageBody::complete(tokens, TokenBody::from)))
}

/// Creates a token.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "administration",
    request_body = TokenRequestBody,
    security(("bearer" = ["tokens:manage"])),
    responses((status = 201, description = "The token with its secret", body = NewTokenBody)),
)]
pub(super) async fn create(
    caller: Caller,
    StrictJson(body): StrictJson<TokenRequestBody>,
) -> Result<Response, Problem> {
    let scopes = scopes(&body.scopes)?;
    let expires_at = end_after(body.days, caller.services().now())?;
    let name = token_name(&body.name)?;
    let new = caller
        .services()
        .tokens
        .create(caller.principal(), &name, scopes, expires_at)
        .await?;
    Ok(created(new))
}

/// Revokes a token, and the tokens that were created with it.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "administration",
    params(("id" = String, Path, description = "The id of the token")),
    security(("bearer" = ["tokens:manage"])),
    responses((status = 204, description = "The token is revoked")),
)]
pub(super) async fn revoke(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    caller.services().tokens.revoke(caller.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the end of a token that lasts for a number of days.
pub(super) fn end_after(
    days: Option<u32>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Problem> {
    if days.is_some_and(|days| !(1..=3650).contains(&days)) {
        let problem = Problem::malformed("days: the number is out of range");
        return Err(problem.values("a number from 1 to 3650", "another number"));
    }
    Ok(days.map(|days| now + TimeDelta::days(days.into())))
}

/// Parses names of roles and permissions.
pub(super) fn scopes(names: &[String]) -> Result<Scopes, Problem> {
    if !(1..=MAX_SCOPES).contains(&names.len()) {
        let problem = Problem::malformed("the number of scopes is out of range").about("role");
        return Err(problem.values(format!("1 to {MAX_SCOPES} scopes"), names.len()));
    }
    let scopes: Option<Scopes> = names.iter().map(|name| Scope::parse(name)).collect();
    scopes.ok_or_else(|| {
        Problem::malformed("a scope is unknown")
            .about("role")
            .values("names of roles and permissions", "another text")
            .hint("the guide of the server lists the roles and permissions")
    })
}

/// Checks the name of a token.
pub(super) fn token_name(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    match text.chars().count() {
        1..=100 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(Problem::malformed("the name is not acceptable")
            .about("name")
            .values(
                "1 to 100 characters without control characters",
                "another text",
            )),
    }
}
