//! Issuing of licenses, validation tokens, leases, revocation lists, trust statements and
//! enterprise keys, for vendors, license servers and tests.
//!
//! ```
//! use license_core::issue::{KeyBits, LicenseDraft, RandomError, Signer, SigningKey};
//! use license_core::{
//!     FeatureMatrix, LicenseId, Tier, TrustSet, Unverified, VerifiedLicenses, time,
//! };
//! use license_core::jose::Algorithm;
//!
//! let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
//! let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random)?;
//! let key = SigningKey::from_pkcs8(&der, None, random)?;
//! let trust = TrustSet::parse(&key.public().to_jwk().to_string())?;
//!
//! let matrix = FeatureMatrix::built_in();
//! let tier = matrix.tier(Tier::parse("PRO")?).ok_or("no such tier")?;
//! let issued_at = time::parse_instant("2027-01-01")?;
//! let id = LicenseId::from_random(issued_at, &[7; 10]);
//! let draft = LicenseDraft::for_tier(matrix, tier, id, "ACME Ltd".to_owned(), issued_at);
//! let file = Unverified::parse(&draft.sign(&key)?)?.to_armor();
//! let verified = VerifiedLicenses::verify(&file, &trust, matrix)?;
//! assert_eq!(verified.licenses().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activation;
mod lease;
mod license;
mod revocations;
mod server_key;
mod server_request;
mod signing_key;
mod successor;
mod trust_statement;
mod validation;
mod verifying_signer;

use std::error::Error;

pub use crate::claims::{Confirmation, LicenseClaims as LicenseDraft, RevocationEntry};
pub use activation::{ActivationDraft, ClockRepairDraft};
pub use lease::LeaseDraft;
pub use revocations::RevocationListDraft;
pub use server_key::ServerKey;
pub use server_request::ServerRequestDraft;
pub use signing_key::{SigningKey, SigningKeyError};
pub use trust_statement::{IntroductionDraft, RetirementDraft};
pub use validation::ValidationDraft;
pub use verifying_signer::VerifyingSigner;

use crate::encoding::base64url;
use crate::encoding::quoted::quoted;
pub use crate::jose::{KeyBits, RandomError, RandomSource};
use crate::jose::{MAX_LIST_BYTES, MAX_TOKEN_BYTES, TokenKind, header_segment};
use crate::key::{EnterpriseKey, EnterpriseTerms};
use crate::trust::{KeyId, TrustedKey};

/// A private key in memory, in an HSM or in a key management service.
///
/// [`VerifyingSigner`] wraps a signer and verifies its signatures.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let key = fixture::key()?;
/// use license_core::trust::TrustedKey;
/// use license_core::issue::{Signer, SigningError};
///
/// /// A signer that counts its signatures.
/// struct Counting<S> {
///     signer: S,
///     count: std::cell::Cell<u32>,
/// }
///
/// impl<S: Signer> Signer for Counting<S> {
///     fn public(&self) -> &TrustedKey {
///         self.signer.public()
///     }
///
///     fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
///         self.count.set(self.count.get() + 1);
///         self.signer.sign(message)
///     }
/// }
///
/// let counting = Counting { signer: key, count: 0.into() };
/// fixture::draft()?.sign(&counting)?;
/// assert_eq!(counting.count.get(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Signer {
    /// Returns the public key with its id and algorithm.
    fn public(&self) -> &TrustedKey;

    /// Signs a message with the algorithm of the key. Blocks until the key, device or service has
    /// answered.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::Sign`] if the key cannot sign, and [`SigningError::Device`] if the
    /// device or service reports a reason.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;

    /// Returns true if [`sign`](Self::sign) itself verifies each signature before it returns it.
    fn is_verifying(&self) -> bool {
        false
    }
}

