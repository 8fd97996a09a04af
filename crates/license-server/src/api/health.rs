//! Health, readiness and metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::App;
use super::host::require_host;
use super::problem::Problem;

/// Returns the routes for health and readiness.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
}

/// Returns the router of the metrics, which has its own listener.
pub(crate) fn metrics_router(app: &App) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .layer(from_fn(require_host))
        .with_state(app.clone())
}

/// Answers while the process runs.
pub(super) async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

/// Answers with 200 if the database answers, and a license is installed that the server can use.
async fn readiness(State(app): State<App>) -> Response {
    match app.services().readiness().await {
        Ok(readiness) => {
            let status = if readiness.is_ready() {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            (status, Json(json!({"status": readiness.as_str()}))).into_response()
        }
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    let content_type = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (content_type, app.metrics().to_text()).into_response()
}
