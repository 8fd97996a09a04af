//! Errors as `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use license_core::Code;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{Refusal, RefusalKind, ServerCode};

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// An error as a response.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    refusal: Box<Refusal>,
}

/// The reason code of an error response, for the logs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProblemCode(pub(super) &'static str);

/// The JSON of an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// Always `about:blank`; `code` is the type of the problem.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The meaning of the status.
    title: &'static str,
    /// The status of the response.
    status: u16,
    /// The reason code, which does not change.
    code: &'static str,
    /// One sentence about this problem.
    detail: String,
    /// The next step of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The expected value.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// The found value.
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    /// Further facts, such as the holders of seats.
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    facts: Map<String, Value>,
}

impl Problem {
    /// Creates a problem with a code of the server.
    pub(super) fn new(status: StatusCode, code: ServerCode, detail: impl Into<String>) -> Self {
        let refusal = Refusal::new(RefusalKind::BadRequest, code, detail);
        Self {
            status,
            refusal: Box::new(refusal),
        }
    }

    /// Creates the problem of a request that is not well formed: status 400, code `MALFORMED`.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Refusal::of_license(RefusalKind::BadRequest, Code::Malformed, detail).into()
    }

    /// Adds the next step of the caller.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.refusal.hint = Some(hint.into());
        self
    }

    /// Adds the expected and the found value.
    pub(super) fn values(mut self, expected: impl ToString, actual: impl ToString) -> Self {
        self.refusal.expected = Some(expected.to_string());
        self.refusal.actual = Some(actual.to_string());
        self
    }

    /// Names the member of the request with the value that is not accepted.
    pub(super) fn about(mut self, member: &'static str) -> Self {
        self.refusal.member = Some(member);
        self
    }

    /// Adds the time after which the caller may repeat the request.
    pub(super) fn retry_after(mut self, after: Duration) -> Self {
        self.refusal.retry_after = Some(after);
        self
    }

    /// Returns why the request has no effect.
    pub(super) fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Returns the status of the response.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    fn body(self) -> ProblemBody {
        let refusal = *self.refusal;
        let facts = match refusal.facts {
            Some(Value::Object(facts)) => facts,
            _ => Map::new(),
        };
        ProblemBody {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: refusal.code,
            detail: refusal.detail,
            hint: refusal.hint,
            expected: refusal.expected,
            actual: refusal.actual,
            facts,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: match refusal.kind {
                RefusalKind::BadRequest => StatusCode::BAD_REQUEST,
                RefusalKind::Unauthorized => StatusCode::UNAUTHORIZED,
                RefusalKind::Forbidden => StatusCode::FORBIDDEN,
                RefusalKind::NotFound => StatusCode::NOT_FOUND,
                RefusalKind::Conflict => StatusCode::CONFLICT,
                RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                RefusalKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            },
            refusal: Box::new(refusal),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = (self.status, ProblemCode(self.refusal.code));
        let retry_after = self.refusal.retry_after;
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static(PROBLEM_JSON);
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = retry_after {
            // Whole seconds, rounded up.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            let schemes = HeaderValue::from_static("Bearer, License");
            headers.insert(header::WWW_AUTHENTICATE, schemes);
        }
        response.extensions_mut().insert(code);
        response
    }
}
