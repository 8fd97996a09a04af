//! Values have a text form and a JSON form. A verified type can only be created by verification.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;

use license_core::claims::Status;
use license_core::diff::{Effect, Succession};
use license_core::encoding::ValueError;
use license_core::evaluate::{Outcome, Rule};
use license_core::ids::{Commitment, Company, NameError, Nonce};
use license_core::issue::{
    Confirmation, KeyBits, LicenseDraft, RetirementDraft, RevocationEntry, RevocationListDraft,
};
use license_core::jose::Algorithm;
use license_core::key::{
    EnterpriseKey, EnterpriseTerms, KeyExpiry, ShortEnterpriseKey, StandardKey,
};
use license_core::license::ValidationSigner;
use license_core::machine::{ComponentKind, Fingerprint, Machine, MachineDigest};
use license_core::matrix::TrialPolicy;
use license_core::policy::{CheckIn, Quota, Renewal, UsageType};
use license_core::requests::{MachineRequest, MachineRequestKind};
use license_core::session::RootReason;
use license_core::session::SessionId;
use license_core::trust::{KeyId, TrustedKey};
use license_core::usage::{ChainId, UsageHash};
use license_core::{
    Code, CodeKind, FeatureMatrix, LicenseId, LicenseKey, ProductCode, Tier, TokenKind, TrustSet,
    time,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json};

const JWKS: &str = include_str!("../fixtures/trust/vendor.jwks");
const ID: &str = "01940000-0000-7000-8000-000000000001";
const SHORT_KEY: &str = "CODITECT-ENT-ACME-100-20271231-0123456789ABCDEF";

/// Checks that each text round-trips through `FromStr`, `Display` and serde, and that neither
/// `FromStr` nor serde accepts a foreign text or another JSON type.
fn check_text<T>(texts: &[&str], foreign: &[&str])
where
    T: FromStr<Err: Debug> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let name = std::any::type_name::<T>();
    for text in texts {
        let value: T = text.parse().unwrap();
        assert_eq!(value.to_string(), *text, "{name}");
        assert_eq!(json!(value), json!(text), "{name}");
        assert_eq!(from_value::<T>(json!(text)).unwrap(), value, "{name}");
    }
    for text in foreign {
        assert!(text.parse::<T>().is_err(), "{name}: {text}");
        let error = from_value::<T>(json!(text)).unwrap_err().to_string();
        assert!(error.contains("expected"), "{name}: {text}: {error}");
    }
    for other in [
        json!(null),
        json!(1),
        json!([texts[0]]),
        json!({ (texts[0]): null }),
    ] {
        assert!(from_value::<T>(other.clone()).is_err(), "{name}: {other}");
    }
}

