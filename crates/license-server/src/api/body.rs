//! Bodies of requests: limited in size and time, and parsed as strict JSON.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use license_core::encoding::{StrictJsonError, from_strict_json};
use serde::de::DeserializeOwned;

use super::App;
use super::problem::Problem;
use crate::domain::ServerCode;

/// The maximum size of most bodies.
pub(super) const MAX_BODY: usize = 64 * 1024;
/// The maximum size of bodies with usage reports of machines.
const MAX_REPORT_BODY: usize = 1024 * 1024;
/// The maximum size of bodies with files of the vendor.
pub(super) const MAX_LARGE_BODY: usize = 8 * 1024 * 1024;

/// The maximum number of bytes of a body that are discarded after its limit.
const MAX_DISCARDED: usize = 1024 * 1024;

/// The body of a request, completely received.
#[derive(Clone)]
pub(super) struct ReceivedBody(pub(super) Bytes);

/// Marks the response to a request whose body was received.
#[derive(Clone, Copy)]
pub(super) struct BodyReceived;

/// Returns whether a request has a body.
pub(super) fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// Receives the body, at most [`MAX_BODY`] bytes.
pub(super) async fn receive(State(app): State<App>, request: Request, next: Next) -> Response {
    received(&app, request, MAX_BODY, |request| next.run(request)).await
}

/// Receives the body, at most [`MAX_REPORT_BODY`] bytes.
pub(super) async fn receive_report(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    received(&app, request, MAX_REPORT_BODY, |request| next.run(request)).await
}

/// Receives the body, at most [`MAX_LARGE_BODY`] bytes.
pub(super) async fn receive_large(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    received(&app, request, MAX_LARGE_BODY, |request| next.run(request)).await
}

/// Receives the body, at most `cap` bytes, and returns the response of `answer`.
pub(super) async fn received<F>(
    app: &App,
    request: Request,
    cap: usize,
    answer: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let is_bare = *request.method() == Method::DELETE && !has_body(request.headers());
    if is_bare || [Method::GET, Method::HEAD].contains(request.method()) {
        return answer(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let declared = parts.headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > cap.saturating_add(MAX_DISCARDED)) {
        return too_large(cap).into_response();
    }
    let received = tokio::time::timeout(app.limits().body_timeout, collect(body, cap)).await;
    match received {
        Ok(Ok(Some(bytes))) => {
            let body = Body::from(bytes.clone());
            parts.extensions.insert(ReceivedBody(bytes));
            let mut response = answer(Request::from_parts(parts, body)).await;
            response.extensions_mut().insert(BodyReceived);
            response
        }
        Ok(Ok(None)) => too_large(cap).into_response(),
        Ok(Err(_)) => Problem::malformed("the body of the request is incomplete").into_response(),
        Err(_) => timed_out().into_response(),
    }
}

/// Receives a body of at most `cap` bytes. Returns `None` for a larger one, and discards the rest
/// of it, because a client that is still sending would not read the response.
async fn collect(body: Body, cap: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(part) = stream.next().await {
        let part = part?;
        length = length.saturating_add(part.len());
        if length <= cap {
            bytes.extend_from_slice(&part);
        } else if length > cap.saturating_add(MAX_DISCARDED) {
            break;
        }
    }
    Ok((length <= cap).then(|| bytes.into()))
}

fn too_large(cap: usize) -> Problem {
    let detail = "the body of the request is too large";
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    Problem::new(status, ServerCode::TooLarge, detail)
        .values(format!("at most {cap} bytes"), "more bytes")
        .hint("send a smaller body")
}

fn timed_out() -> Problem {
    let detail = "the body of the request did not arrive in time";
    Problem::new(StatusCode::REQUEST_TIMEOUT, ServerCode::TimedOut, detail)
        .hint("repeat the request over a faster connection")
}

/// The body of a request as strict JSON: one object, with known members only and without
/// duplicates.
pub(super) struct StrictJson<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let body = request.extensions().get::<ReceivedBody>();
        let body = body.map(|body| body.0.clone()).unwrap_or_default();
        from_strict_json(&body).map(Self).map_err(refused)
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let found = headers.get(header::CONTENT_TYPE);
    let found = found
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "the content type of the request is not JSON";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let shown: String = found.chars().take(60).collect();
    Err(
        Problem::new(status, ServerCode::UnsupportedMediaType, detail)
            .values("application/json", shown)
            .hint("send the header Content-Type: application/json"),
    )
}

fn refused(error: StrictJsonError) -> Problem {
    match error {
        StrictJsonError::Member {
            path,
            expected,
            found,
        } => Problem::malformed(format!("the member {path} is not acceptable"))
            .values(expected, found)
            .hint("see /api/v1/openapi.json"),
        error => Problem::malformed(license_core::with_causes(&error)).hint("send one JSON object"),
    }
}

/// A response with JSON.
pub(super) type JsonReply<T> = Result<Json<T>, Problem>;