/// The reason why a token or an enterprise key was not issued.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// use license_core::issue::SigningError;
///
/// let mut draft = fixture::draft()?;
/// draft.customer = String::new();
/// let error = draft.check().err().ok_or("expected an error")?;
/// assert!(matches!(error, SigningError::Empty { claim: "sub" }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The key or its device failed to sign.
    #[error("the signing key failed to sign")]
    Sign,
    /// The device or service that holds the key failed to sign and reported a reason.
    #[error("the device or service of the signing key failed to sign")]
    Device {
        /// A code for scripts.
        code: String,
        /// A hint for the user.
        hint: String,
        /// The error of the device or service. Its text is one line without any secret.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The signature does not verify with the public key of the signer.
    #[error("the signature does not verify with the public key of the signer")]
    DoesNotVerify,
    /// A verifier would refuse the token.
    #[error("a verifier would refuse the signed token")]
    Refused {
        /// The error of the verifier.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The claims cannot be written as JSON, for example because an instant is not from 1970 to
    /// 9999.
    #[error("the claims cannot be written as JSON")]
    Json,
    /// The last day of an enterprise key is not in the range of dates.
    #[error("expected a last day from 1970 to 9999")]
    Expiry,
    /// The name of a feature or quota is not valid.
    #[error(
        "expected a name of a-z, 0-9 and _, up to 64 characters, found `{}`",
        quoted(found)
    )]
    Name {
        /// The name.
        found: String,
    },
    /// The tier does not have the feature that is to be removed.
    #[error("expected a feature of the tier, found `{}`", quoted(found))]
    NoSuchFeature {
        /// The feature.
        found: String,
    },
    /// The tier includes more users than the requested seats.
    #[error("expected at least the {included} seats that the tier includes, found {found}")]
    Seats {
        /// The number of users that the tier includes.
        included: u64,
        /// The requested seats.
        found: u64,
    },
    /// A claim is empty.
    #[error("expected a value for claim `{claim}`, found nothing")]
    Empty {
        /// The claim.
        claim: &'static str,
    },
    /// The key of a license server can also sign licenses.
    #[error("expected a key that signs no licenses for a license server, found key {key}")]
    TrustedServerKey {
        /// The key.
        key: KeyId,
    },
    /// The license requires a floating seat, but names no license server that could lend it.
    #[error(
        "expected the key of a license server (`cnf`) in a license that requires a floating seat, \
         found none"
    )]
    NoServerKey,
    /// The license does not name the key of this license server.
    #[error("expected a license with server key {found}, found {}", named_key(.expected.as_ref()))]
    OtherServerKey {
        /// The key that the license names.
        expected: Option<KeyId>,
        /// The key of this license server.
        found: KeyId,
    },
    /// The token is larger than verifiers accept.
    #[error("expected a token of at most {limit} bytes, found {found}")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the token in bytes.
        found: usize,
    },
}

/// Describes the key that a license names for its license server.
fn named_key(key: Option<&KeyId>) -> String {
    key.map_or_else(|| "one without a server key".to_owned(), KeyId::to_string)
}

/// The random source of tests.
#[cfg(test)]
fn system_random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

/// Returns a lower bound for the length of a token with a payload of this length.
fn minimum_length(payload: usize) -> usize {
    const SMALLEST_SIGNATURE: usize = 256;
    base64url::encoded_length(payload) + base64url::encoded_length(SMALLEST_SIGNATURE)
}

/// Maximum size of the armor of a revocation list: a line feed for each 64 characters, and the
/// delimiters.
const ARMOR_BYTES: usize = MAX_LIST_BYTES / 65 + 128;

/// Signs a payload as a JWS of this kind (RFC 7515 section 5.1).
fn sign_token(
    kind: TokenKind,
    payload: &impl serde::Serialize,
    key: &(impl Signer + ?Sized),
) -> Result<String, SigningError> {
    let payload = serde_json::to_vec(payload).map_err(|_| SigningError::Json)?;
    sign_bytes(kind, &payload, key)
}

/// Signs the bytes of a payload as a JWS of this kind.
fn sign_bytes(
    kind: TokenKind,
    payload: &[u8],
    key: &(impl Signer + ?Sized),
) -> Result<String, SigningError> {
    let public = key.public();
    let header = header_segment(public.algorithm(), public.id().as_str(), kind);
    let header = header.map_err(|_| SigningError::Json)?;
    let mut token = format!("{header}.{}", base64url::encode(payload));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    let limit = match kind {
        TokenKind::Revocations => MAX_LIST_BYTES - ARMOR_BYTES,
        _ => MAX_TOKEN_BYTES,
    };
    match token.len() {
        found if found > limit => Err(SigningError::TooLong { limit, found }),
        _ => Ok(token),
    }
}

/// Issues an enterprise key.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let key = fixture::key()?;
/// # let trust = fixture::trust(&[&key])?;
/// use license_core::issue::sign_enterprise_key;
/// use license_core::{FeatureMatrix, ProductCode};
/// use license_core::ids::Company;
/// use license_core::key::{EnterpriseTerms, KeyExpiry};
///
/// let terms = EnterpriseTerms {
///     product: ProductCode::parse("CODITECT")?,
///     company: Company::parse("ACME")?,
///     seats: 100.try_into()?,
///     expiry: KeyExpiry::Perpetual,
/// };
/// let enterprise_key = sign_enterprise_key(terms, &key)?;
/// let license = enterprise_key.verify(&trust, FeatureMatrix::built_in())?;
/// assert_eq!(license.seats(), Some(100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`SigningError::Expiry`] if the last day is not from 1970 to 9999, and the error of the
/// signer if the key fails to sign.
pub fn sign_enterprise_key(
    terms: EnterpriseTerms,
    key: &impl Signer,
) -> Result<EnterpriseKey, SigningError> {
    if !terms.expiry.is_in_range() {
        return Err(SigningError::Expiry);
    }
    let signature = key.sign(terms.to_string().as_bytes())?;
    Ok(EnterpriseKey::from_signature(terms, signature))
}
