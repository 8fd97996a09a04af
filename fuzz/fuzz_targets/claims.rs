//! The claims of all kinds of tokens, as a verifier reads them from a signed payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::claims::LicenseClaims;
use license_core::{TokenKind, Unverified, fuzzing, with_causes};
use license_fuzz::{assert_printable, bounded, json, token};

const MEMORY_FACTOR: u64 = 128;

fuzz_target!(|payload: &[u8]| {
    let is_strict = json::strict_object(payload).is_some();
    for kind in TokenKind::ALL {
        let read = bounded(MEMORY_FACTOR, payload, || fuzzing::claims(*kind, payload));
        match &read {
            Ok(printed) => {
                assert!(
                    is_strict,
                    "{kind}: accepted a payload that is not strict JSON"
                );
                let again = fuzzing::claims(*kind, printed.as_bytes()).unwrap();
                assert_eq!(again, *printed, "{kind}");
            }
            Err(error) => assert_printable(&with_causes(error)),
        }
        if *kind == TokenKind::License {
            check_license(payload, read.ok().as_deref());
        }
    }
});

/// Checks that claims are read alike before and after verification, and that no claim gets lost.
fn check_license(payload: &[u8], read: Option<&str>) {
    let token = token::unsigned(TokenKind::License, payload);
    let Ok(token) = Unverified::parse(&token) else {
        return;
    };
    let claims: Option<LicenseClaims> = token.unverified_license_claims().ok();
    assert_eq!(claims.is_some(), read.is_some());
    if let Some(claims) = claims {
        let object = json::strict_object(payload).unwrap();
        for entry in claims.entries().unwrap() {
            assert!(object.contains_key(&entry.name), "added `{}`", entry.name);
        }
        for (name, value) in &claims.unknown {
            assert_eq!(object.get(name), Some(value), "{name}");
        }
        if let Some(extension) = claims.extension {
            assert_eq!(object["ext"], serde_json::Value::Object(extension));
        }
    }
}
