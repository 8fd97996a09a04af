//! Cookies of browsers, and the protection against requests that other sites cause.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::domain::{ServerCode, SignInSession};
use crate::services::{NewSession, csrf_token};

/// The cookie with the secret of a session. The prefix makes browsers require `Secure`, the path
/// `/` and no domain, so that no other host can set it.
pub(super) const SESSION: &str = "__Host-license_session";

/// The cookie that marks a program with which a person has signed in.
pub(super) const DEVICE: &str = "__Host-license_device";

/// How long a browser keeps the mark of a device, in seconds.
const DEVICE_SECONDS: i64 = 400 * 24 * 60 * 60;

const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The longest value of a cookie that is read, in bytes.
const MAX_VALUE: usize = 256;

/// Returns the value of a cookie with a secret. A name that occurs twice has no value, because
/// another program may have added one of them.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    value_up_to(headers, name, MAX_VALUE)
}

/// Returns the value of a cookie, if it has at most `most` bytes.
pub(super) fn value_up_to<'a>(headers: &'a HeaderMap, name: &str, most: usize) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.filter_map(|line| line.to_str().ok());
    let pairs = pairs.flat_map(|line| line.split(';'));
    let mut found = pairs.filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    let value = found.next().filter(|value| value.len() <= most);
    value.filter(|value| found.next().is_none() && !value.is_empty())
}

/// Adds a cookie to a response. Scripts cannot read it, and other sites do not send it except when
/// a person follows a link.
pub(super) fn set(response: &mut Response, name: &str, value: &str, seconds: i64) {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Adds the cookie of a new session to a response.
pub(super) fn set_session(response: &mut Response, session: &SignInSession, secret: &str) {
    let seconds = (session.expires_at - session.created_at).num_seconds();
    set(response, SESSION, secret, seconds);
}

/// Adds the mark of a known device to a response.
pub(super) fn set_device(response: &mut Response, mark: &str) {
    set(response, DEVICE, mark, DEVICE_SECONDS);
}

/// Returns a response that also marks the program as a known device.
pub(super) fn marked(response: impl IntoResponse, mark: &str) -> Response {
    let mut response = response.into_response();
    set_device(&mut response, mark);
    response
}

/// Adds the cookies of a person who has signed in with a password.
pub(super) fn set_new(response: &mut Response, new: &NewSession) {
    set_session(response, &new.signed_in.session, &new.secret);
    if let Some(device) = &new.device {
        set_device(response, device);
    }
}

/// Removes the cookie of a session from the browser.
pub(super) fn clear_session(response: &mut Response) {
    clear(response, SESSION);
}

/// Removes a cookie from the browser.
pub(super) fn clear(response: &mut Response, name: &str) {
    set(response, name, "", 0);
}

/// Refuses a change with the cookie of a session that has no token of this session.
pub(super) fn check_csrf(
    method: &Method,
    headers: &HeaderMap,
    secret: &str,
) -> Result<(), Problem> {
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    check_site(headers)?;
    let found = headers.get(CSRF_TOKEN).map(HeaderValue::as_bytes);
    let expected = csrf_token(secret);
    if verify_slices_are_equal(expected.as_bytes(), found.unwrap_or_default()).is_ok() {
        return Ok(());
    }
    let detail = "the request has no CSRF token of the session";
    Err(csrf(detail).hint("send the member csrf_token of GET /api/v1/session in X-CSRF-Token"))
}

/// Refuses a request that a browser sends for another site.
pub(super) fn check_site(headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(csrf("another site caused the request")
            .hint("send the request from a page of the license server")),
    }
}

fn csrf(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, ServerCode::CsrfRequired, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_one_value() {
        let long = format!("{SESSION}={}", "a".repeat(257));
        for (lines, expected) in [
            (&["__Host-license_session=abc"][..], Some("abc")),
            (&["a=b; __Host-license_session=abc; c=d"], Some("abc")),
            (&["a=b", "__Host-license_session=abc"], Some("abc")),
            (&["__Host-license_session=a=b"], Some("a=b")),
            (&["license_session=abc"], None),
            (&["x__Host-license_session=abc"], None),
            (&["__Host-license_session="], None),
            (
                &["__Host-license_session=a; __Host-license_session=b"],
                None,
            ),
            (
                &["__Host-license_session=a", "__Host-license_session=b"],
                None,
            ),
            (&[long.as_str()], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            assert_eq!(value(&headers, SESSION), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_change_needs_the_token_of_its_session() {
        let own = csrf_token("lss_own");
        let foreign = csrf_token("lss_other");
        let check = |method: &Method, token: Option<&str>, site: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(token) = token {
                headers.insert(CSRF_TOKEN, token.parse().unwrap());
            }
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, site.parse().unwrap());
            }
            check_csrf(method, &headers, "lss_own").is_ok()
        };
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(check(&method, Some(&own), None), "{method}");
            assert!(check(&method, Some(&own), Some("same-origin")), "{method}");
            for site in ["cross-site", "same-site", "x"] {
                assert!(!check(&method, Some(&own), Some(site)), "{method} {site}");
            }
            for token in [None, Some(""), Some("lss_own"), Some(foreign.as_str())] {
                assert!(!check(&method, token, None), "{method} {token:?}");
            }
        }
        assert!(check(&Method::GET, None, Some("cross-site")));
        assert!(check(&Method::HEAD, None, None));
    }
}