/// Checks an enum without fields, and checks that its names are distinct.
fn check_names<T>(all: &[T], foreign: &[&str])
where
    T: FromStr<Err = ValueError> + Display + Debug + Copy + Eq + Hash + Serialize,
    T: DeserializeOwned,
{
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
    check_text::<T>(&texts, foreign);
    let distinct: HashSet<T> = texts.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn every_name_of_an_enum_round_trips() {
    let foreign = ["", " ", "unknown", "Ä"];
    check_names(
        Algorithm::ALL,
        &[&foreign[..], &["rs256", "HS256", "none"]].concat(),
    );
    check_names(
        Code::ALL,
        &[&foreign[..], &["expired", "EXPIRED "]].concat(),
    );
    check_names(CodeKind::ALL, &[&foreign[..], &["Denied"]].concat());
    check_names(
        &ComponentKind::ALL,
        &[&foreign[..], &["MAC", "machine-id"]].concat(),
    );
    check_names(Effect::ALL, &[&foreign[..], &["Loss"]].concat());
    check_names(KeyBits::ALL, &[&foreign[..], &["1024", "02048"]].concat());
    check_names(
        MachineRequestKind::ALL,
        &[&foreign[..], &["LICENSE"]].concat(),
    );
    check_names(Outcome::ALL, &[&foreign[..], &["GRACE"]].concat());
    check_names(
        &Rule::ALL,
        &[&foreign[..], &["Expiry", "not_before"]].concat(),
    );
    check_names(RootReason::ALL, &[&foreign[..], &[".git"]].concat());
    check_names(
        Status::ALL,
        &[&foreign[..], &["Active", "cancelled"]].concat(),
    );
    check_names(Succession::ALL, &[&foreign[..], &["replaced by"]].concat());
    check_names(
        TokenKind::ALL,
        &[&foreign[..], &["LICENSE", "JWT"]].concat(),
    );
    check_names(UsageType::ALL, &[&foreign[..], &["Builder"]].concat());
    check_names(
        ValidationSigner::ALL,
        &[&foreign[..], &["customer"]].concat(),
    );
}

#[test]
fn every_text_value_round_trips() {
    check_text::<ProductCode>(&["CODITECT", "A1"], &["", "a1", "1A", "A B"]);
    check_text::<Tier>(&["PRO", "ENT"], &["", "pro", "P", "PRO "]);
    check_text::<Company>(&["ACME", "3M"], &["", "acme", "ACME-LTD"]);
    check_text::<LicenseId>(&[ID, SHORT_KEY], &["", "F47AC10B", &ID.replace('-', "")]);
    let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    check_text::<KeyId>(&[thumbprint], &["", &thumbprint[1..], "a key"]);
    check_text::<Nonce>(
        &[&"0a".repeat(16)],
        &["", &"0A".repeat(16), &"0a".repeat(17)],
    );
    check_text::<Commitment>(&[&"0a".repeat(32)], &["", &"0a".repeat(31), "x"]);
    check_text::<ChainId>(&[&"0a".repeat(16)], &["", &"0A".repeat(16)]);
    check_text::<UsageHash>(&[&"0a".repeat(32)], &["", &"0a".repeat(16)]);
    check_text::<SessionId>(
        &["sess_b6113f0c2edde9012630626d0e79ea28"],
        &[
            "",
            "b6113f0c2edde9012630626d0e79ea28",
            "sess_B6113F0C2EDDE9012630626D0E79EA28",
        ],
    );
    check_text::<KeyExpiry>(
        &["20271231", "99991231"],
        &["", "20270230", "2027", "perpetual"],
    );
}

#[test]
fn every_identification_of_a_machine_round_trips() {
    let fingerprint = format!("fp1:id={},cpu={}", "0a".repeat(12), "0b".repeat(12));
    let digest = "mach_00112233445566778899aabbccddeeff";
    check_text::<Fingerprint>(&[&fingerprint], &["", "fp1:", "fp2:id=00", digest]);
    check_text::<MachineDigest>(&[digest], &["", "mach_00", &fingerprint]);
    for text in [&fingerprint, digest, "dongle 7"] {
        let machine = text.parse::<Machine>().unwrap();
        assert_eq!(machine.to_string(), *text);
        assert_eq!(from_value::<Machine>(json!(machine)).unwrap(), machine);
    }
    assert!("".parse::<Machine>().is_err() && from_value::<Machine>(json!("")).is_err());
}

#[test]
fn every_license_key_round_trips_and_is_refused_as_a_key_of_another_form() {
    let standard = "CODITECT-PRO-A7F3E9D2C4B1-8F2A";
    let full = format!("CODITECT-ENT-ACME-100-20271231-{}", "A".repeat(342));
    let terms = "CODITECT-ENT-ACME-100-20271231";
    let wrong = ["", "CODITECT", "CODITECT-PRO-A7F3E9D2C4B1-8F2B"];
    check_text::<LicenseKey>(
        &[standard, &full, SHORT_KEY],
        &[&wrong[..], &[terms]].concat(),
    );
    check_text::<StandardKey>(&[standard], &[&wrong[..], &[&full, SHORT_KEY]].concat());
    check_text::<EnterpriseKey>(&[&full], &[&wrong[..], &[standard, SHORT_KEY]].concat());
    check_text::<ShortEnterpriseKey>(&[SHORT_KEY], &[&wrong[..], &[standard, &full]].concat());
    check_text::<EnterpriseTerms>(&[terms], &[&wrong[..], &[standard, SHORT_KEY]].concat());
    let error = StandardKey::parse(SHORT_KEY).unwrap_err();
    let message = "license key: expected a standard key, found a short enterprise key";
    assert_eq!(error.to_string(), message);
    assert_eq!(error.code(), Code::Malformed);
}

#[test]
fn a_quota_round_trips_as_text_and_as_json() {
    for (text, number) in [
        ("0", 0),
        ("9223372036854775807", i64::MAX),
        ("unlimited", -1),
    ] {
        let quota: Quota = text.parse().unwrap();
        assert_eq!(quota.to_string(), text);
        assert_eq!(json!(quota), json!(number));
        assert_eq!(from_value::<Quota>(json!(number)).unwrap(), quota);
    }
    assert_eq!("-1".parse(), Ok(Quota::Unlimited));
    for text in [
        "",
        "-2",
        "+1",
        "01",
        "1.0",
        "9223372036854775808",
        "Unlimited",
    ] {
        assert!(text.parse::<Quota>().is_err(), "{text}");
    }
    for value in [
        json!(-2),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(u64::MAX),
    ] {
        assert!(from_value::<Quota>(value.clone()).is_err(), "{value}");
    }
}

/// Checks that an object round-trips, and that it is refused with any of these changes.
fn check_object<T>(object: &Value, changes: &[(&str, Value)])
where
    T: Debug + PartialEq + Serialize + DeserializeOwned,
{
    let value: T = from_value(object.clone()).unwrap();
    assert_eq!(json!(value), *object);
    for (member, wrong) in changes {
        let mut changed = object.clone();
        changed[member] = wrong.clone();
        assert!(from_value::<T>(changed).is_err(), "{member}: {wrong}");
    }
    let values: Vec<&Value> = object.as_object().unwrap().values().collect();
    assert!(from_value::<T>(json!(null)).is_err(), "{object}");
    assert!(from_value::<T>(json!("")).is_err(), "{object}");
    assert!(
        values.is_empty() || from_value::<T>(json!([])).is_err(),
        "{object}"
    );
}

#[test]
fn conditions_round_trip_within_their_bounds() {
    let check_in = json!({ "every_hours": 24, "grace_hours": 168 });
    let wrong = [
        ("every_hours", json!(0)),
        ("grace_hours", json!(23)),
        ("every_hours", json!("24")),
    ];
    check_object::<CheckIn>(&check_in, &wrong);
    let renewal = json!({ "notify_days": 14, "grace_hours": 72 });
    check_object::<Renewal>(
        &renewal,
        &[("notify_days", json!(-1)), ("grace_hours", json!(null))],
    );
    let trial = json!({ "tier": "PRO", "days": 14 });
    let wrong = [
        ("days", json!(0)),
        ("days", json!(3661)),
        ("tier", json!("pro")),
        ("x", json!(1)),
    ];
    check_object::<TrialPolicy>(&trial, &wrong);
}

#[test]
fn drafts_round_trip_as_their_claims() {
    let matrix = FeatureMatrix::built_in();
    let id = LicenseId::parse(ID).unwrap();
    let issued_at = time::parse_instant("2027-01-01").unwrap();
    for tier in matrix {
        let draft = LicenseDraft::for_tier(matrix, tier, id.clone(), "ACME".to_owned(), issued_at);
        let wrong = [
            ("jti", json!(SHORT_KEY)),
            ("tier", json!("pro")),
            ("exp", json!(null)),
        ];
        check_object::<LicenseDraft>(&json!(draft), &wrong);
    }
    let entry = json!({ "jti": ID, "at": 1_798_761_600, "reason": "refund" });
    let wrong = [
        ("reason", json!("")),
        ("at", json!("2027-01-01")),
        ("jti", json!("x")),
    ];
    check_object::<RevocationEntry>(&entry, &wrong);
    let list = json!({
        "iss": "AZ1.AI", "aud": "CODITECT", "iat": 1_798_761_600, "seq": 7,
        "next_update": 1_801_353_600, "revoked": [entry],
    });
    let wrong = [
        ("iss", json!("")),
        ("seq", json!(-1)),
        ("crit", json!(["x"])),
        ("revoked", json!([[]])),
    ];
    check_object::<RevocationListDraft>(&list, &wrong);
    let retirement = json!({ "iss": "AZ1.AI", "iat": 1_798_761_600 });
    check_object::<RetirementDraft>(&retirement, &[("iss", json!("")), ("retires", json!([]))]);
}

#[test]
fn keys_round_trip_as_jwks_and_are_checked() {
    let trust: TrustSet = JWKS.parse().unwrap();
    let set = json!(trust);
    assert_eq!(set, trust.to_jwks());
    assert_eq!(from_value::<TrustSet>(set).unwrap(), trust);
    for wrong in [
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": [{}] }),
        json!([]),
    ] {
        assert!(from_value::<TrustSet>(wrong.clone()).is_err(), "{wrong}");
    }
    assert_eq!((&trust).into_iter().count(), trust.len());
    for key in &trust {
        let wrong = [
            ("e", json!("Aw")),
            ("kid", json!("another")),
            ("d", json!("AQAB")),
        ];
        check_object::<TrustedKey>(&json!(key), &wrong);
        let confirmation = json!({ "jwk": key });
        check_object::<Confirmation>(&confirmation, &[("jwk", json!({}))]);
    }
}

#[test]
fn a_product_file_in_json_is_checked_like_one_in_toml() {
    let tier =
        |name: &str| json!({ "name": name, "features": ["open"], "quotas": { "exports": 3 } });
    let file = json!({
        "product": "EDITOR", "issuer": "Example Ltd", "base_tier": "FREE", "tiers": [tier("FREE")],
    });
    let matrix: FeatureMatrix = from_value(file.clone()).unwrap();
    let toml = "product = 'EDITOR'\nissuer = 'Example Ltd'\nbase_tier = 'FREE'\n[[tiers]]\n\
                name = 'FREE'\nfeatures = ['open']\nquotas = { exports = 3 }\n";
    assert_eq!(toml.parse::<FeatureMatrix>().unwrap(), matrix);
    for matrix in [&matrix, FeatureMatrix::built_in()] {
        assert_eq!(from_value::<FeatureMatrix>(json!(matrix)).unwrap(), *matrix);
    }
    for (member, wrong) in [
        ("product", json!("editor")),
        ("base_tier", json!("PRO")),
        ("tiers", json!([["FREE", null, []]])),
        ("tiers", json!([tier("FREE"), tier("FREE")])),
        ("color", json!("red")),
    ] {
        let mut changed = file.clone();
        changed[member] = wrong.clone();
        assert!(
            from_value::<FeatureMatrix>(changed).is_err(),
            "{member}: {wrong}"
        );
    }
}

#[test]
fn a_machine_request_parses_from_its_armor() {
    let armor = "-----BEGIN LICENSE CLOCK REQUEST-----\n{}\n-----END LICENSE CLOCK REQUEST-----";
    let error = armor.parse::<MachineRequest>().unwrap_err();
    assert_eq!(error.code(), Code::Malformed);
}

#[test]
fn errors_of_values_state_the_expected_value() {
    let error: NameError = "pro".parse::<Tier>().unwrap_err();
    assert_eq!(error.to_string(), format!("expected {}", error.expected));
    let error: ValueError = "x".parse::<Status>().unwrap_err();
    assert_eq!(
        error.expected,
        "`active`, `suspended`, `revoked` or `canceled`"
    );
}

/// Fails to compile if a type implements `Deserialize`, because `Marker<_>` is then ambiguous.
macro_rules! assert_not_deserialize {
    ($($type:ty),+ $(,)?) => {
        $({
            trait Marker<A> {
                fn marker() {}
            }
            impl<T: ?Sized> Marker<()> for T {}
            struct IsDeserialize;
            impl<T: DeserializeOwned> Marker<IsDeserialize> for T {}
            <$type as Marker<_>>::marker();
        })+
    };
}

#[test]
fn no_verified_type_can_be_deserialized() {
    assert_not_deserialize!(
        license_core::license::Activation,
        license_core::license::ClockRepair,
        license_core::Decision,
        license_core::policy::Entitlements,
        license_core::evaluate::FeatureDecision,
        license_core::License,
        license_core::license::RevocationList,
        license_core::evaluate::RuleResult,
        license_core::license::TrustStatement,
        license_core::Unverified<'static>,
        license_core::license::Validation,
        license_core::VerifiedLicenses,
    );
}
