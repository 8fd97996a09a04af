//! Refusals by AWS KMS.

use serde_json::Value;

use super::super::error::{ErrorAdvice, environment, unsupported, usage};
use super::super::http::{HttpResponse, one_line};
use super::credentials::Credentials;
use super::error::KEY_EXAMPLES;

/// The maximum length of the name of an exception, in bytes.
const MAX_EXCEPTION: usize = 80;

/// A response of AWS KMS with a status other than 200.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AWS KMS refused {action}: {message}")]
pub struct KmsRefusal {
    action: &'static str,
    message: String,
    exception: Option<String>,
    status: u16,
}

impl KmsRefusal {
    /// Reads the response. A message that repeats the credentials is omitted.
    pub(super) fn new(
        action: &'static str,
        response: &HttpResponse,
        credentials: &Credentials,
    ) -> Self {
        let status = || format!("status {}", response.status);
        let exception = exception(&response.body);
        let message = match (&exception, message(&response.body)) {
            (None, _) => status(),
            (Some(exception), None) => exception.clone(),
            (Some(exception), Some(message)) => format!("{exception}: {message}"),
        };
        let message = if credentials.occur_in(&message) {
            status()
        } else {
            message
        };
        Self {
            action,
            message: one_line(&message),
            exception,
            status: response.status,
        }
    }

    /// Returns what kind of problem the refusal reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        match self.exception.as_deref() {
            Some("NotFoundException") => environment(
                "NO_KEY",
                "check the key's id or alias, the region and the account",
            ),
            Some("DisabledException" | "KMSInvalidStateException") => environment(
                "KEY_DISABLED",
                "run `aws kms enable-key --key-id ID`; if the deletion of the key is pending, run `aws kms cancel-key-deletion` first",
            ),
            Some("AccessDeniedException") => environment(
                "ACCESS_DENIED",
                "allow the user of these credentials to call kms:GetPublicKey and kms:Sign with this key",
            ),
            Some(
                "ExpiredTokenException"
                | "IncompleteSignature"
                | "IncompleteSignatureException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "RequestExpired"
                | "SignatureDoesNotMatch"
                | "UnrecognizedClientException",
            ) => environment(
                "CREDENTIALS",
                "get fresh credentials, and check the clock and the region",
            ),
            Some("InvalidKeyUsageException" | "UnsupportedOperationException") => unsupported(
                "create a key with `aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096`",
            ),
            Some("InvalidArnException" | "ValidationException") => usage(KEY_EXAMPLES),
            exception if is_busy(exception, self.status) => {
                environment("KMS", "run the command again later: the service is busy")
            }
            _ => environment("KMS", "check the endpoint and the region"),
        }
    }
}

/// Returns whether the same request may succeed a moment later.
pub(super) fn is_temporary(response: &HttpResponse) -> bool {
    is_busy(exception(&response.body).as_deref(), response.status)
}

fn is_busy(exception: Option<&str>, status: u16) -> bool {
    status >= 500 || status == 429 || exception.is_some_and(|name| name.contains("Throttl"))
}

/// Reads `{"__type": "com.amazonaws.kms#NotFoundException"}`, with or without the namespace.
fn exception(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let name = body.get("__type")?.as_str()?.rsplit('#').next()?;
    let is_name = !name.is_empty()
        && name.len() <= MAX_EXCEPTION
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric());
    is_name.then(|| name.to_owned())
}

fn message(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let message = body
        .get("message")
        .or_else(|| body.get("Message"))?
        .as_str()?;
    (!message.is_empty()).then(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::ErrorCategory;

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            metadata_flavor: None,
            body: body.to_owned().into(),
        }
    }

    fn refusal(status: u16, body: &str) -> KmsRefusal {
        let credentials = Credentials::read(|_| Some("s3cret".to_owned())).unwrap();
        KmsRefusal::new("Sign", &response(status, body), &credentials)
    }

    #[test]
    fn a_refusal_has_a_code_and_a_hint() {
        for (kind, category, code) in [
            ("NotFoundException", ErrorCategory::Environment, "NO_KEY"),
            (
                "DisabledException",
                ErrorCategory::Environment,
                "KEY_DISABLED",
            ),
            (
                "AccessDeniedException",
                ErrorCategory::Environment,
                "ACCESS_DENIED",
            ),
            (
                "ExpiredTokenException",
                ErrorCategory::Environment,
                "CREDENTIALS",
            ),
            (
                "InvalidKeyUsageException",
                ErrorCategory::Key,
                "UNSUPPORTED",
            ),
            ("ValidationException", ErrorCategory::Request, "USAGE"),
            ("ThrottlingException", ErrorCategory::Environment, "KMS"),
            ("SomethingNew", ErrorCategory::Environment, "KMS"),
        ] {
            for prefix in ["", "com.amazonaws.kms#"] {
                let body = format!(r#"{{"__type":"{prefix}{kind}","message":"why"}}"#);
                let refusal = refusal(400, &body);
                assert_eq!(
                    (refusal.advice().category, refusal.advice().code),
                    (category, code),
                    "{kind}"
                );
                let message = format!("AWS KMS refused Sign: {kind}: why");
                assert_eq!(refusal.to_string(), message);
                assert!(!refusal.advice().hint.is_empty());
            }
        }
    }

    #[test]
    fn no_refusal_repeats_a_secret_or_breaks_the_line() {
        let echo = refusal(403, r#"{"__type":"X","message":"you sent s3cret"}"#);
        assert_eq!(echo.to_string(), "AWS KMS refused Sign: status 403");
        let lines = refusal(400, r#"{"__type":"X","message":"a\nb\u001b[2J"}"#);
        assert!(!lines.to_string().contains(['\n', '\u{1b}']), "{lines:?}");
        let html = refusal(502, "<html>s3cret</html>");
        assert_eq!(html.to_string(), "AWS KMS refused Sign: status 502");
    }

    #[test]
    fn only_temporary_refusals_are_retried() {
        let throttled = r#"{"__type":"ThrottlingException"}"#;
        for (status, body) in [(500, ""), (503, "x"), (429, ""), (400, throttled)] {
            assert!(is_temporary(&response(status, body)), "{status}");
        }
        for (status, body) in [(200, "{}"), (400, "{}"), (403, ""), (302, "")] {
            assert!(!is_temporary(&response(status, body)), "{status}");
        }
    }
}
