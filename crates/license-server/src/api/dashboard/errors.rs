//! Errors as pages, for browsers.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use license_dashboard::{Action, Frame, Notice, Page};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::context::PageContext;
use super::reply::{html, see_other};
use crate::api::problem::PROBLEM_JSON;
use crate::domain::ServerCode;

/// The maximum size of a problem that becomes a page, in bytes.
const MAX_PROBLEM: usize = 1024 * 1024;

/// Makes the problem of a request a page, if the client prefers HTML. A page that needs a session
/// leads to the sign-in.
pub(super) async fn as_pages(request: Request, next: Next) -> Response {
    let is_read = request.method().is_safe();
    let wants_page = wants_page(request.headers()) && !request.uri().path().starts_with("/api/");
    let target = request.uri().path_and_query().map(ToString::to_string);
    let response = next.run(request).await;
    if !wants_page || !is_problem(&response) {
        return response;
    }
    if response.status() == StatusCode::UNAUTHORIZED && is_read {
        let target = target.unwrap_or_default();
        let target = utf8_percent_encode(&target, NON_ALPHANUMERIC);
        return see_other(&format!("/sign-in?return_to={target}"));
    }
    page(response).await
}

/// Returns whether a client is a browser that opens a page.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).map(HeaderValue::to_str);
    matches!(accepted, Some(Ok(accepted)) if accepted.contains("text/html"))
}

fn is_problem(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    media_type.is_some_and(|media_type| media_type == PROBLEM_JSON)
}

/// Returns the page of a problem, with its status and its headers.
async fn page(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_PROBLEM).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let needed = text("expected").filter(|_| text("code") == Some(ServerCode::Forbidden.as_str()));
    let detail = match needed {
        Some(_) => "Your role does not permit this",
        None => text("detail").unwrap_or("The server gives no reason"),
    };
    let notice = Notice::danger(detail)
        .code(text("code").unwrap_or_default())
        .hint(text("hint").filter(|hint| !hint.contains("/api/")));
    let notice = match (needed, text("expected"), text("actual")) {
        (Some(needed), ..) => notice.text(format!("The permission `{needed}` is necessary.")),
        (None, Some(expected), Some(actual)) => {
            notice.text(format!("Expected: {expected}. Found: {actual}."))
        }
        _ => notice,
    };
    let title = title(parts.status);
    let page = match parts.extensions.get::<PageContext>() {
        Some(context) => context.page(title),
        None => Page::new(Frame::new(title)),
    };
    let page = page.with(notice);
    let page = page.with(vec![Action::link("Go to the overview", "/")]);
    let page = html(&page).into_parts();
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    parts.headers.extend(page.0.headers);
    (parts, page.1).into_response()
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "Sign in again",
        StatusCode::FORBIDDEN => "Not permitted",
        StatusCode::NOT_FOUND => "Page not found",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        status if status.is_server_error() => "The server has failed",
        _ => "The request is not acceptable",
    }
}
