//! Refusals by Google Cloud KMS.

use serde_json::Value;

use super::super::error::{ErrorAdvice, environment, usage};
use super::super::http::{HttpResponse, one_line};
use super::access_token::AccessToken;
use super::error::KEY_EXAMPLE;

/// A response of Google Cloud KMS with a status other than 200.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Google Cloud KMS refused {method}: {message}")]
pub struct GcpKmsRefusal {
    method: &'static str,
    message: String,
    /// The name of the status, such as `NOT_FOUND`.
    reason: Option<String>,
    /// Whether the interface of the service is switched off in the project.
    is_service_disabled: bool,
    status: u16,
}

impl GcpKmsRefusal {
    /// Reads the response. A message that repeats the access token is omitted.
    pub(super) fn new(method: &'static str, response: &HttpResponse, token: &AccessToken) -> Self {
        let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
        let error = body.get("error");
        let reason = error.and_then(|error| error.get("status")?.as_str());
        let reason = reason.filter(|reason| is_name(reason)).map(str::to_owned);
        let text = error.and_then(|error| error.get("message")?.as_str());
        let text = text.filter(|text| !text.is_empty() && !token.occurs_in(text));
        let message = match (&reason, text) {
            (Some(reason), Some(text)) => format!("{reason}: {text}"),
            (Some(reason), None) => reason.clone(),
            (None, _) => format!("status {}", response.status),
        };
        Self {
            method,
            message: one_line(&message),
            reason,
            is_service_disabled: has_detail(error, "SERVICE_DISABLED"),
            status: response.status,
        }
    }

    /// Returns what kind of problem the refusal reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        match self.reason.as_deref() {
            Some("NOT_FOUND") => environment(
                "NO_KEY",
                "check the project, location, key ring, key and version: \
                 `gcloud kms keys versions list --key KEY --keyring RING --location LOCATION`",
            ),
            Some("PERMISSION_DENIED") if self.is_service_disabled => environment(
                "ACCESS_DENIED",
                "run `gcloud services enable cloudkms.googleapis.com` in the project of the key",
            ),
            Some("PERMISSION_DENIED") => environment(
                "ACCESS_DENIED",
                "grant roles/cloudkms.signerVerifier on the key to this account, \
                 and check the names in the location of the key",
            ),
            Some("FAILED_PRECONDITION") => environment(
                "KEY_DISABLED",
                "run `gcloud kms keys versions enable VERSION --key KEY --keyring RING \
                 --location LOCATION`; if the version is scheduled for destruction, \
                 run `gcloud kms keys versions restore` first",
            ),
            Some("UNAUTHENTICATED") => environment(
                "CREDENTIALS",
                "get fresh credentials, such as with `gcloud auth application-default login`",
            ),
            Some("INVALID_ARGUMENT") => usage(KEY_EXAMPLE),
            _ if self.status >= 500 || self.status == 429 => {
                environment("KMS", "run the command again later: the service is busy")
            }
            _ => environment(
                "KMS",
                "check the endpoint: another service may be answering",
            ),
        }
    }
}

/// Returns whether the same request may succeed a moment later.
pub(super) fn is_temporary(response: &HttpResponse) -> bool {
    response.status >= 500 || response.status == 429
}

/// Returns whether the text is the name of a status, such as `NOT_FOUND`.
fn is_name(text: &str) -> bool {
    let is_allowed = |character: char| character.is_ascii_uppercase() || character == '_';
    (1..=40).contains(&text.len()) && text.chars().all(is_allowed)
}

/// Returns whether the details of an error contain this reason.
fn has_detail(error: Option<&Value>, reason: &str) -> bool {
    let details = error.and_then(|error| error.get("details")?.as_array());
    details.is_some_and(|details| {
        let mut reasons = details.iter().filter_map(|detail| detail.get("reason"));
        reasons.any(|found| found == reason)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::signer::ErrorCategory;

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            metadata_flavor: None,
            body: body.to_owned().into(),
        }
    }

    fn refusal(status: u16, body: &str) -> GcpKmsRefusal {
        let token = AccessToken::fixed("ya29.s3cret".to_owned().into());
        GcpKmsRefusal::new("asymmetricSign", &response(status, body), &token)
    }

    #[test]
    fn a_refusal_has_a_code_and_a_hint() {
        use ErrorCategory::{Environment, Request};
        for (status, name, category, code) in [
            (404, "NOT_FOUND", Environment, "NO_KEY"),
            (403, "PERMISSION_DENIED", Environment, "ACCESS_DENIED"),
            (400, "FAILED_PRECONDITION", Environment, "KEY_DISABLED"),
            (401, "UNAUTHENTICATED", Environment, "CREDENTIALS"),
            (400, "INVALID_ARGUMENT", Request, "USAGE"),
            (429, "RESOURCE_EXHAUSTED", Environment, "KMS"),
            (503, "UNAVAILABLE", Environment, "KMS"),
            (418, "SOMETHING_NEW", Environment, "KMS"),
        ] {
            let error = json!({"error": {"code": status, "status": name, "message": "why"}});
            let refusal = refusal(status, &error.to_string());
            let advice = refusal.advice();
            assert_eq!((advice.category, advice.code), (category, code), "{name}");
            let message = format!("Google Cloud KMS refused asymmetricSign: {name}: why");
            assert_eq!(refusal.to_string(), message);
            assert!(!advice.hint.is_empty());
        }
    }

    #[test]
    fn a_project_without_the_service_gets_its_own_hint() {
        let error = json!({"error": {"status": "PERMISSION_DENIED", "message": "off", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
        ]}});
        let hint = refusal(403, &error.to_string()).advice().hint;
        assert!(hint.contains("gcloud services enable"), "{hint}");
    }

    #[test]
    fn no_refusal_repeats_a_token_or_breaks_the_line() {
        for (body, expected) in [
            (
                r#"{"error":{"status":"ODD","message":"you sent ya29.s3cret"}}"#,
                "ODD",
            ),
            ("<html>ya29.s3cret</html>", "status 403"),
            (
                r#"{"error":{"status":"ya29.s3cret","message":"x"}}"#,
                "status 403",
            ),
            (
                r#"{"error":{"status":"ODD","message":"a\nb\u001b[2J"}}"#,
                "ODD: a b [2J",
            ),
            ("[]", "status 403"),
            (r#"{"error":"invalid"}"#, "status 403"),
        ] {
            let expected = format!("Google Cloud KMS refused asymmetricSign: {expected}");
            assert_eq!(refusal(403, body).to_string(), expected);
        }
    }

    #[test]
    fn only_temporary_refusals_are_retried() {
        for status in [500, 503, 429] {
            assert!(is_temporary(&response(status, "")), "{status}");
        }
        for status in [200, 302, 400, 403, 404] {
            assert!(!is_temporary(&response(status, "")), "{status}");
        }
    }
}
