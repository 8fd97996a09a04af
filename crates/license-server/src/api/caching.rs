//! The responses that caches may keep.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Keeps responses out of caches unless they say otherwise.
pub(super) async fn no_store(request: Request, next: Next) -> Response {
    not_stored(next.run(request).await)
}

/// Returns a response that caches do not store, unless it says otherwise.
pub(super) fn not_stored(mut response: Response) -> Response {
    let caching = response.headers_mut().entry(header::CACHE_CONTROL);
    caching.or_insert(HeaderValue::from_static("no-store"));
    response
}
