//! Answers that are no judgment: each has its own error, and none changes the license.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use license_client::license_core::claims::Status;
use license_client::{OnlineError, OnlineStatus, Outcome, UnreachableReason};
use serde_json::json;

use super::fake::{Fake, Licensed, answer, json_answer, judgment, problem};

const PAGE: &str = "<!DOCTYPE html><title>Log in to continue</title>";

/// Returns the error of a validation, after a check that the license is as before.
#[track_caller]
fn error_of(licensed: &Licensed, fake: &Fake) -> OnlineError {
    let client = licensed.client(fake.settings());
    let error = client.validate().unwrap_err();
    assert!(matches!(
        *client.online_status(),
        OnlineStatus::Unavailable { .. }
    ));
    let decision = client.decide().unwrap();
    assert_eq!(decision.outcome(), Outcome::Licensed, "{}", decision.code());
    assert!(error.hint().is_some(), "{error}");
    error
}

#[test]
fn each_answer_that_is_no_judgment_has_its_own_error_and_changes_nothing() {
    let licensed = Licensed::new();
    let long = "x".repeat(300 * 1024);
    let head = |rest: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{rest}").into_bytes()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("LOGIN_PAGE", answer("200 OK", "text/html; charset=utf-8", PAGE)),
        ("LOGIN_PAGE", answer("511 Network Authentication Required", "text/html", PAGE)),
        ("LOGIN_PAGE", answer("200 OK", "", PAGE)),
        (
            "REDIRECTED",
            b"HTTP/1.1 302 Found\r\nlocation: https://portal.example/login?key=secret\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ),
        ("INTERNAL_ERROR", problem("500 Internal Server Error", "INTERNAL_ERROR")),
        ("UNKNOWN_LICENSE", problem("401 Unauthorized", "UNKNOWN_LICENSE")),
        ("SERVER_STATUS", answer("500 Internal Server Error", "text/plain", "oops")),
        ("SERVER_STATUS", answer("502 Bad Gateway", "text/html", PAGE)),
        ("SERVER_STATUS", answer("404 Not Found", "text/html", PAGE)),
        ("TRUNCATED_ANSWER", head("content-length: 1000\r\n\r\n{\"valid\": true, ")),
        ("TRUNCATED_ANSWER", head("transfer-encoding: chunked\r\n\r\n5\r\n{\"val\r\n")),
        ("OVERSIZED_ANSWER", answer("200 OK", "application/json", &long)),
        ("OVERSIZED_ANSWER", head(&format!("x-long: {long}\r\n\r\n{{}}"))),
        ("NOT_A_LICENSE_SERVER", json_answer("200 OK", &json!({}))),
        ("NOT_A_LICENSE_SERVER", json_answer("200 OK", &json!([1, 2]))),
        ("NOT_A_LICENSE_SERVER", answer("200 OK", "application/json", "{\"valid\": true, \"valid\": false}")),
        ("NOT_A_LICENSE_SERVER", answer("200 OK", "text/plain", "hello")),
        ("NOT_A_LICENSE_SERVER", b"SSH-2.0-OpenSSH_10.0\r\n".to_vec()),
        ("SERVER_UNREACHABLE", Vec::new()),
        ("UNVERIFIED_ANSWER", json_answer("200 OK", &judgment(true, None))),
        ("UNVERIFIED_ANSWER", json_answer("200 OK", &judgment(true, Some("a.b.c")))),
    ];
    let mut texts = BTreeSet::new();
    for (code, bytes) in cases {
        let shown = String::from_utf8_lossy(&bytes)
            .chars()
            .take(80)
            .collect::<String>();
        let fake = Fake::start(move |_| bytes.clone());
        let error = error_of(&licensed, &fake);
        assert_eq!(error.code(), code, "{shown}: {error}");
        let text = error.to_string();
        assert!(text.contains(&fake.url), "{text}");
        assert!(!text.contains("secret") && text.len() < 400, "{text}");
        texts.insert(text.replace(&fake.url, ""));
    }
    assert!(texts.len() >= 14, "{texts:#?}");
}

#[test]
fn a_token_that_does_not_answer_the_request_proves_nothing() {
    let licensed = Licensed::new();
    let now = licensed.machine.now();
    for (case, reason) in [
        ("nonce", "nonce"),
        ("machine", "another machine"),
        ("status", "contradicts"),
        ("signature", "signature"),
        ("missing nonce", "nonce"),
    ] {
        let key = std::sync::Arc::clone(&licensed.key);
        let fake = Fake::start(move |request| {
            let (machine, nonce) = (request.text("machine_id"), request.text("nonce"));
            let token = match case {
                "nonce" => key.validation(machine, &"0".repeat(32), now, Status::Active),
                "missing nonce" => key.validation(machine, "x", now, Status::Active),
                "machine" => key.validation("another", nonce, now, Status::Active),
                "status" => key.validation(machine, nonce, now, Status::Revoked),
                _ => {
                    let token = key.validation(machine, nonce, now, Status::Active);
                    let (start, _) = token.rsplit_once('.').unwrap();
                    format!("{start}.{}", "A".repeat(342))
                }
            };
            json_answer("200 OK", &judgment(true, Some(&token)))
        });
        let error = error_of(&licensed, &fake);
        assert_eq!(error.code(), "UNVERIFIED_ANSWER", "{case}: {error}");
        assert!(error.to_string().contains(reason), "{case}: {error}");
    }
}

#[test]
fn an_unreachable_server_says_whether_it_refused_closed_or_was_slow() {
    let licensed = Licensed::new();
    let refused = {
        // The listener is closed, so nothing listens at its port.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The system accepts connections, and no program answers.
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let closed = Fake::start(|_| Vec::new());
    let reason_of = |url: &str| {
        let settings = license_client::OnlineSettings::new().server(url);
        let settings = settings
            .timeout(Duration::from_millis(300))
            .start_timeout(Duration::from_millis(100));
        let client = licensed.client(settings);
        match client.validate() {
            Err(OnlineError::Unreachable { reason, .. }) => reason,
            other => panic!("{url}: {other:?}"),
        }
    };
    assert_eq!(reason_of(&refused), UnreachableReason::Refused);
    assert_eq!(reason_of(&closed.url), UnreachableReason::Closed);
    let slow = reason_of(&silent);
    assert!(
        matches!(
            slow,
            UnreachableReason::TimedOut {
                step: "waiting for the answer",
                ..
            }
        ),
        "{slow:?}"
    );
    // Without a DNS server, the lookup may take longer than the time limit.
    let unknown = reason_of("https://no-such-host.invalid");
    let is_name = matches!(
        unknown,
        UnreachableReason::NameNotFound
            | UnreachableReason::TimedOut {
                step: "looking up the name",
                ..
            }
    );
    assert!(is_name, "{unknown:?}");
}
