//! The first administrator: `POST /setup`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::StrictJson;
use super::peer::Peer;
use super::problem::Problem;
use super::registrations::email;
use super::tokens::{created, token_name};
use crate::services::Password;

/// The secret of the one-time link, and the name of the administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetupRequest)]
pub(super) struct SetupBody {
    /// The secret of the link that the first start printed.
    #[schema(min_length = 1, max_length = 256)]
    secret: String,
    /// The name of the administrator.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The e-mail address of an account. Without it, the administrator gets an API token.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 254)]
    email: Option<String>,
    /// The password of the account.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 256)]
    password: Option<String>,
}

/// The account of the first administrator.
#[derive(Serialize, ToSchema)]
#[schema(as = FirstAccount)]
pub(super) struct FirstAccountBody {
    /// The id of the account, which signs in with `POST /api/v1/sessions`.
    account: String,
}

/// The answer: a token, or an account.
#[derive(ToSchema)]
#[schema(as = FirstAdministrator)]
#[expect(dead_code, reason = "only the schema is used")]
pub(super) enum FirstAdministrator {
    #[schema(title = "token")]
    Token(super::tokens::NewTokenBody),
    #[schema(title = "account")]
    Account(FirstAccountBody),
}

/// Creates the first administrator: with an e-mail address and a password an account, and an API
/// token otherwise. The secret is valid once, for 24 hours.
#[utoipa::path(
    post,
    path = "/api/v1/setup",
    tag = "administration",
    request_body = SetupBody,
    responses((status = 201, description = "The token or the account", body = FirstAdministrator)),
)]
pub(super) async fn complete(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    StrictJson(body): StrictJson<SetupBody>,
) -> Result<Response, Problem> {
    let name = token_name(&body.name)?;
    let (setup, peer) = (&app.services().setup, Some(peer.address()));
    match (body.email, body.password) {
        (None, None) => Ok(created(setup.complete(&body.secret, &name, peer).await?)),
        (Some(address), Some(password)) => {
            let (address, password) = (email(&address)?, Password::new(password));
            let account = setup.complete_with_account(&body.secret, &name, address, password, peer);
            let account = account.await?.to_string();
            Ok((StatusCode::CREATED, Json(FirstAccountBody { account })).into_response())
        }
        _ => Err(
            Problem::malformed("an account needs an e-mail address and a password")
                .hint("send both members, or neither for an API token"),
        ),
    }
}
