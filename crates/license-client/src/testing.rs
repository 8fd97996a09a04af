//! A vendor, a machine and a clock for the tests of an application.
//!
//! This module requires the feature `testing`. Enable the feature for the tests only:
//!
//! ```toml
//! [dev-dependencies]
//! license-client = { version = "0.1", features = ["testing"] }
//! ```
//!
//! The tests use the real code: licenses are signed, installed, verified and evaluated as on a
//! customer's machine. Only the vendor's key, the state directory, the id of the machine and the
//! clock differ. No test touches the home directory, and no C compiler is needed.
//!
//! ```
//! use license_client::license_core::claims::Status;
//! use license_client::testing::{self, TestMachine, TimeDelta};
//!
//! const PRODUCT: &str = r#"
//!     product = "WIDGET"
//!     issuer = "Widget Works"
//!     base_tier = "BASE"
//!
//!     [[tiers]]
//!     name = "BASE"
//!     features = ["view"]
//!     quotas = { prints_per_day = 3 }
//!
//!     [[tiers]]
//!     name = "SHOP"
//!     extends = "BASE"
//!     features = ["edit"]
//!     quotas = { prints_per_day = 50 }
//!     renewal = { notify_days = 14, grace_hours = 72 }
//! "#;
//!
//! # /*
//! #[test]
//! # */
//! fn the_license_decides() -> Result<(), Box<dyn std::error::Error>> {
//!     let machine = TestMachine::new(PRODUCT);
//!     let client = machine.builder().user("ann").build()?;
//!     assert!(!client.allows("edit")?);
//!
//!     let license = machine.install(testing::license("SHOP").user("ann").expires("2026-03-01"));
//!     assert!(client.allows("edit")?);
//!     assert!(client.use_quota("prints_per_day", 50)?.granted);
//!     machine.advance(TimeDelta::days(1));
//!     assert!(client.use_quota("prints_per_day", 50)?.granted);
//!
//!     machine.set_clock("2026-03-02");
//!     assert_eq!(client.decide()?.code().as_str(), "GRACE_RENEWAL");
//!     machine.install(testing::validation(&license).status(Status::Suspended));
//!     assert_eq!(client.decide()?.code().as_str(), "SUSPENDED");
//!     machine.install(testing::revocation_list().revoke(license.id()));
//!     assert_eq!(client.decide()?.code().as_str(), "REVOKED");
//!     Ok(())
//! }
//! # the_license_decides().unwrap();
//! ```
//!
//! - To test a license: `machine.install(testing::license("PRO"))`.
//! - To test code that takes a token or a license file: `testing::license("PRO").product(PRODUCT)`,
//!   then `.token()` or `.file()`.
//! - To test the end of a license, or of a grace period: `.expires("2027-03-01")`, then
//!   `machine.set_clock(…)`.
//! - To test a quota on the next day: `machine.advance(TimeDelta::days(1))`.
//! - To test a node lock: `.machine(other.id())`, where `other` is another [`TestMachine`].
//! - To test a revoked license: `machine.install(testing::revocation_list().revoke(license.id()))`.
//! - To test a check-in: `machine.install(testing::validation(&license))`.
//! - To test an activation: `.must_activate()`, then `machine.activate(&license)`.
//! - To test anything else: `.draft(|draft| draft.trial = true)`.
//!
//! # The key is public
//!
//! All licenses are signed with one RSA key, which is part of the package. Everyone can sign with
//! it, so its signatures prove nothing. The key must never be in the trust set of a program that
//! you ship. Therefore the feature does not compile in release builds, unless the feature
//! `testing-in-release` is enabled too. Enable it only for test programs that need optimization,
//! such as benchmarks.
//!
//! # Panics
//!
//! A mistake in a test, such as an unknown tier or a malformed date, panics at the line of the
//! test. The methods of [`Client`](crate::client::Client) return errors, as in the application.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and only tests use this module"
)]

mod artifacts;
mod clock;
mod license;
mod machine;
mod time_argument;

use std::fmt::Debug;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::chrono::{DateTime, Utc};
use license_core::issue::{RandomError, Signer, SigningKey};
use license_core::{FeatureMatrix, LicenseId, TrustSet, time, with_causes};

pub use artifacts::{
    Artifact, Installed, TestRevocationList, TestValidation, revocation_list, validation,
};
pub use license::{TestLicense, license};
pub use license_core::chrono::TimeDelta;
pub use machine::TestMachine;
pub use time_argument::TimeArgument;

/// 2026-01-01T12:00:00Z: the time at which the clock of a [`TestMachine`] starts, and the default
/// time of issue.
///
/// The time is constant, so that a test has the same result on each day.
pub const START: DateTime<Utc> = match DateTime::from_timestamp_secs(1_767_268_800) {
    Some(start) => start,
    None => time::MIN,
};

/// The private key of the test vendor: RSA 2048, PKCS#8. The key is published, so its signatures
/// prove nothing.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let der = include_bytes!("testing/worthless-test-key.der");
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
    SigningKey::from_pkcs8(der, None, random).expect("the key in the package is usable")
});

static TRUST: LazyLock<TrustSet> = LazyLock::new(|| {
    let jwk = KEY.public().to_jwk().to_string();
    TrustSet::parse(&jwk).expect("the key in the package is usable")
});

/// Returns the trust set of the test vendor: the public half of the key that signs all licenses of
/// this module. The private half is public too.
///
/// ```
/// use license_client::license_core::Unverified;
/// use license_client::{FeatureMatrix, testing};
///
/// let token = testing::license("PRO").product(FeatureMatrix::built_in()).token();
/// let license = Unverified::parse(&token)?.verify(&testing::trust())?;
/// assert_eq!(license.tier().as_str(), "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn trust() -> TrustSet {
    TRUST.clone()
}

/// Returns the key of the test vendor, for artifacts that this module does not create.
///
/// ```
/// use license_client::license_core::issue::Signer;
/// use license_client::testing;
///
/// let key = testing::signing_key();
/// assert!(testing::trust().iter().any(|trusted| trusted.id() == key.public().id()));
/// ```
pub fn signing_key() -> &'static SigningKey {
    &KEY
}

/// Returns a number that this process has not used before.
fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Returns an id that this process has not used before.
fn next_id(issued_at: DateTime<Utc>) -> LicenseId {
    let mut random = [0; 10];
    let (number, _) = random
        .split_first_chunk_mut()
        .expect("the array has 10 bytes");
    *number = next_number().to_be_bytes();
    LicenseId::from_random(issued_at, &random)
}

/// Returns the value, or panics with the message, the error and its causes.
#[track_caller]
fn unwrap<T, E: std::error::Error>(message: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{message}: {}", with_causes(&error)),
    }
}

/// Returns the product of an artifact that is not installed on a machine, or panics.
#[track_caller]
fn require(product: Option<FeatureMatrix>, artifact: &impl Debug) -> FeatureMatrix {
    match product {
        Some(product) => product,
        None => panic!(
            "{artifact:?} has no product; call `product` on it, or install it on a `TestMachine`"
        ),
    }
}
