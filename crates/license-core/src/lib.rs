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
//! [`License::evaluate`] evaluates one license alone. [`VerifiedLicenses::evaluate`] evaluates a
//! file as a whole, with its validation tokens and revocation lists.
//!
//! # Values
//!
//! A value with a text form, such as [`Tier`], [`LicenseId`], [`Status`](claims::Status) or
//! [`Fingerprint`](machine::Fingerprint), implements `FromStr`, `Display`, `Serialize` and
//! `Deserialize`, so it can be a command-line option or a member of a settings file. `FromStr` and
//! `Deserialize` accept exactly the texts that the function `parse` of the type accepts. Verified
//! types implement only `Serialize`, because deserializing them would skip the verification.
//!
//! ```
//! use license_core::Tier;
//! use license_core::policy::UsageType;
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
//! # Modules
//!
//! The root of the crate contains the types that most applications need. The modules contain
//! everything else:
//!
//! | module | content |
//! |---|---|
//! | [`trust`] | trusted public keys |
//! | [`jose`] | tokens before their signature is verified |
//! | [`license`] | verified licenses and other verified tokens; license files |
//! | [`claims`] | the claims of a license, including those that this version does not know |
//! | [`key`] | license keys that can be typed |
//! | [`matrix`] | tiers, features and quotas of a product; product files |
//! | [`policy`] | conditions of tiers and licenses: check-in, renewal, quotas |
//! | [`machine`] | fingerprints of machines |
//! | [`evaluate`] | the rules, and the decision with its evidence |
//! | [`session`] | the project root through symbolic links, and session ids |
//! | [`state`] | what a machine remembers: latest known time and quota counters |
//! | [`requests`] | requests of machines without a network, and deactivation receipts |
//! | [`usage`] | usage reports |
//! | [`telemetry`] | telemetry events |
//! | [`diff`] | the changes between two licenses for their holder |
//! | [`inspect`] | display of unverified content |
//! | [`issue`](#features) | drafts and signers, with the feature `issue` |
//! | [`ids`], [`time`], [`encoding`] | product codes and tiers, instants and dates, text forms |
//!
//! # Features
//!
//! - `rsa` (default): signatures with RustCrypto's `rsa`, in pure Rust without a C compiler.
//! - `aws-lc-rs`: signatures with AWS-LC, about four times as fast as `rsa`. If both features are
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
pub mod claims;
mod code;
pub mod diff;
mod digest;
pub mod encoding;
pub mod evaluate;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod ids;
pub mod inspect;
#[cfg(feature = "issue")]
pub mod issue;
pub mod jose;
pub mod key;
pub mod license;
pub mod machine;
pub mod matrix;
pub mod policy;
pub mod requests;
pub mod session;
pub mod state;
pub mod telemetry;
pub mod time;
pub mod trust;
pub mod usage;

// The main path. Everything else is in the modules.
pub use causes::with_causes;
pub use chrono;
pub use code::{Code, CodeKind};
pub use evaluate::{Context, Decision};
pub use ids::{ProductCode, Tier};
pub use jose::{TokenKind, Unverified};
pub use key::{LicenseId, LicenseKey};
pub use license::{License, LicenseFile, SignatureCache, VerifiedLicenses, Verifier};
pub use matrix::FeatureMatrix;
pub use semver::{Version, VersionReq};
pub use trust::TrustSet;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
