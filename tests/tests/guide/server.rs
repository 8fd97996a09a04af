//! The web server of `docs/developer.md`, and requests to it.

mod requests;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Router};
use license_client::{Client, ClientError, with_causes};

/// The user of a request. The middleware that authenticates the request adds this extension.
#[derive(Clone)]
struct User(String);

/// The client is built once, in `main`.
fn router(client: Arc<Client>) -> Router {
    Router::new()
        .route("/sync", post(sync))
        .route("/command", post(command))
        .with_state(client)
}

/// Needs a feature.
async fn sync(
    State(client): State<Arc<Client>>,
    Extension(user): Extension<User>,
) -> Result<&'static str, StatusCode> {
    let context = client.context().user(&user.0);
    match client.allows_in(&context, "cloud_sync") {
        Ok(true) => Ok("synchronized"),
        Ok(false) => Err(StatusCode::FORBIDDEN),
        Err(error) => Err(status(&error)),
    }
}

/// Takes one use from a quota.
async fn command(
    State(client): State<Arc<Client>>,
    Extension(user): Extension<User>,
) -> Result<&'static str, StatusCode> {
    let task = move || {
        let context = client.context().user(&user.0);
        client.use_quota_in(&context, "commands_per_day", 1)
    };
    let used = tokio::task::spawn_blocking(task).await;
    match used.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)? {
        Ok(used) if used.granted => Ok("done"),
        Ok(_) => Err(StatusCode::TOO_MANY_REQUESTS),
        Err(error) => Err(status(&error)),
    }
}

/// A request without a needed value is refused. Other errors are for the log of the server.
fn status(error: &ClientError) -> StatusCode {
    if matches!(error, ClientError::MissingContext { .. }) {
        return StatusCode::FORBIDDEN;
    }
    eprintln!("{}", with_causes(error));
    StatusCode::INTERNAL_SERVER_ERROR
}
