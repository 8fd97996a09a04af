//! Tests of what all kinds of tokens have in common.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Map, Value, json};

use super::*;
use crate::code::Code;
use crate::trust::TrustSet;

const ID: &str = "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01";

/// A function that reads the claims of one kind of token and drops them.
type Reader = fn(&[u8]) -> Result<(), VerifyError>;

fn reader<T: TokenClaims>(payload: &[u8]) -> Result<(), VerifyError> {
    T::from_payload(payload).map(|_| ())
}

/// Returns the reader of each kind of token, its known claims, and a payload that it accepts.
fn kinds() -> [(Reader, &'static [&'static str], Value); 8] {
    let terms = json!({"tier": "PRO", "features": [], "quotas": {}});
    let answer = json!({
        "jti": ID,
        "machine": "mach_00112233445566778899aabbccddeeff",
        "nonce": "00112233445566778899aabbccddeeff",
    });
    let commitment = "00".repeat(32);
    let lease = json!({
        "exp": 3, "lic": ID, "sid": format!("sess_{}", "00".repeat(16)), "pool": "p", "seq": 1,
        "mode": "floating", "renew": 1, "commitment": commitment,
    });
    let keys = TrustSet::parse(include_str!("../../fixtures/trust/vendor.jwks")).unwrap();
    let jwk = keys.iter().next().unwrap().to_jwk();
    [
        (
            reader::<LicenseClaims>,
            LicenseClaims::KNOWN,
            joined(&terms, &json!({"ver": 1, "sub": "ACME", "jti": ID})),
        ),
        (
            reader::<ValidationClaims>,
            ValidationClaims::KNOWN,
            joined(&terms, &json!({"jti": "1", "lic": ID, "status": "active"})),
        ),
        (
            reader::<RevocationClaims<RevokedLicenses>>,
            RevocationClaims::<RevokedLicenses>::KNOWN,
            json!({"seq": 1, "next_update": 2, "revoked": []}),
        ),
        (
            reader::<ActivationClaims>,
            ActivationClaims::KNOWN,
            joined(&answer, &json!({"lic": ID, "commitment": commitment})),
        ),
        (
            reader::<ClockRepairClaims>,
            ClockRepairClaims::KNOWN,
            answer.clone(),
        ),
        (
            reader::<TrustStatementClaims>,
            TrustStatementClaims::KNOWN,
            json!({"retires": ["a key"]}),
        ),
        (
            reader::<LeaseClaims>,
            LeaseClaims::KNOWN,
            joined(&answer, &lease),
        ),
        (
            reader::<ServerRequestClaims>,
            ServerRequestClaims::KNOWN,
            json!({"name": "licenses.acme.example", "jwk": jwk}),
        ),
    ]
}

fn joined(one: &Value, other: &Value) -> Value {
    let members = [one, other].map(|object| object.as_object().unwrap().clone());
    members.into_iter().flatten().collect::<Map<_, _>>().into()
}

/// Returns the reason code of a payload with further claims, or `None` if it is accepted.
fn refusal(reader: Reader, payload: &Value, more: &Value) -> Option<Code> {
    let common = json!({"iss": "CODITECT", "aud": "CODITECT", "iat": 1});
    let payload = joined(&joined(&common, payload), more);
    let read = reader(payload.to_string().as_bytes());
    read.err().map(|error| error.code())
}

#[test]
fn every_kind_of_token_refuses_unknown_critical_claims() {
    for (reader, known, payload) in kinds() {
        let code = |more: Value| refusal(reader, &payload, &more);
        assert_eq!(code(json!({})), None, "{payload}");
        assert_eq!(code(json!({"crit": []})), None, "{payload}");
        assert_eq!(code(json!({"crit": known})), None, "{payload}");
        assert!(known.contains(&"crit"), "{payload}");
        for unknown in ["not_known", "CRIT", "lic "] {
            let code = code(json!({"crit": ["iss", unknown], unknown: true}));
            assert_eq!(code, Some(Code::UnsupportedClaim), "{payload}");
        }
    }
}

#[test]
fn an_unknown_critical_claim_takes_precedence_over_malformed_claims_in_every_kind() {
    for (reader, _, payload) in kinds() {
        let code = |more: Value| refusal(reader, &payload, &more);
        assert_eq!(
            code(json!({"iat": "1"})),
            Some(Code::Malformed),
            "{payload}"
        );
        let both = code(json!({"iat": "1", "crit": ["not_known"]}));
        assert_eq!(both, Some(Code::UnsupportedClaim), "{payload}");
    }
}

#[test]
fn a_malformed_claim_crit_is_refused_in_every_kind() {
    for (reader, _, payload) in kinds() {
        for crit in [
            json!(null),
            json!("iss"),
            json!({}),
            json!([1]),
            json!([""]),
        ] {
            let code = refusal(reader, &payload, &json!({"crit": crit}));
            assert_eq!(code, Some(Code::Malformed), "{payload} {crit}");
        }
    }
}
