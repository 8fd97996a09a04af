//! The header `Host`.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Refuses requests without exactly one valid `Host`, like [`refusal`].
pub(super) async fn require_host(request: Request, next: Next) -> Response {
    match refusal(&request) {
        None => next.run(request).await,
        Some(response) => response,
    }
}

/// Returns the response to a request without exactly one valid `Host` (RFC 9112, section 3.2). A
/// proxy in front of the server could understand such a request in another way. HTTP/1.0 does not
/// need the header.
pub(super) fn refusal(request: &Request) -> Option<Response> {
    let found = check(request.version(), request.headers()).err()?;
    let problem = Problem::malformed("the header Host is missing or not acceptable")
        .values("one header Host with the name of the server", found)
        .hint("send the host and port of the URL in one header Host");
    let mut response = problem.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    Some(response)
}

/// Checks the headers. Returns what was found instead of one valid `Host`.
fn check(version: Version, headers: &HeaderMap) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Err("several headers"),
        (Some(host), None) if is_valid(host) => Ok(()),
        (Some(_), None) => Err("another value"),
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (None, _) => Err("no header"),
    }
}

/// Returns whether a value is a host with an optional port. An empty value is valid too, for a
/// target without an authority.
fn is_valid(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let has_user = text.contains('@');
    text.is_empty() || (!has_user && text.parse::<Authority>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_1_1_needs_exactly_one_valid_host() {
        let check = |version, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            super::check(version, &headers)
        };
        for hosts in [
            &["a"][..],
            &[""],
            &["a.example:8443"],
            &["[::1]:8443"],
            &["127.0.0.1"],
        ] {
            assert_eq!(check(Version::HTTP_11, hosts), Ok(()), "{hosts:?}");
        }
        for hosts in [
            &[][..],
            &["a", "a"],
            &["a b"],
            &["user@a"],
            &["a/b"],
            &["http://a"],
            &["[::1"],
        ] {
            assert!(check(Version::HTTP_11, hosts).is_err(), "{hosts:?}");
        }
        assert_eq!(check(Version::HTTP_10, &[]), Ok(()));
        assert!(check(Version::HTTP_10, &["a", "b"]).is_err());
    }
}
