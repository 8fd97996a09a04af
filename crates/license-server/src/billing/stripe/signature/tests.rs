use chrono::TimeDelta;
use license_core::time::parse_instant;

use super::*;

const FIRST: &str = "whsec_0123456789abcdef0123456789abcdef";
const SECOND: &str = "whsec_fedcba9876543210fedcba9876543210";
const BODY: &[u8] = br#"{"id": "evt_1", "object": "event"}"#;

fn key(text: &str) -> WebhookKey {
    WebhookKey::parse(text).unwrap()
}

fn now() -> DateTime<Utc> {
    parse_instant("2027-01-15T09:00:00Z").unwrap()
}

/// Signs as Stripe does.
fn sign(secret: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let message = [format!("{seconds}.").as_bytes(), body].concat();
    hex::encode(hmac::sign(&key, &message).as_ref())
}

fn header(secret: &str, at: DateTime<Utc>) -> String {
    let seconds = at.timestamp();
    format!("t={seconds},v1={}", sign(secret, seconds, BODY))
}

fn check(keys: &[&str], header: &str, body: &[u8]) -> Result<(), EventFault> {
    let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
    verify(&keys, Some(header), body, now())
}

#[test]
fn a_signature_is_that_of_openssl() {
    // printf '1800000000.{}' | openssl dgst -sha256 -hmac whsec_0123456789abcdef0123456789abcdef
    let expected = "aadd898da79ebe5c6ac8d9947b437385f49564be501b38f1f75f786a9d61ef63";
    assert_eq!(sign(FIRST, 1_800_000_000, b"{}"), expected);
}

#[test]
fn the_signature_covers_each_byte_of_the_body_and_the_time() {
    let header = header(FIRST, now());
    assert_eq!(check(&[FIRST], &header, BODY), Ok(()));
    for index in 0..BODY.len() {
        let mut changed = BODY.to_vec();
        changed[index] ^= 1;
        let found = check(&[FIRST], &header, &changed);
        assert_eq!(found, Err(EventFault::WrongSignature), "{index}");
    }
    let later = now().timestamp() + 1;
    let moved = header.replace(&now().timestamp().to_string(), &later.to_string());
    let found = check(&[FIRST], &moved, BODY);
    assert_eq!(found, Err(EventFault::WrongSignature));
    // The same JSON with other white space is another body.
    let compact = br#"{"id":"evt_1","object":"event"}"#;
    let found = check(&[FIRST], &header, compact);
    assert_eq!(found, Err(EventFault::WrongSignature));
}

#[test]
fn any_signature_and_any_of_two_secrets_count() {
    let seconds = now().timestamp();
    let (first, second) = (sign(FIRST, seconds, BODY), sign(SECOND, seconds, BODY));
    let wrong = "0".repeat(64);
    for header in [
        format!("t={seconds},v1={first},v1={second}"),
        format!("t={seconds},v1={second},v1={first}"),
        format!("t={seconds},v1={wrong},v1={first}"),
        format!("v1={first},t={seconds}"),
        format!("t={seconds}, v1={first}, v0=old"),
        format!("t={seconds},v1=short,v1={first}"),
    ] {
        assert_eq!(check(&[FIRST], &header, BODY), Ok(()), "{header}");
    }
    // During a change, the server has two secrets, and Stripe may sign with the old one only.
    let old = header(FIRST, now());
    assert_eq!(check(&[SECOND, FIRST], &old, BODY), Ok(()));
    let found = check(&[SECOND], &old, BODY);
    assert_eq!(found, Err(EventFault::WrongSignature));
    // The scheme `v0` is for test events of an old kind, and no proof.
    let header = format!("t={seconds},v0={first}");
    let found = check(&[FIRST], &header, BODY);
    assert_eq!(found, Err(EventFault::NoSignature));
}

#[test]
fn a_signature_is_accepted_for_300_seconds_both_ways() {
    for (seconds, expected) in [
        (-301, Err(EventFault::WrongTime)),
        (-300, Ok(())),
        (0, Ok(())),
        (300, Ok(())),
        (301, Err(EventFault::WrongTime)),
    ] {
        let header = header(FIRST, now() + TimeDelta::seconds(seconds));
        assert_eq!(check(&[FIRST], &header, BODY), expected, "{seconds}");
    }
    // A wrong signature does not reveal whether its time is right.
    let header = header(SECOND, now() - TimeDelta::days(1));
    let found = check(&[FIRST], &header, BODY);
    assert_eq!(found, Err(EventFault::WrongSignature));
}

#[test]
fn a_malformed_header_is_refused() {
    let seconds = now().timestamp();
    let signature = sign(FIRST, seconds, BODY);
    let long = format!("t={seconds},v1={signature},x={}", "y".repeat(4096));
    for header in [
        "",
        "t=",
        "v1",
        &signature,
        &format!("t={seconds}"),
        &format!("v1={signature}"),
        &format!("t={seconds},t={seconds},v1={signature}"),
        &long,
    ] {
        let found = check(&[FIRST], header, BODY);
        assert_eq!(found, Err(EventFault::NoSignature), "{header}");
    }
    let keys = [key(FIRST)];
    let found = verify(&keys, None, BODY, now());
    assert_eq!(found, Err(EventFault::NoSignature));
    // A signed text that is no time.
    let mac = hmac::Key::new(hmac::HMAC_SHA256, FIRST.as_bytes());
    let mac = hmac::sign(&mac, &[b"soon.", BODY].concat());
    let header = format!("t=soon,v1={}", hex::encode(mac.as_ref()));
    assert_eq!(check(&[FIRST], &header, BODY), Err(EventFault::NoSignature));
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", key(FIRST)), "WebhookKey(..)");
    assert!(WebhookKey::parse("0123456789abcdef0123456789abcdef").is_none());
}
