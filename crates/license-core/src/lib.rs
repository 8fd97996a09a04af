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

mod claims;
mod code;
#[cfg(feature = "inspection")]
mod diff;
mod digest;
mod encoding;
mod evaluate;
mod ids;
#[cfg(feature = "inspection")]
mod inspect;
mod jose;
mod key;
mod license;
mod machine;
mod matrix;
mod policy;
#[cfg(feature = "requests")]
mod requests;
#[cfg(feature = "machine-state")]
pub mod session;
#[cfg(feature = "machine-state")]
mod state;
mod time;
mod trust;

#[cfg(feature = "issue")]
pub mod issue;
#[cfg(feature = "usage-reports")]
pub mod usage;

pub use claims::{ClaimEntry, Confirmation, LicenseClaims, Revocation, Revoked, Status};
pub use code::{Code, CodeKind};
#[cfg(feature = "inspection")]
pub use diff::{Change, Difference, Effect, Succession};
pub use encoding::armor::LetterKind;
pub use encoding::hex;
pub use encoding::pasted::{Found, Position};
pub use encoding::strict_json::JsonError;
pub use evaluate::{
    Context, Decision, Evidence, FeatureAnswer, Finding, Outcome, Rule, RuleOutcome, Warning,
};
pub use ids::{Commitment, Company, NameError, Nonce, ProductCode, Tier};
#[cfg(feature = "inspection")]
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
    Activation, Artefacts, Block, Bundle, BundleError, Canonical, ClockRepair, License,
    RevocationList, Rotation, RotationError, Signer, Taken, TrustStatement, Validation, Verifier,
};
pub use machine::{Comparison, ComponentKind, Fingerprint, Machine, MachineDigest};
pub use matrix::{Matrix, MatrixError, TierTerms, Trial};
pub use policy::{CheckIn, Entitlements, Quota, Renewal, UsageType};
#[cfg(feature = "requests")]
pub use requests::{ActivationRequest, ClockRequest, Letter, LetterError, Receipt, Secret};
#[cfg(feature = "requests")]
pub use requests::{readback, readback as spoken};
pub use semver::{Version, VersionReq};
#[cfg(feature = "machine-state")]
pub use session::SessionId;
#[cfg(feature = "machine-state")]
pub use state::{Boot, HighWater, QuotaUse, Reading, Tally};
pub use time::{Date, Span, TimeError, Timestamp};
pub use trust::{ClaimError, KeyId, TrustError, TrustSet, TrustedKey, VerifyError};
#[cfg(feature = "usage-reports")]
pub use usage as usage_report;
