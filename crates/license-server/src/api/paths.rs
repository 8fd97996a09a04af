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
