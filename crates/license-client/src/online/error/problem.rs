//! Refusals of a license server.

use std::time::Duration;

use license_core::encoding::from_strict_json;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::OnlineError;

/// A refusal of a license server: a problem as in RFC 9457.
///
/// ```
/// use license_client::{OnlineError, ServerProblem};
///
/// /// Returns who holds the seats, as the server permits to see.
/// fn holders(error: &OnlineError) -> Option<&serde_json::Value> {
///     error.problem()?.facts.get("holders")
/// }
/// # assert!(holders(&OnlineError::NoServer).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerProblem {
    /// The URL of the server.
    pub server: String,
    /// The status of the response.
    pub status: u16,
    /// The reason code, such as `NO_SEAT`. Newer servers can have codes that this program does not
    /// know.
    pub code: String,
    /// One sentence about the problem.
    pub detail: String,
    /// The next step.
    pub hint: Option<String>,
    /// The expected value.
    pub expected: Option<String>,
    /// The found value.
    pub actual: Option<String>,
    /// Further facts, such as `usage`, `holders` and `next_seat_in_seconds`.
    pub facts: Map<String, Value>,
    /// The time after which the request may be repeated.
    pub retry_after: Option<Duration>,
    /// Whether the connection proves that the problem is from the server: TLS or loopback.
    pub is_authenticated: bool,
}

#[derive(Deserialize)]
struct Members {
    code: String,
    detail: String,
    hint: Option<String>,
    expected: Option<String>,
    actual: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

impl ServerProblem {
    /// Parses the body of a response.
    pub(in crate::online) fn parse(server: &str, status: u16, body: &[u8]) -> Option<Self> {
        let mut members: Members = from_strict_json(body).ok()?;
        for standard in ["type", "title", "status"] {
            members.facts.remove(standard);
        }
        Some(Self {
            server: server.to_owned(),
            status,
            code: code(&members.code)?,
            detail: one_line(&members.detail),
            hint: members.hint.map(|hint| one_line(&hint)),
            expected: members.expected.map(|text| one_line(&text)),
            actual: members.actual.map(|text| one_line(&text)),
            facts: members.facts,
            retry_after: None,
            is_authenticated: false,
        })
    }
}

impl ServerProblem {
    /// Returns whether the lease of a seat has ended for good.
    pub(in crate::online) fn is_lease_lost(&self) -> bool {
        matches!(self.code.as_str(), "LEASE_LOST" | "UNKNOWN_INSTANCE")
    }

    /// Returns whether a server that did not grant a seat says this about it.
    pub(in crate::online) fn is_about_another_seat(&self) -> bool {
        self.is_lease_lost() || matches!(self.code.as_str(), "NOT_BORROWED" | "SECRET_MISMATCH")
    }
}

impl OnlineError {
    /// Returns whether the request certainly had no effect: no server got it, or a server that
    /// proves who it is has refused it.
    pub(in crate::online) fn is_without_effect(&self) -> bool {
        match self {
            Self::Random | Self::NoServer => true,
            Self::Certificate { .. } | Self::ProxyRefused { .. } => true,
            Self::Unreachable { reason, .. } => reason.is_before_request(),
            Self::Problem(problem) => {
                let is_refusal = (400..=499).contains(&problem.status);
                problem.is_authenticated && is_refusal && !problem.is_lease_lost()
            }
            _ => false,
        }
    }

    /// Returns whether an acquire failed because of the login, or because the seat is held with the
    /// user of another login. A held seat can be renewed without one.
    pub(in crate::online) fn is_about_login(&self) -> bool {
        let code = self.code();
        matches!(
            code,
            "LOGIN_EXPIRED"
                | "LOGIN_OTHER_PROVIDER"
                | "LOGIN_REQUIRED"
                | "LOGIN_UNAVAILABLE"
                | "SESSION_MISMATCH"
        )
    }
}

/// Returns a reason code, if the text has the form of one.
fn code(text: &str) -> Option<String> {
    let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_valid = (1..=64).contains(&text.len()) && text.bytes().all(is_code);
    is_valid.then(|| text.to_owned())
}

/// Limits a text of a server to one line of at most 500 characters without control characters.
pub(in crate::online) fn one_line(text: &str) -> String {
    let shown = text.chars().take(500);
    shown
        .map(|shown| if shown.is_control() { ' ' } else { shown })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_keeps_further_facts_and_drops_the_standard_members() {
        let body = br#"{"type": "about:blank", "title": "Conflict", "status": 409,
            "code": "NO_SEAT", "detail": "all\u001b[2J seats", "hint": "wait", "usage": {"held": 2}}"#;
        let problem = ServerProblem::parse("https://server", 409, body).unwrap();
        assert_eq!(problem.code, "NO_SEAT");
        assert_eq!(problem.detail, "all [2J seats");
        assert_eq!(problem.hint.as_deref(), Some("wait"));
        assert_eq!(
            Value::Object(problem.facts),
            serde_json::json!({"usage": {"held": 2}})
        );
    }

    #[test]
    fn json_that_is_not_a_problem_is_refused() {
        for body in [
            "{}",
            "[]",
            r#"{"code": "NO_SEAT"}"#,
            r#"{"code": "no seat", "detail": "x"}"#,
            r#"{"code": "", "detail": "x"}"#,
            r#"{"code": "A", "code": "B", "detail": "x"}"#,
        ] {
            assert_eq!(
                ServerProblem::parse("s", 409, body.as_bytes()),
                None,
                "{body}"
            );
        }
    }
}
