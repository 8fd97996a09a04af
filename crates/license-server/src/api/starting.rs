//! The routes of a server that is starting.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use axum::routing::get;
use axum::{BoxError, Json, Router};
use serde_json::json;
use tokio::sync::SetOnce;
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use super::health;
use super::host::require_host;
use super::problem::Problem;
use crate::domain::{Refusal, RefusalKind, ServerCode};

/// How long a request waits until the server has opened its database.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// When a client may repeat a request that has waited too long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The routes of a listener. While the server opens its database, `/healthz` and `/readyz` answer,
/// and other requests wait. After that, all routes answer.
#[derive(Clone)]
pub(crate) struct StartingRouter {
    starting: Router,
    opened: Arc<SetOnce<Router>>,
}

impl StartingRouter {
    /// Creates the routes of a server that has not opened its database.
    pub(crate) fn new() -> Self {
        Self::waiting(MAX_WAIT)
    }

    /// Does the same, with a time limit for requests that wait.
    fn waiting(limit: Duration) -> Self {
        let opened = Arc::new(SetOnce::new());
        let routes = Arc::clone(&opened);
        let starting = Router::new()
            .route("/healthz", get(health::health))
            .route("/readyz", get(not_ready))
            .fallback(move |request| answer(routes, request, limit))
            .layer(from_fn(require_host));
        Self { starting, opened }
    }

    /// Lets all routes answer. The first call decides about the routes.
    pub(crate) fn open(&self, router: Router) {
        let _ = self.opened.set(router);
    }
}

impl<B> Service<Request<B>> for StartingRouter
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let router = self.opened.get().unwrap_or(&self.starting);
        router.clone().call(request)
    }
}

async fn not_ready() -> Response {
    let status = Json(json!({"status": "starting"}));
    (StatusCode::SERVICE_UNAVAILABLE, status).into_response()
}

/// Answers a request when the server has opened its database.
async fn answer(routes: Arc<SetOnce<Router>>, request: Request<Body>, limit: Duration) -> Response {
    match timeout(limit, routes.wait()).await {
        Ok(router) => {
            let Ok(response) = router.clone().oneshot(request).await;
            response
        }
        Err(_) => Problem::from(starting()).into_response(),
    }
}

fn starting() -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        ServerCode::Starting,
        "the server is opening its database",
    )
    .hint("repeat the request later; the first start of a new version can take minutes")
    .retry_after(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;

    async fn get(router: &StartingRouter, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("host", "localhost");
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap());
        let response = response.await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn opened() -> Router {
        Router::new()
            .route("/healthz", get_text("opened"))
            .route("/readyz", get_text("opened"))
            .route("/other", get_text("opened"))
    }

    fn get_text(text: &'static str) -> axum::routing::MethodRouter {
        axum::routing::get(move || async move { Json(text) })
    }

    #[tokio::test]
    async fn a_starting_server_is_alive_and_not_ready() {
        let router = StartingRouter::new();
        let alive = (StatusCode::OK, json!({"status": "ok"}));
        assert_eq!(get(&router, "/healthz").await, alive);
        let not_ready = (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"status": "starting"}),
        );
        assert_eq!(get(&router, "/readyz").await, not_ready);
        router.open(opened());
        for path in ["/healthz", "/readyz", "/other"] {
            assert_eq!(get(&router, path).await.1, json!("opened"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_request_waits_for_the_database() {
        let router = StartingRouter::new();
        let waiting = router.clone();
        let answer = tokio::spawn(async move { get(&waiting, "/other").await });
        tokio::task::yield_now().await;
        router.open(opened());
        assert_eq!(answer.await.unwrap(), (StatusCode::OK, json!("opened")));
    }

    #[tokio::test]
    async fn a_request_that_waits_too_long_is_refused_with_a_reason() {
        let router = StartingRouter::waiting(Duration::ZERO);
        let request = Request::get("/other").header("host", "localhost");
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap());
        let retry_after = response.await.unwrap().headers()["retry-after"].clone();
        assert_eq!(retry_after, "5");
        let (status, problem) = get(&router, "/other").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem["code"], "STARTING");
    }

    #[tokio::test]
    async fn a_starting_server_needs_a_host_too() {
        let request = Request::get("/healthz").body(Body::empty()).unwrap();
        let response = StartingRouter::new().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
}
