//! Licenses that are minted and verified offline.
//!
//! Text and bytes go in, decisions come out. Nothing here reads a clock, a file, the environment, a random
//! source or the network, and nothing prints: all that varies is an argument.
//!
//! ```text
//! &str -> Unverified -> verify(&TrustSet) -> License -> evaluate(&Matrix, &Context) -> Decision
//! &str -> LicenseKey                                    proves only spelling, grants nothing
//! ```
//!
//! No arrow can be skipped: a [`License`] exists only after a trusted key's signature over the bytes received
//! has held.
//!
//! ```
//! use license_core::{Artefacts, Context, Matrix, Timestamp, TokenKind, TrustSet};
//!
//! # const JWKS: &str = include_str!("../../../fixtures/trust/vendor.jwks");
//! # const FILE: &str = include_str!("../../../fixtures/files/valid-pro.lic");
//! // The vendor's public keys, compiled into the program, and a file that the customer was sent.
//! let trust = TrustSet::parse(JWKS)?;
//! let file = Artefacts::parse(FILE)?;
//! let block = file.of_kind(TokenKind::License).next().ok_or("no license in the file")?;
//!
//! let license = block.token.verify(&trust)?;
//! let now = Timestamp::parse("2027-01-15T09:00:00Z")?;
//! let decision = license.evaluate(Matrix::built_in(), &Context::at(now));
//! assert!(decision.allows("cloud_sync"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `rsa` (default): signatures by RustCrypto's `rsa`; pure Rust, no C compiler.
//! - `aws-lc-rs`: signatures by AWS-LC, about five times as fast. Preferred when both are enabled.
//! - `pem` (default): trust sets of PEM public keys besides JWKs, and [`TrustedKey::to_pem`].
//! - `inspection` (default): [`inspect`], and [`Difference`] between licenses.
//! - `machine-state` (default): the state that a machine keeps, [`HighWater`] and [`Tally`], and module
//!   [`session`].
//! - `requests` (default): the requests that a machine sends to its vendor, [`Letter`], and [`spoken`].
//! - `usage-reports` (default): module `usage_report`.
//! - `issue`: issue licenses, signed by either backend.
//!
//! A program that only verifies needs one of the first two: `default-features = false, features = ["aws-lc-rs"]`.

mod base64url;
mod bundle;
mod code;
#[cfg(feature = "inspection")]
mod difference;
mod digest;
mod entitlements;
mod evaluate;
#[cfg(feature = "machine-state")]
mod high_water;
#[cfg(feature = "inspection")]
mod inspect;
mod json;
mod key;
mod letter;
mod license;
mod machine;
mod matrix;
mod name;
mod pasted;
#[cfg(feature = "machine-state")]
pub mod session;
mod signature;
#[cfg(feature = "machine-state")]
mod tally;
mod time;
mod token;
mod trust;
mod verifier;

#[cfg(feature = "issue")]
pub mod issue;
#[cfg(feature = "requests")]
pub mod spoken;
#[cfg(feature = "usage-reports")]
pub mod usage_report;

pub use bundle::{Bundle, BundleError, Canonical};
pub use code::{Code, CodeKind};
#[cfg(feature = "inspection")]
pub use difference::{Change, Difference, Effect, Shift, Succession};
pub use entitlements::{Entitlements, Quota};
pub use evaluate::{
    Context, Decision, Evidence, FeatureAnswer, Finding, Outcome, Rule, RuleOutcome, Warning,
};
#[cfg(feature = "machine-state")]
pub use high_water::{Boot, HighWater, Reading};
#[cfg(feature = "inspection")]
pub use inspect::{InspectError, UNVERIFIED, inspect};
pub use json::JsonError;
pub use key::{
    EnterpriseKey, EnterpriseTerms, KeyError, KeyExpiry, LicenseKey, ShortEnterpriseKey,
    StandardKey,
};
#[cfg(feature = "requests")]
pub use letter::{ActivationRequest, ClockRequest, Letter, LetterError, Receipt, Secret};
pub use letter::{Commitment, LetterKind, Nonce};
pub use license::{
    Activation, CheckIn, ClockRepair, Facts, License, LicenseId, Renewal, Revocation,
    RevocationList, Signer, Status, TrustStatement, UsageType, Validation,
};
pub use machine::{Comparison, ComponentKind, Fingerprint, Machine, MachineDigest};
pub use matrix::{Matrix, MatrixError, TierTerms, Trial};
pub use name::{Company, NameError, ProductCode, Tier};
pub use pasted::{Found, Position};
pub use semver::{Version, VersionReq};
#[cfg(feature = "machine-state")]
pub use session::SessionId;
pub use signature::{Algorithm, Backend};
#[cfg(feature = "machine-state")]
pub use tally::{QuotaUse, Tally};
pub use time::{Date, Span, TimeError, Timestamp};
pub use token::{
    Artefacts, Block, MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES, ParseError, TokenKind,
    Unverified, VerifyError, input_cap,
};
pub use trust::{KeyId, Rotation, RotationError, Taken, TrustError, TrustSet, TrustedKey};
pub use verifier::Verifier;
