//! Random texts and signed malformed claims: no parser panics, and no number overflows.

use license_core::evaluate::Rule;
use license_core::issue::Signer;
use license_core::{
    Context, FeatureMatrix, License, LicenseFile, LicenseId, LicenseKey, TrustSet, Unverified, time,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{DAY, SERVER, TRUST, VENDOR, draft, id, issue, issued, machine, public};
use crate::{any_key, cases, check_in, encoded, instant, public_key, renewal, token};

/// Parses the text in each way and asserts that the canonical form of an accepted value is accepted
/// too.
fn parse_in_each_way(text: &str) {
    match LicenseKey::parse(text) {
        // A long dash in a signature can mean one or two hyphens. The canonical form has one.
        Ok(key) => {
            let canonical = key.to_string();
            let again = LicenseKey::parse(&canonical).map(|key| key.to_string());
            assert_eq!(again, Ok(canonical));
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().as_str().is_empty()),
    }
    if let Ok(token) = Unverified::parse(text) {
        assert_eq!(
            Unverified::parse(token.as_str()).unwrap().as_str(),
            token.as_str()
        );
        let _ = token.unverified_claims().map_err(|error| error.to_string());
        assert!(token.verify(&TRUST).is_err(), "the signature is random");
    }
    match LicenseFile::parse(text) {
        Ok(file) => assert!(!file.blocks().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().as_str().is_empty()),
    }
    if let Ok(set) = TrustSet::parse(text) {
        let jwks = set.to_jwks();
        assert_eq!(TrustSet::parse(&jwks.to_string()).unwrap().to_jwks(), jwks);
    }
    let _ = FeatureMatrix::parse(text).map_err(|error| error.to_string());
    if let Ok(instant) = time::parse_instant(text) {
        assert_eq!(
            time::parse_instant(&time::rfc3339(instant).to_string()),
            Ok(instant)
        );
    }
    let _ = (
        time::parse_date(text),
        LicenseId::parse(text),
        LicenseKey::is_likely(text),
    );
}

/// A change of a text at some position.
#[derive(Clone, Debug)]
enum Change {
    Remove(usize),
    Insert(String),
    Repeat(usize),
    Cut,
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    let character = prop_oneof![
        "[-._A-Za-z0-9]",
        "[\\PC]",
        select(
            &[
                "\n", "\r", "\0", "\u{feff}", "–", "“", "{", "}", "\"", "\\u0000", "1e999", "null",
                "[[["
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let change = prop_oneof![
        (1..20_usize).prop_map(Change::Remove),
        character.prop_map(Change::Insert),
        (1..40_usize).prop_map(Change::Repeat),
        Just(Change::Cut),
    ];
    vec((any::<prop::sample::Index>(), change), 1..5)
}

fn changed(text: &str, changes: &[(prop::sample::Index, Change)]) -> String {
    let mut characters: Vec<String> = text.chars().map(String::from).collect();
    for (at, change) in changes {
        let at = at.index(characters.len() + 1);
        let span = |count: usize| at..(at + count).min(characters.len());
        match change {
            Change::Remove(count) => drop(characters.drain(span(*count))),
            Change::Insert(text) => characters.insert(at, text.clone()),
            Change::Repeat(count) => {
                let again = characters[span(*count)].to_vec();
                characters.splice(at..at, again);
            }
            Change::Cut => characters.truncate(at),
        }
    }
    characters.concat()
}

fn well_formed_text() -> impl Strategy<Value = String> {
    let armor = token().prop_map(|token| Unverified::parse(&token).unwrap().to_armor());
    let jwks = public_key().prop_map(|key| key.to_jwk().to_string());
    let pem = public_key().prop_map(|key| key.to_pem().unwrap());
    let matrix = Just(FeatureMatrix::built_in_text().to_owned());
    prop_oneof![
        any_key(),
        token(),
        armor,
        jwks,
        pem,
        matrix,
        instant().prop_map(|at| time::rfc3339(at).to_string())
    ]
}

/// Returns claims of a license in which every claim is present.
fn claims() -> String {
    serde_json::json!({
        "ver": 1, "iss": "CODITECT", "aud": "CODITECT", "sub": "customer-1", "jti": id(1).as_str(),
        "serial": 7, "supersedes": [id(2).as_str()], "iat": 1_798_761_600, "nbf": 1_798_761_600,
        "exp": 1_830_297_600, "tier": "PRO", "features": ["cloud_sync"], "quotas": {"agents": 52},
        "seats": 5, "devices": 2, "activation": true, "floating": true, "usage_type": "builder", "trial": true,
        "check_in": {"every_hours": 24, "grace_hours": 168},
        "renewal": {"notify_days": 14, "grace_hours": 72},
        "maintenance_until": 1_830_297_600, "max_version": "<3.0.0", "machines": ["m1"],
        "users": ["alice"], "company": "ACME", "cnf": {"jwk": public(&SERVER).to_jwk()},
        "crit": ["seats"], "ext": {"a": [1, {"b": null}]},
    })
    .to_string()
}

/// Signs any payload with the vendor's key.
fn signed(typ: &str, payload: &str) -> String {
    let kid = VENDOR.public().id();
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#);
    let signed = format!(
        "{}.{}",
        encoded(header.as_bytes()),
        encoded(payload.as_bytes())
    );
    let signature = VENDOR.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encoded(&signature))
}

fn evaluate_at_extremes(license: &License) {
    for now in [time::MIN, issued(), time::MAX] {
        for mark in [time::MIN, time::MAX] {
            let context = Context::at(now)
                .high_water(mark)
                .user("alice")
                .machine(machine("m1"));
            let decision = license.evaluate(FeatureMatrix::built_in(), &context);
            assert_eq!(
                serde_json::to_value(decision.evidence()).unwrap()["expected"],
                decision.evidence().expected()
            );
            assert_eq!(
                license.explain(FeatureMatrix::built_in(), &context).len(),
                Rule::ALL.len()
            );
        }
    }
}

/// Numbers at the limits of accepted values, and random numbers.
fn number() -> impl Strategy<Value = i64> {
    const SAFE: i64 = (1 << 53) - 1;
    let edges = [
        i64::MIN,
        -2,
        -1,
        0,
        1,
        (1 << 32) - 1,
        1 << 32,
        (1 << 32) + 1,
        SAFE,
        SAFE + 1,
        i64::MAX,
    ];
    prop_oneof![select(edges.to_vec()), any::<i64>(), 0..SAFE]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_text_makes_a_parser_panic(text in prop_oneof![any::<String>(), "\\PC*", "[-A-Z0-9]{0,60}"]) {
        parse_in_each_way(&text);
    }

    #[test]
    fn no_damaged_text_makes_a_parser_panic(text in well_formed_text(), changes in changes()) {
        parse_in_each_way(&changed(&text, &changes));
    }

    #[test]
    fn no_damaged_header_makes_a_parser_panic(changes in changes()) {
        let header = r#"{"alg":"RS256","kid":"k","typ":"license+jwt"}"#;
        let header = changed(header, &changes);
        parse_in_each_way(&format!("{}.e30.AAAA", encoded(header.as_bytes())));
    }

    #[test]
    fn damaged_claims_with_a_valid_signature_do_not_panic(changes in changes()) {
        let token = signed("license+jwt", &changed(&claims(), &changes));
        match Unverified::parse(&token).unwrap().verify(&TRUST) {
            Ok(license) => evaluate_at_extremes(&license),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn no_number_in_a_claim_overflows(
        claim in select(&["serial", "iat", "nbf", "exp", "seats", "devices", "maintenance_until"][..]),
        number in number(),
        terms in [number(), number()],
    ) {
        let mut claims: serde_json::Value = serde_json::from_str(&claims()).unwrap();
        claims[claim] = number.into();
        claims["check_in"] = serde_json::json!({"every_hours": terms[0], "grace_hours": terms[1]});
        claims["renewal"] = serde_json::json!({"notify_days": terms[1], "grace_hours": terms[0]});
        let token = signed("license+jwt", &claims.to_string());
        if let Ok(license) = Unverified::parse(&token).unwrap().verify(&TRUST) {
            evaluate_at_extremes(&license);
            let _ = license.short_enterprise_key(FeatureMatrix::built_in());
        }
    }

    #[test]
    fn accepted_terms_do_not_overflow(first in number(), second in number(), end in any::<bool>()) {
        let (first, second) = (first.unsigned_abs(), second.unsigned_abs());
        let (check_in, renewal) = (check_in(first, second), renewal(first, second));
        prop_assert_eq!(check_in.is_some(), first >= 1 && first <= second && second <= 1 << 32);
        prop_assert_eq!(renewal.is_some(), first <= 1 << 32 && second <= 1 << 32);
        let mut draft = draft("PRO", id(1));
        draft.check_in = check_in;
        draft.renewal = renewal;
        draft.expires_at = Some(if end { time::MAX } else { issued() + DAY });
        evaluate_at_extremes(&issue(&draft));
    }
}
