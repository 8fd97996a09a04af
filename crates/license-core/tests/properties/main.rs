//! Property tests: parsers and printers round-trip and do not panic, and neither time nor a
//! customer's own license server improves a decision.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod difference;
mod evaluation;
mod malformed;
mod revocations;
mod rotation;
mod round_trip;
mod scenario;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::ids::Company;
use license_core::jose::Algorithm;
use license_core::key::{EnterpriseTerms, KeyExpiry, ShortEnterpriseKey, StandardKey};
use license_core::policy::{CheckIn, Renewal};
use license_core::trust::TrustedKey;
use license_core::{LicenseId, ProductCode, Tier, time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn standard_key() -> impl Strategy<Value = StandardKey> {
    let names = ("[A-Z][A-Z0-9]{1,15}", "[A-Z][A-Z0-9]{1,15}", "\\PC{1,20}");
    (
        names,
        any::<[u8; 10]>(),
        proptest::option::of(0..=time::unix_seconds(time::MAX)),
    )
        .prop_map(|((product, tier, customer), random, end)| {
            StandardKey::new(
                ProductCode::parse(&product).unwrap(),
                Tier::parse(&tier).unwrap(),
                &LicenseId::from_random(support::at("2027-01-01"), &random),
                &customer,
                end.and_then(time::from_unix_seconds),
            )
        })
}

fn date() -> impl Strategy<Value = NaiveDate> {
    let first = time::parse_date("1970-01-01").unwrap();
    (0..2_932_897_i64).prop_map(move |days| first + TimeDelta::days(days))
}

/// Returns a check-in policy from two numbers of hours.
fn check_in(every: u64, grace: u64) -> Option<CheckIn> {
    CheckIn::new(
        units(every, TimeDelta::try_hours),
        units(grace, TimeDelta::try_hours),
    )
}

/// Returns a renewal policy from a number of days and a number of hours.
fn renewal(days: u64, hours: u64) -> Option<Renewal> {
    Renewal::new(
        units(days, TimeDelta::try_days),
        units(hours, TimeDelta::try_hours),
    )
}

/// Returns `count` units, or the longest duration if it would overflow.
fn units(count: u64, unit: fn(i64) -> Option<TimeDelta>) -> TimeDelta {
    let duration = i64::try_from(count).ok().and_then(unit);
    duration.unwrap_or(TimeDelta::MAX)
}

fn terms() -> impl Strategy<Value = EnterpriseTerms> {
    let perpetual = Just(KeyExpiry::Perpetual);
    // The last day of the year 9999 encodes a perpetual key.
    let last_day = date().prop_filter("perpetual", |date| date.to_string() != "9999-12-31");
    let expiry = prop_oneof![1 => perpetual, 4 => last_day.prop_map(KeyExpiry::LastDay)];
    (
        "[A-Z][A-Z0-9]{1,15}",
        "[A-Z0-9]{2,16}",
        1..=u32::MAX,
        expiry,
    )
        .prop_map(|(product, company, seats, expiry)| EnterpriseTerms {
            product: ProductCode::parse(&product).unwrap(),
            company: Company::parse(&company).unwrap(),
            seats: NonZeroU32::new(seats).unwrap(),
            expiry,
        })
}

fn full_key() -> impl Strategy<Value = String> {
    (terms(), vec(any::<u8>(), 256..=1024))
        .prop_map(|(terms, signature)| format!("{terms}-{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn short_key() -> impl Strategy<Value = String> {
    (terms(), any::<[u8; 8]>())
        .prop_map(|(terms, signature)| ShortEnterpriseKey::new(terms, &signature).to_string())
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        standard_key().prop_map(|key| key.to_string()),
        full_key(),
        short_key()
    ]
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Well-formed tokens with random signatures.
fn token() -> impl Strategy<Value = String> {
    const KINDS: [&str; 5] = [
        "license+jwt",
        "license-validation+jwt",
        "license-revocations+jwt",
        "license-activation+jwt",
        "license-trust+jwt",
    ];
    (
        select(&KINDS[..]),
        "[A-Za-z0-9_-]{43}",
        vec(any::<u8>(), 0..600),
        vec(any::<u8>(), 1..600),
    )
        .prop_map(|(typ, kid, payload, signature)| {
            let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#);
            format!(
                "{}.{}.{}",
                encoded(header.as_bytes()),
                encoded(&payload),
                encoded(&signature)
            )
        })
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (0..=time::unix_seconds(time::MAX))
        .prop_map(|seconds| time::from_unix_seconds(seconds).unwrap())
}

/// Random public keys, for which no private key is known.
fn public_key() -> impl Strategy<Value = TrustedKey> {
    let algorithm = select(&[Algorithm::Rs256, Algorithm::Ps256][..]);
    (
        algorithm,
        vec(any::<u8>(), 256..=512),
        32_768..=u32::MAX / 2,
    )
        .prop_map(|(algorithm, mut modulus, half)| {
            modulus[0] |= 0x80;
            *modulus.last_mut().unwrap() |= 1;
            let exponent = (half * 2 + 1).to_be_bytes();
            let exponent: Vec<_> = exponent.into_iter().skip_while(|&byte| byte == 0).collect();
            TrustedKey::new(algorithm, &modulus, &exponent).unwrap()
        })
}
