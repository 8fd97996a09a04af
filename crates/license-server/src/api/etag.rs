//! Responses that clients poll, with an `ETag` (RFC 9110 section 8.8.3).

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use license_core::encoding::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Returns JSON with an `ETag`, or status 304 if the client has this content.
pub(super) fn json_with_etag(headers: &HeaderMap, content: &(impl Serialize + ?Sized)) -> Response {
    let body = serde_json::to_vec(content).unwrap_or_default();
    with_etag(headers, "application/json", body.into())
}

/// Returns content with an `ETag`, or status 304 if the client has this content.
pub(super) fn with_etag(headers: &HeaderMap, media_type: &'static str, body: Bytes) -> Response {
    let digest = Sha256::digest(&body);
    let digest = hex::encode(digest.get(..16).unwrap_or(&digest));
    let etag = format!("\"{digest}\"");
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter();
    let is_known = is_known.filter_map(|value| value.to_str().ok());
    let mut is_known = is_known.flat_map(|value| value.split(','));
    let is_known = is_known.any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag
    });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = body.into_response();
        let media_type = HeaderValue::from_static(media_type);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        response
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_not_sent_again() {
        let first = json_with_etag(&HeaderMap::new(), &[1, 2]);
        assert_eq!(first.status(), StatusCode::OK);
        let etag = first.headers().get(header::ETAG).unwrap().to_str().unwrap();
        for (value, expected) in [
            (etag.to_owned(), StatusCode::NOT_MODIFIED),
            (format!("W/{etag}"), StatusCode::NOT_MODIFIED),
            (format!("\"other\", {etag}"), StatusCode::NOT_MODIFIED),
            ("*".to_owned(), StatusCode::NOT_MODIFIED),
            ("\"other\"".to_owned(), StatusCode::OK),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            assert_eq!(
                json_with_etag(&headers, &[1, 2]).status(),
                expected,
                "{value}"
            );
            let other = json_with_etag(&headers, &[3]).status();
            assert!(other.is_success() || value == "*", "{value}");
        }
    }
}
