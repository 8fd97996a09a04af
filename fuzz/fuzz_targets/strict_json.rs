//! The strict check of JSON, compared with a second implementation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::inspect::inspect;
use license_core::{TokenKind, Unverified, with_causes};
use license_fuzz::{assert_printable, bounded, json, token};
use serde_json::Value;

const MEMORY_FACTOR: u64 = 128;

fuzz_target!(|payload: &[u8]| {
    let token = token::unsigned(TokenKind::License, payload);
    let Ok(token) = Unverified::parse(&token) else {
        return;
    };
    let expected = json::strict_object(payload).map(Value::Object);
    let read = bounded(MEMORY_FACTOR, payload, || token.unverified_claims());
    if let Err(error) = &read {
        assert_printable(&with_causes(error));
    }
    let read = read.ok();
    assert_eq!(inspect(token.as_str()).is_ok(), read.is_some());
    assert_eq!(read, expected);
});
