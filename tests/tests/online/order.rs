//! Several servers, and repetitions of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use license_client::license_core::claims::Status;
use license_client::{OnlineClient, OnlineSettings, with_causes};

use super::fake::{Fake, Licensed, answer, problem};

fn settings(servers: &[&Fake]) -> OnlineSettings {
    let settings = OnlineSettings::new();
    servers
        .iter()
        .fold(settings, |settings, server| settings.server(&server.url))
}

#[test]
fn the_next_server_is_asked_only_if_the_first_is_unreachable_or_overloaded() {
    let licensed = Licensed::new();
    let busy = |status: &'static str, header: &'static str| {
        Fake::start(move |_| {
            let bytes = problem(status, "RATE_LIMITED");
            let text = String::from_utf8(bytes).unwrap();
            text.replacen("\r\n", &format!("\r\n{header}"), 1)
                .into_bytes()
        })
    };
    for (first, is_next_asked) in [
        (Fake::start(|_| Vec::new()), true),
        (busy("503 Service Unavailable", ""), true),
        (
            Fake::start(|_| answer("502 Bad Gateway", "text/html", "<p>")),
            true,
        ),
        (
            Fake::start(|_| answer("504 Gateway Timeout", "text/plain", "")),
            true,
        ),
        (busy("429 Too Many Requests", "retry-after: 60\r\n"), true),
        (busy("429 Too Many Requests", ""), false),
        (
            Fake::start(|_| problem("500 Internal Server Error", "INTERNAL_ERROR")),
            false,
        ),
        (
            Fake::start(|_| problem("401 Unauthorized", "UNKNOWN_LICENSE")),
            false,
        ),
        (Fake::start(|_| answer("200 OK", "text/html", "<p>")), false),
    ] {
        let second = licensed.valid_server();
        let client = licensed.machine.manager();
        let online = OnlineClient::new(&client, &settings(&[&first, &second])).unwrap();
        let context = license_client::Context::at(licensed.machine.now());
        let verdict = online.validate(&client, licensed.machine.product(), &context);
        assert_eq!(verdict.is_ok(), is_next_asked, "{verdict:?}");
        assert_eq!(
            second.received().len(),
            usize::from(is_next_asked),
            "{verdict:?}"
        );
        if let Ok(verdict) = verdict {
            assert_eq!(verdict.server, second.url);
            let keys = [&first, &second].map(|server| {
                let received = server.received();
                received[0].header("idempotency-key").to_owned()
            });
            assert_eq!(
                keys[0], keys[1],
                "a repetition has the key of the first attempt"
            );
            assert_eq!(keys[0].len(), 32);
        }
    }
}

#[test]
fn a_short_retry_after_is_waited_for_once() {
    let licensed = Licensed::new();
    let attempts = Arc::new(AtomicUsize::new(0));
    let (key, now) = (Arc::clone(&licensed.key), licensed.machine.now());
    let counted = Arc::clone(&attempts);
    let fake = Fake::start(move |request| {
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            let text = String::from_utf8(problem("429 Too Many Requests", "RATE_LIMITED")).unwrap();
            return text
                .replacen("\r\n", "\r\nretry-after: 0\r\n", 1)
                .into_bytes();
        }
        key.judge(request, now, Status::Active)
    });
    let client = licensed.machine.builder().build().unwrap();
    drop(client);
    let client = licensed.client(fake.settings());
    assert_eq!(client.online_status().warning(), None);
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}

#[test]
fn the_error_of_several_servers_names_each_of_them() {
    let licensed = Licensed::new();
    let (first, second) = (Fake::start(|_| Vec::new()), Fake::start(|_| Vec::new()));
    let client = licensed.client(settings(&[&first, &second]));
    let error = client.validate().unwrap_err();
    assert!(error.is_unreachable());
    assert_eq!(error.code(), "SERVER_UNREACHABLE");
    let text = with_causes(&error);
    assert!(
        text.contains(&first.url) && text.contains(&second.url),
        "{text}"
    );
}
