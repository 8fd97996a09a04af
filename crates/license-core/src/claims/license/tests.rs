//! Tests of reading and writing license claims.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{DateTime, Utc};
use serde_json::json;

use super::*;
use crate::causes::with_causes;
use crate::time;
use crate::trust::TrustSet;

const ID: &str = "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01";

fn at(seconds: u64) -> Option<DateTime<Utc>> {
    time::from_unix_seconds(seconds)
}

fn confirmation() -> Confirmation {
    let keys = include_str!("../../../fixtures/trust/vendor.jwks");
    let jwk = TrustSet::parse(keys)
        .unwrap()
        .iter()
        .next()
        .unwrap()
        .to_jwk();
    serde_json::from_value(json!({ "jwk": jwk })).unwrap()
}

/// Returns claims with a value for every field except `unknown`. A new field must be set here.
fn every_claim() -> LicenseClaims {
    let object = |name: &str, value: Value| Map::from_iter([(name.to_owned(), value)]);
    let mut claims = LicenseClaims {
        format_version: FORMAT_VERSION,
        issuer: Some("CODITECT".to_owned()),
        product: ProductCode::parse("CODITECT").unwrap(),
        customer: "ACME Ltd ä".to_owned(),
        id: LicenseId::parse(ID).unwrap(),
        serial: Some(7),
        supersedes: vec![LicenseId::parse(&ID.replace("c01", "c02")).unwrap()],
        issued_at: at(1_798_761_600),
        not_before: at(1_798_761_601),
        expires_at: at(1_830_297_600),
        tier: Tier::parse("PRO").unwrap(),
        features: Arc::new(BTreeSet::from(["hooks".to_owned()])),
        quotas: Arc::new(BTreeMap::from([
            ("agents".to_owned(), Quota::Limit(52)),
            ("commands_per_day".to_owned(), Quota::Unlimited),
        ])),
        seats: Some(5),
        devices: Some(2),
        must_activate: true,
        requires_seat: true,
        usage_type: Some(UsageType::Builder),
        trial: true,
        check_in: CheckIn::from_hours(24, 168),
        renewal: Renewal::from_days_and_hours(14, 72),
        maintenance_until: at(1_830_297_599),
        max_version: Some("<3.0.0".parse().unwrap()),
        machines: vec!["mach_00112233445566778899aabbccddeeff".parse().unwrap()],
        users: vec!["alice".to_owned()],
        company: Some(Company::parse("ACME").unwrap()),
        key: None,
        confirmation: Some(confirmation()),
        critical: vec!["activation".to_owned(), "floating".to_owned()],
        extension: Some(object("order", json!(7))),
        unknown: Map::new(),
    };
    claims.key = Some(claims.standard_key());
    claims
}

fn read(payload: &Value) -> Result<LicenseClaims, VerifyError> {
    LicenseClaims::from_payload(payload.to_string().as_bytes())
}

fn with(name: &str, value: Value) -> Value {
    let mut payload = json!(every_claim());
    payload[name] = value;
    payload
}

