//! What AWS KMS says when it refuses.

use license_terminal::{Exit, Failure, escape};
use serde_json::Value;

use super::credentials::Credentials;
use crate::custody::http::Answer;

/// Longer ones tell no more.
const LONGEST: usize = 300;

/// Whether the same request may well be answered a moment later.
pub(super) fn is_passing(answer: &Answer) -> bool {
    let throttled = || kind(&answer.body).is_some_and(|kind| kind.contains("Throttl"));
    answer.status >= 500 || answer.status == 429 || throttled()
}

/// An answer other than 200 as a failure.
pub(super) fn failure(action: &str, answer: &Answer, credentials: &Credentials) -> Failure {
    let kind = kind(&answer.body).unwrap_or_default();
    let (exit, code, hint) = meaning(&kind, answer.status);
    let said = match kind.as_str() {
        "" => format!("status {}", answer.status),
        kind => match words(&answer.body) {
            Some(words) => format!("{kind}: {words}"),
            None => kind.to_owned(),
        },
    };
    // A service that echoes what it was sent.
    let said = match credentials.are_in(&said) {
        true => format!("status {}", answer.status),
        false => said,
    };
    let said: String = said.chars().take(LONGEST).collect();
    Failure::new(
        exit,
        code,
        format!("AWS KMS refused {action}: {}", escape(&said)),
    )
    .hint(hint)
}

fn meaning(kind: &str, status: u16) -> (Exit, &'static str, &'static str) {
    match kind {
        "NotFoundException" => (
            Exit::Machine,
            "NO_KEY",
            "check the key's id or alias, the region and the account",
        ),
        "DisabledException" | "KMSInvalidStateException" => (
            Exit::Machine,
            "KEY_DISABLED",
            "enable the key: aws kms enable-key --key-id ID; one that is pending deletion needs cancel-key-deletion first",
        ),
        "AccessDeniedException" => (
            Exit::Machine,
            "ACCESS_DENIED",
            "allow kms:GetPublicKey and kms:Sign on this key to whoever runs keygen",
        ),
        "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => (
            Exit::Machine,
            "CREDENTIALS",
            "take fresh credentials, and check the clock and the region",
        ),
        "InvalidKeyUsageException" | "UnsupportedOperationException" => (
            Exit::Unjudged,
            "UNSUPPORTED",
            "the key must be of RSA for SIGN_VERIFY: aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096",
        ),
        "InvalidArnException" | "ValidationException" => (
            Exit::Usage,
            "USAGE",
            "as in awskms:alias/vendor, or awskms:arn:aws:kms:REGION:ACCOUNT:key/ID",
        ),
        _ if status >= 500 || status == 429 || kind.contains("Throttl") => (
            Exit::Machine,
            "KMS",
            "the service is busy: run the command again in a while",
        ),
        _ => (Exit::Machine, "KMS", "check the endpoint and the region"),
    }
}

/// `{"__type": "com.amazonaws.kms#NotFoundException"}`, with or without what is before the `#`.
fn kind(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let kind = body.get("__type")?.as_str()?;
    let kind = kind.rsplit('#').next()?;
    let is_name = kind.len() <= 80 && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_name.then(|| kind.to_owned())
}

fn words(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let words = body
        .get("message")
        .or_else(|| body.get("Message"))?
        .as_str()?;
    (!words.is_empty()).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.to_owned(),
        }
    }

    fn failure_of(status: u16, body: &str) -> Failure {
        let credentials = Credentials::read(|_| Some("s3cret".to_owned())).unwrap();
        failure("Sign", &answer(status, body), &credentials)
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (kind, exit, code) in [
            ("NotFoundException", Exit::Machine, "NO_KEY"),
            ("DisabledException", Exit::Machine, "KEY_DISABLED"),
            ("AccessDeniedException", Exit::Machine, "ACCESS_DENIED"),
            ("ExpiredTokenException", Exit::Machine, "CREDENTIALS"),
            ("InvalidKeyUsageException", Exit::Unjudged, "UNSUPPORTED"),
            ("ValidationException", Exit::Usage, "USAGE"),
            ("ThrottlingException", Exit::Machine, "KMS"),
            ("SomethingNew", Exit::Machine, "KMS"),
        ] {
            for prefix in ["", "com.amazonaws.kms#"] {
                let body = format!(r#"{{"__type":"{prefix}{kind}","message":"why"}}"#);
                let failure = failure_of(400, &body);
                assert_eq!((failure.exit(), failure.code()), (exit, code), "{kind}");
                let message = format!("AWS KMS refused Sign: {kind}: why");
                assert_eq!(failure.message(), message);
                assert!(failure.advice().is_some());
            }
        }
    }

    #[test]
    fn no_refusal_repeats_a_secret_or_breaks_the_line() {
        let echo = failure_of(403, r#"{"__type":"X","message":"you sent s3cret"}"#);
        assert_eq!(echo.message(), "AWS KMS refused Sign: status 403");
        let lines = failure_of(400, r#"{"__type":"X","message":"a\nb\u001b[2J"}"#);
        assert!(!lines.message().contains(['\n', '\u{1b}']), "{lines:?}");
        let html = failure_of(502, "<html>s3cret</html>");
        assert_eq!(html.message(), "AWS KMS refused Sign: status 502");
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let throttled = r#"{"__type":"ThrottlingException"}"#;
        for (status, body) in [(500, ""), (503, "x"), (429, ""), (400, throttled)] {
            assert!(is_passing(&answer(status, body)), "{status}");
        }
        for (status, body) in [(200, "{}"), (400, "{}"), (403, ""), (302, "")] {
            assert!(!is_passing(&answer(status, body)), "{status}");
        }
    }
}
