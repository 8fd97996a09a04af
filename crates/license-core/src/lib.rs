//! Issues, verifies and evaluates software licenses without a network connection.
//!
//! The crate is pure: it does not read a clock, files, the environment, a random source or the
//! network, and it prints nothing. The time and random bytes are arguments.
//!
//! ```text
//! &str -> Unverified -> verify(&TrustSet) -> License
//! License -> evaluate(&FeatureMatrix, &Context) -> Decision
//! &str -> LicenseKey (well-formed, grants nothing)
//! ```
//!
//! No step can be skipped: a [`License`] exists only after its signature was verified with a
//! trusted key.
//!
//! ```
//! use license_core::{Context, FeatureMatrix, LicenseFile, TokenKind, TrustSet, time};
//!
//! # const JWKS: &str = include_str!(concat!(
//! #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
//! # ));
//! # const FILE: &str = include_str!(concat!(
//! #     env!("CARGO_MANIFEST_DIR"), "/fixtures/files/valid-pro.lic"
//! # ));
//! // The vendor's public keys, compiled into the program, and the customer's license file.
//! let trust = TrustSet::parse(JWKS)?;
//! let file = LicenseFile::parse(FILE)?;
//! let block = file.blocks_of_kind(TokenKind::License).next().ok_or("no license in the file")?;
//!
//! let license = block.token.verify(&trust)?;
//! let now = time::parse_instant("2027-01-15T09:00:00Z")?;
//! let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
//! assert!(decision.allows("cloud_sync"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Values
//!
//! A value with a text form, such as [`Tier`], [`LicenseId`], [`Status`] or [`Fingerprint`],
//! implements `FromStr`, `Display`, `Serialize` and `Deserialize`, so it can be a command-line
//! option or a member of a settings file. `FromStr` and `Deserialize` accept exactly the texts that
//! the function `parse` of the type accepts. Verified types implement only `Serialize`, because
//! deserializing them would skip the verification.
//!
//! ```
//! use license_core::{Tier, UsageType};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     tier: Tier,
//!     usage: UsageType,
//! }
//!
//! let settings: Settings = serde_json::from_str(r#"{ "tier": "PRO", "usage": "runtime" }"#)?;
//! assert_eq!(settings.tier, "PRO".parse()?);
//! assert_eq!(settings.usage, UsageType::Runtime);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `rsa` (default): signatures with RustCrypto's `rsa`, in pure Rust without a C compiler.
//! - `aws-lc-rs`: signatures with AWS-LC, about five times as fast as `rsa`. If both features are
//!   enabled, the crate uses AWS-LC.
//! - `issue`: issuing and signing of licenses, with either backend.
//!
//! The crate needs one of the features `rsa` and `aws-lc-rs`.

// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "rsa", feature = "aws-lc-rs")))]
compile_error!(
    "license-core needs a signature backend: enable feature `rsa` (pure Rust) or `aws-lc-rs` (needs a C compiler)"
);

mod causes;
mod claims;
mod code;
mod diff;
mod digest;
mod encoding;
mod evaluate;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ids;
mod inspect;
mod jose;
mod key;
mod license;
mod machine;
mod matrix;
mod policy;
mod requests;
pub mod session;
mod state;
pub mod time;
mod trust;

#[cfg(feature = "issue")]
pub mod issue;
pub mod usage;

pub use causes::with_causes;
pub use chrono;
pub use claims::{ClaimEntry, Confirmation, LicenseClaims, Revocation, RevocationEntry, Status};
pub use code::{Code, CodeKind};
pub use diff::{Change, Difference, Effect, Succession};
pub use encoding::armor::MachineRequestKind;
pub use encoding::hex;
pub use encoding::pasted::{FoundText, Position};
pub use encoding::strict_json::JsonError;
pub use encoding::value::ValueError;
pub use evaluate::{
    Context, ContextValue, Decision, Evidence, FeatureDecision, MissingContext, Outcome, Rule,
    RuleOutcome, RuleResult, Warning,
};
pub use ids::{Commitment, Company, NameError, Nonce, ProductCode, Tier};
pub use inspect::{InspectError, UNVERIFIED, inspect};
pub use jose::{
    Algorithm, Backend, MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES, ParseError, TokenKind,
    Unverified, input_cap,
};
pub use key::{
    EnterpriseKey, EnterpriseTerms, KeyError, KeyExpiry, LicenseId, LicenseKey, ShortEnterpriseKey,
    StandardKey,
};
pub use license::{
    Activation, ArmorBlock, CanonicalText, ClockRepair, License, LicenseFile, RevocationList,
    Rotation, RotationError, StatementResult, TrustStatement, Validation, ValidationSigner,
    VerifiedLicenses, VerifiedLicensesError, Verifier,
};
pub use machine::{ComponentKind, Fingerprint, FingerprintComparison, Machine, MachineDigest};
pub use matrix::{FeatureMatrix, ProductFileError, TierPolicy, Trial};
pub use policy::{CheckIn, Entitlements, Quota, Renewal, UsageType};
pub use requests::{
    ActivationRequest, ActivationSecret, ClockRequest, DeactivationReceipt, MachineRequest,
    MachineRequestError, readback,
};
pub use semver::{Version, VersionReq};
pub use session::SessionId;
pub use state::{Boot, ClockHighWater, ClockReading, QuotaCounters, QuotaUse};
pub use time::TimeError;
pub use trust::{ClaimError, KeyId, TrustError, TrustSet, TrustedKey, VerifyError};
pub use usage as usage_report;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
