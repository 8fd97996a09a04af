//! Responses of pages.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use license_dashboard::{POLICY, Page};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::api::cookies;
use crate::api::problem::Problem;

/// The cookie with a message for the next page.
const TOAST: &str = "__Host-license_toast";

/// The maximum length of the cookie, in bytes.
const MAX_TOAST: usize = 1024;

/// How long the message waits for the next page, in seconds.
const TOAST_SECONDS: i64 = 60;

/// The response of a page.
pub(super) type PageReply = Result<Response, Problem>;

/// Returns the response with a page.
pub(super) fn html(page: &Page) -> Response {
    let mut response = Html(page.render()).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sends the browser to another page of this server, so that a reload sends no form again.
pub(super) fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Sends the browser to another page, which shows a message about what was done.
pub(super) fn done(path: &str, message: &str) -> Response {
    let mut response = see_other(path);
    let value = utf8_percent_encode(message, NON_ALPHANUMERIC).to_string();
    if value.len() <= MAX_TOAST {
        cookies::set(&mut response, TOAST, &value, TOAST_SECONDS);
    }
    response
}

/// Returns the message for this page.
pub(super) fn toast(headers: &HeaderMap) -> Option<String> {
    let value = cookies::value_up_to(headers, TOAST, MAX_TOAST)?;
    let text = percent_decode_str(value).decode_utf8().ok()?;
    Some(text.into_owned())
}

/// Removes the message, which is shown once.
pub(super) fn clear_toast(response: &mut Response) {
    cookies::clear(response, TOAST);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reaches_the_next_page() {
        let text = "The license of „Acme; Ltd.“ is issued";
        let response = done("/licenses", text);
        let line = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let pair = line.split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, pair.parse().unwrap());
        assert_eq!(toast(&headers).as_deref(), Some(text));
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let long = done("/licenses", &"x".repeat(2_000));
        assert!(!long.headers().contains_key(header::SET_COOKIE));
    }
}
