//! Minting: licenses, validation tokens, revocation lists, trust statements and enterprise keys. For vendors, and for tests.
//!
//! ```
//! use license_core::issue::{KeyBits, LicenseDraft, RandomError, Sign, SigningKey};
//! use license_core::{Algorithm, Bundle, LicenseId, Matrix, Tier, Timestamp, TrustSet, Unverified};
//!
//! let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
//! let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random)?;
//! let key = SigningKey::from_pkcs8(&der, None, random)?;
//! let trust = TrustSet::parse(&key.public().to_jwk().to_string())?;
//!
//! let matrix = Matrix::built_in();
//! let tier = matrix.tier(Tier::parse("PRO")?).ok_or("no such tier")?;
//! let id = LicenseId::from_random(1_798_761_600_000, &[7; 10]);
//! let issued_at = Timestamp::parse("2027-01-01")?;
//! let draft = LicenseDraft::of_tier(matrix, tier, id, "ACME Ltd".to_owned(), issued_at);
//! let file = Unverified::parse(&draft.sign(&key)?)?.to_armor();
//! let bundle = Bundle::verify(&file, &trust, matrix)?;
//! assert_eq!(bundle.licenses().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activation;
mod checked;
mod license;
mod revocations;
mod signing_key;
mod succession;
mod trust_statement;
mod validation;

pub use crate::claims::{Confirmation, LicenseClaims as LicenseDraft, Revoked};
pub use activation::{ActivationDraft, ClockRepairDraft};
pub use checked::CheckedKey;
pub use revocations::RevocationsDraft;
pub use signing_key::{SigningKey, SigningKeyError};
pub use trust_statement::{IntroductionDraft, RetirementDraft};
pub use validation::ValidationDraft;

use crate::encoding::base64url;
pub use crate::jose::{KeyBits, RandomError, RandomSource};
use crate::jose::{MAX_LIST_BYTES, MAX_TOKEN_BYTES, TokenKind, header_segment};
use crate::key::{EnterpriseKey, EnterpriseTerms};
use crate::trust::TrustedKey;

/// Whatever holds a private key: memory, an HSM, a cloud's key service.
///
/// [`CheckedKey`] stands before one whose signatures nobody has looked at yet.
pub trait Sign {
    /// The public half, with its id and algorithm.
    fn public(&self) -> &TrustedKey;

    /// Signs a message with the key's one algorithm.
    ///
    /// # Errors
    /// [`IssueError::Sign`] if the key refuses, [`IssueError::Device`] if what holds it says why.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError>;
}

/// The reason why something was not issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The key or its device refused to sign.
    #[error("the signing key refused to sign")]
    Sign,
    /// The holder of the key refused to sign and named a reason.
    #[error("{reason}")]
    Device {
        /// A code for scripts.
        code: String,
        /// The reason in one line, without any secret.
        reason: String,
        /// What the user can do.
        hint: String,
    },
    /// The signature does not verify with the public key of the signing key.
    #[error("what was signed does not verify with the public half of the signing key")]
    DoesNotVerify,
    /// A verifier would refuse the token.
    #[error("a verifier would refuse what was signed: {reason}")]
    Refused {
        /// The error of the verifier.
        reason: String,
    },
    /// The claims cannot be written as JSON.
    #[error("the claims can't be written as JSON")]
    Json,
    /// The name of a feature or quota has a wrong form.
    #[error("expected a name of a-z, 0-9 and _, up to 64 characters, found `{found}`")]
    Name {
        /// The name.
        found: String,
    },
    /// The tier does not have the feature that is to be removed.
    #[error("expected a feature of the tier to remove, found `{found}`")]
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
    /// The token is larger than any verifier reads.
    #[error("expected a token of at most {limit} bytes, found {found}")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the token in bytes.
        found: usize,
    },
}

/// The random source of tests.
#[cfg(test)]
fn system_random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

/// The bytes of a token with so many in its payload, and the smallest signature there is.
fn least_length(payload: usize) -> usize {
    const SMALLEST_SIGNATURE: usize = 256;
    base64url::encoded_length(payload) + base64url::encoded_length(SMALLEST_SIGNATURE)
}

/// What a list's armor adds at most: a line feed for each 64 characters, and the delimiters.
const ARMOR_BYTES: usize = MAX_LIST_BYTES / 65 + 128;

/// Signs a payload as a JWS of this kind (RFC 7515 section 5.1).
fn sign_token(
    kind: TokenKind,
    payload: &impl serde::Serialize,
    key: &(impl Sign + ?Sized),
) -> Result<String, IssueError> {
    let public = key.public();
    let header = header_segment(public.algorithm(), public.id().as_str(), kind);
    let header = header.map_err(|_| IssueError::Json)?;
    let payload = serde_json::to_vec(payload).map_err(|_| IssueError::Json)?;
    let mut token = format!("{header}.{}", base64url::encode(&payload));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    let limit = match kind {
        TokenKind::Revocations => MAX_LIST_BYTES - ARMOR_BYTES,
        _ => MAX_TOKEN_BYTES,
    };
    match token.len() {
        found if found > limit => Err(IssueError::TooLong { limit, found }),
        _ => Ok(token),
    }
}

/// Mints an enterprise key.
///
/// # Errors
/// [`IssueError::Sign`] if the key refuses to sign.
pub fn enterprise_key(
    terms: EnterpriseTerms,
    key: &impl Sign,
) -> Result<EnterpriseKey, IssueError> {
    let signature = key.sign(terms.to_string().as_bytes())?;
    Ok(EnterpriseKey::from_signature(terms, signature))
}
