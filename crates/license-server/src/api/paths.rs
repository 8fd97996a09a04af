//! Parameters in the path of a request.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::domain::{Refusal, RefusalKind, ServerCode};

/// Parameters in the path. A resource whose name is not acceptable does not exist.
pub(super) struct StrictPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for StrictPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // PostgreSQL has no texts with the character NUL.
        if parts.uri.path().contains("%00") {
            return Err(not_found("resource"));
        }
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| Self(path))
            .map_err(|_| not_found("resource"))
    }
}

/// Returns the problem of a resource that does not exist.
pub(super) fn not_found(kind: &str) -> Problem {
    let detail = format!("there is no such {kind}");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        .hint("see /api/v1/openapi.json for the paths")
        .into()
}

/// Returns the problem of a method that a resource does not have.
pub(super) fn method_not_allowed() -> Problem {
    let detail = "the resource does not have this method";
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        ServerCode::MethodNotAllowed,
        detail,
    )
    .hint("the header Allow lists the methods; see /api/v1/openapi.json")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_name_with_the_character_nul_does_not_exist() {
        let app = Router::new().route("/{id}", get(|_: StrictPath<String>| async { "found" }));
        for (path, expected) in [
            ("/a%0Ab", StatusCode::OK),
            ("/a%2500", StatusCode::OK),
            ("/a%00b", StatusCode::NOT_FOUND),
        ] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), expected, "{path}");
        }
    }
}
