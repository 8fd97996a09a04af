//! Request ids, logs and metrics of requests.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, debug, info, info_span, warn};
use uuid::Uuid;

use super::App;
use super::body::{BodyReceived, has_body};
use super::host;
use super::peer::Peer;
use super::problem::ProblemCode;
use super::telemetry;
use crate::metrics::AnsweredRequest;

/// The header with the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks the response to a caller with permissions, who is logged.
#[derive(Clone, Copy)]
pub(super) struct ToAdministrator;

/// Lets a request enter: checks its `Host` and the limit of its peer, assigns an id to it, and logs
/// and counts the response.
///
/// These are one layer. Each layer copies all layers inside it for each request.
///
/// The id is always a new one, so that a client cannot write to the logs. The machines of a site
/// send many requests. Therefore, successful ones are logged at the level `debug` only.
pub(super) async fn enter(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = Uuid::new_v4().to_string();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str).to_owned();
    let has_body = has_body(request.headers());
    let peer = Peer::find(&request, &app);
    request.extensions_mut().insert(peer);
    let span = if route.starts_with(telemetry::ROUTES) && method != "GET" {
        // The log must not relate telemetry to an address.
        info_span!("request", id)
    } else {
        info_span!("request", id, peer = %peer.address())
    };
    let answer = async {
        if let Some(refusal) = host::refusal(&request) {
            return refusal;
        }
        match app.limit_peer(peer) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    };
    let mut response = answer.instrument(span.clone()).await;
    let (status, duration) = (response.status(), start.elapsed());
    let code = response.extensions().get::<ProblemCode>();
    let code = code.map(|ProblemCode(code)| *code);
    app.metrics().request(&AnsweredRequest {
        method,
        route: &route,
        status: status.as_u16(),
        code,
        duration,
    });
    let milliseconds = duration.as_secs_f64() * 1000.0;
    let is_routine =
        status.is_success() && response.extensions().get::<ToAdministrator>().is_none();
    let status = status.as_u16();
    span.in_scope(|| {
        if status >= 500 {
            warn!(method, route, status, code, milliseconds, "failed");
        } else if is_routine {
            debug!(method, route, status, code, milliseconds, "answered");
        } else {
            info!(method, route, status, code, milliseconds, "answered");
        }
    });
    let is_received = response.extensions().get::<BodyReceived>().is_some();
    let headers = response.headers_mut();
    if has_body && !is_received {
        // The rest of the body would look like the next request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Returns the name of a standard method, or `other`. A client can send any text as a method, and
/// each one would be a new time series.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
