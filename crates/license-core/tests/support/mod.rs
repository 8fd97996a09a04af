//! Test helpers: signing keys, and licenses and tokens issued with them.
#![allow(dead_code, reason = "each test binary uses a part of this module")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::Status;
use license_core::issue::{
    KeyBits, LicenseDraft, RandomError, Signer, SigningKey, ValidationDraft,
};
use license_core::jose::Algorithm;
use license_core::license::Validation;
use license_core::machine::Machine;
use license_core::policy::{Entitlements, Quota};
use license_core::trust::{TrustedKey, VerifyError};
use license_core::{FeatureMatrix, License, LicenseId, Tier, TrustSet, Unverified, time};

fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

fn generate(algorithm: Algorithm) -> SigningKey {
    let der = SigningKey::generate(KeyBits::B2048, algorithm, &random).unwrap();
    SigningKey::from_pkcs8(&der, None, random).unwrap()
}

/// The vendor's signing key.
pub(crate) static VENDOR: LazyLock<SigningKey> = LazyLock::new(|| generate(Algorithm::Rs256));
/// The vendor's spare key, which has another algorithm.
pub(crate) static SPARE: LazyLock<SigningKey> = LazyLock::new(|| generate(Algorithm::Ps256));
/// The key of a customer's own license server.
pub(crate) static SERVER: LazyLock<SigningKey> = LazyLock::new(|| generate(Algorithm::Rs256));
/// A key that no license and no trust set contains.
pub(crate) static UNTRUSTED: LazyLock<SigningKey> = LazyLock::new(|| generate(Algorithm::Rs256));

/// The trust set of the vendor's programs.
pub(crate) static TRUST: LazyLock<TrustSet> = LazyLock::new(|| trust(&[&VENDOR]));

pub(crate) fn trust(keys: &[&SigningKey]) -> TrustSet {
    let keys = keys.iter().map(|key| public(key));
    TrustSet::new(keys).unwrap()
}

pub(crate) fn public(key: &SigningKey) -> TrustedKey {
    let key = key.public();
    TrustedKey::new(key.algorithm(), key.modulus(), key.exponent()).unwrap()
}

/// The default time of issue.
pub(crate) fn issued() -> DateTime<Utc> {
    at("2027-01-01")
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

pub(crate) const SECOND: TimeDelta = TimeDelta::seconds(1);
pub(crate) const HOUR: TimeDelta = TimeDelta::hours(1);
pub(crate) const DAY: TimeDelta = TimeDelta::days(1);

/// Returns a machine with this name and a static lifetime.
pub(crate) fn machine(name: &str) -> &'static Machine {
    Box::leak(Box::new(Machine::parse(name).unwrap()))
}

/// Returns the license id with this number.
pub(crate) fn id(number: u64) -> LicenseId {
    let [.., a, b, c, d] = number.to_be_bytes();
    LicenseId::from_random(at("2027-01-01"), &[0, 0, 0, 0, 0, 0, a, b, c, d])
}

/// Returns the draft of a perpetual license with the terms of its tier.
pub(crate) fn draft(tier: &str, id: LicenseId) -> LicenseDraft {
    let matrix = FeatureMatrix::built_in();
    let terms = matrix.tier(Tier::parse(tier).unwrap()).unwrap();
    LicenseDraft::for_tier(matrix, terms, id, "customer-1".to_owned(), issued())
}

/// Returns a draft without check-in and renewal terms, so that its validity does not depend on the
/// date.
pub(crate) fn perpetual(tier: &str, id: LicenseId) -> LicenseDraft {
    let mut draft = draft(tier, id);
    draft.check_in = None;
    draft.renewal = None;
    draft
}

/// Issues and verifies a license.
pub(crate) fn issue(draft: &LicenseDraft) -> License {
    let token = draft.sign(&*VENDOR).unwrap();
    Unverified::parse(&token).unwrap().verify(&TRUST).unwrap()
}

/// Returns the draft of a validation token with the entitlements of the license, for any machine.
pub(crate) fn validation_draft(
    license: &License,
    status: Status,
    at: DateTime<Utc>,
) -> ValidationDraft<'_> {
    ValidationDraft {
        license,
        issuer: "CODITECT".to_owned(),
        id: id(1000),
        issued_at: at,
        expires_at: None,
        machine: None,
        nonce: None,
        status,
        entitlements: license.entitlements(),
    }
}

/// Signs a validation token with a key and verifies it for a license.
pub(crate) fn sign_validation(
    draft: &ValidationDraft<'_>,
    key: &SigningKey,
    license: &License,
) -> Result<Validation, VerifyError> {
    let token = draft.sign(key).unwrap();
    Unverified::parse(&token)?.verify_validation(&TRUST, license)
}

pub(crate) fn entitlements(tier: &str, features: &[&str], quotas: &[(&str, i64)]) -> Entitlements {
    Entitlements::new(
        Tier::parse(tier).unwrap(),
        features.iter().map(|&feature| feature.to_owned()),
        quotas
            .iter()
            .map(|&(name, number)| (name.to_owned(), Quota::from_number(number).unwrap())),
    )
}