#[track_caller]
fn refusal(payload: &Value) -> (String, String, String) {
    match read(payload) {
        Err(VerifyError::Claim(error)) => (error.path, error.expected, error.found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn claims_round_trip_through_json() {
    let claims = LicenseClaims {
        unknown: Map::from_iter([("region".to_owned(), json!("EU"))]),
        ..every_claim()
    };
    assert_eq!(read(&json!(claims)).unwrap(), claims);
}

#[test]
fn a_payload_round_trips_byte_for_byte() {
    let payload = r#"{"ver":1,"iss":"CODITECT","aud":"CODITECT","sub":"ACME Ltd ä","jti":"01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01","serial":1001,"supersedes":["01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c02"],"iat":1798761600,"nbf":1798761601,"exp":1830297600,"tier":"PRO","features":["a","b"],"quotas":{"agents":52,"users":-1},"seats":5,"devices":2,"trial":true,"check_in":{"every_hours":24,"grace_hours":168},"renewal":{"notify_days":14,"grace_hours":72},"maintenance_until":1830297601,"machines":["m"],"users":["alice"],"company":"ACME","region":"EU"}"#;
    let claims = LicenseClaims::from_payload(payload.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&claims).unwrap(), payload);
}

#[test]
fn known_claims_are_the_fields_of_the_struct() {
    let entries = every_claim().entries().unwrap();
    let names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, KNOWN_CLAIMS);
}

#[test]
fn only_nine_claims_are_required() {
    let required = [
        "ver", "iss", "aud", "sub", "jti", "iat", "tier", "features", "quotas",
    ];
    for name in KNOWN_CLAIMS {
        let mut payload = json!(every_claim());
        // These claims depend on other claims.
        for dependent in ["key", "floating"] {
            payload.as_object_mut().unwrap().remove(dependent);
        }
        payload.as_object_mut().unwrap().remove(name);
        assert_eq!(read(&payload).is_err(), required.contains(&name), "{name}");
    }
    let mut payload = json!(every_claim());
    payload.as_object_mut().unwrap().remove("exp");
    assert_eq!(refusal(&payload).0, "key");
    let mut payload = json!(every_claim());
    payload.as_object_mut().unwrap().remove("cnf");
    assert_eq!(refusal(&payload).0, "floating");
}

#[test]
fn a_claim_of_the_wrong_type_is_an_error_and_so_is_null() {
    for name in KNOWN_CLAIMS {
        for (wrong, type_name) in [
            (json!(null), "null"),
            (json!(1.5), "a number that is not an integer"),
            (json!([[]]), "an array"),
        ] {
            let (claim, _, found) = refusal(&with(name, wrong));
            assert!(claim.starts_with(name), "{name}: {claim}");
            assert!(claim != name || found == type_name, "{name}: {found}");
        }
    }
}

#[test]
fn arrays_in_place_of_objects_and_objects_in_place_of_strings_are_errors() {
    for (name, wrong) in [
        ("check_in", json!([24, 168])),
        ("renewal", json!([14, 72])),
        ("cnf", json!([{ "kty": "RSA" }])),
        ("cnf", json!({ "jwk": ["RSA"] })),
        ("quotas", json!([["agents", 1]])),
        ("ext", json!([])),
        ("usage_type", json!({ "builder": null })),
    ] {
        assert!(refusal(&with(name, wrong)).0.starts_with(name), "{name}");
    }
}

#[test]
fn values_out_of_range_are_errors() {
    for (name, value, path, expected) in [
        ("iss", json!(""), "iss", "a non-empty string"),
        (
            "exp",
            json!(253_402_300_800_u64),
            "exp",
            "whole seconds from 0 to 253402300799",
        ),
        (
            "exp",
            json!(-1),
            "exp",
            "whole seconds from 0 to 253402300799",
        ),
        (
            "quotas",
            json!({ "agents": -2 }),
            "quotas.agents",
            "an integer of at least -1",
        ),
        ("serial", json!(-1), "serial", "an integer of at least 0"),
        (
            "serial",
            json!(9_223_372_036_854_775_808_u64),
            "serial",
            "an integer of at least 0",
        ),
        ("seats", json!(0), "seats", "an integer of at least 1"),
        ("users", json!([]), "users", "at least one item"),
        ("users", json!(["a", ""]), "users[1]", "a non-empty string"),
        ("machines", json!([]), "machines", "at least one item"),
        (
            "check_in",
            json!({ "every_hours": 24 }),
            "check_in.grace_hours",
            "a value",
        ),
        (
            "check_in",
            json!({ "every_hours": 2, "grace_hours": 1 }),
            "check_in",
            "`every_hours` of at least 1 and `grace_hours` of at least `every_hours`, each at most \
             2^32",
        ),
        ("ver", json!(0), "ver", "1"),
    ] {
        let (claim, found, _) = refusal(&with(name, value));
        assert_eq!((claim.as_str(), found.as_str()), (path, expected), "{name}");
    }
    let mut latest = every_claim();
    latest.expires_at = Some(time::MAX);
    latest.key = Some(latest.standard_key());
    assert!(read(&json!(latest)).is_ok());
}

#[test]
fn an_error_quotes_no_value_and_at_most_32_characters_of_a_name() {
    let secret = "s3cret".repeat(100);
    for name in KNOWN_CLAIMS {
        let error = match read(&with(name, json!(secret))) {
            Err(error) => with_causes(&error),
            // Any text is accepted as the name of a vendor or customer.
            Ok(_) => continue,
        };
        assert!(!error.contains("s3cret"), "{error}");
    }
    let error = read(&with("quotas", json!({ &secret: "x" }))).unwrap_err();
    let quoted: String = secret.chars().take(32).collect();
    assert!(error.to_string().contains(&format!("`quotas.{quoted}`")));
}

#[test]
fn a_later_version_is_reported_before_malformed_claims() {
    let mut payload = with("ver", json!(2));
    payload["iat"] = json!("2027-01-01");
    payload["crit"] = json!(["region"]);
    let error = read(&payload).unwrap_err();
    assert!(matches!(error, VerifyError::Version { found: 2, .. }));
}

#[test]
fn a_critical_claim_must_be_known_even_if_it_is_absent() {
    let mut payload = with("crit", json!(["exp", "region"]));
    let unknown = |payload: &Value| {
        let error = read(payload).unwrap_err();
        assert!(matches!(error, VerifyError::CriticalClaim { found } if found == "region"));
    };
    unknown(&payload);
    payload["iat"] = json!("2027-01-01");
    unknown(&payload);
}

#[test]
fn unknown_claims_are_kept_and_marked() {
    let claims = read(&with("region", json!("EU"))).unwrap();
    let entries = claims.entries().unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.to_string(), r#"region: "EU" (unknown claim)"#);
}

/// Replaces each byte of a payload with bytes that are significant in JSON.
#[test]
fn changed_payloads_do_not_panic_and_accepted_claims_round_trip() {
    let payload = json!(every_claim()).to_string();
    let mut accepted = 0;
    for place in 0..payload.len() {
        for byte in [
            b'"', b'\\', b'{', b'}', b'[', b',', b':', b'0', b'9', b'-', b' ', b'x', 0xff,
        ] {
            let mut changed = payload.as_bytes().to_vec();
            changed[place] = byte;
            let Ok(claims) = LicenseClaims::from_payload(&changed) else {
                continue;
            };
            accepted += 1;
            assert_eq!(read(&json!(claims)).unwrap(), claims);
        }
    }
    assert!(accepted > 100, "{accepted}");
}
