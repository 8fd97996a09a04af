//! Verification of the signature of a token with a trusted key.

use serde_json::Value;

use super::{KeyId, TrustError, TrustSet, TrustedKey};
use crate::code::Code;
use crate::encoding::quoted::printable;
use crate::encoding::strict_json::{self, JsonError, ReadError};
use crate::jose::{Algorithm, ParseError, TokenKind, Unverified};

/// The content of a token whose signature has been verified.
pub(crate) struct VerifiedToken {
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) key_id: KeyId,
}

impl Unverified<'_> {
    /// Returns the claims as JSON, which are not authenticated.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// // The claims can be shown even if the token does not verify.
    /// assert_eq!(token.unverified_claims()?["sub"], "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the payload is not base64url, or not a strict JSON object.
    pub fn unverified_claims(&self) -> Result<Value, VerifyError> {
        let payload = self.readable_reading().payload()?;
        let members = strict_json::members(&payload).map_err(VerifyError::Json)?;
        Ok(Value::Object(members))
    }

    /// Returns the reading of the token whose payload is strict JSON, to show it without a
    /// verification.
    pub(crate) fn readable_reading(&self) -> &Unverified<'_> {
        self.reading(|token| {
            let payload = token.payload();
            payload.is_ok_and(|payload| strict_json::members(&payload).is_ok())
        })
    }

    /// Returns the payload of a token of this kind, which is not authenticated.
    pub(crate) fn unverified_payload(&self, kind: TokenKind) -> Result<Vec<u8>, VerifyError> {
        self.check_kind(kind)?;
        Ok(self.payload()?)
    }

    /// Verifies the signature with the trusted key that the header names (RFC 7515 section 5.2),
    /// and decodes the payload only after that.
    pub(crate) fn verify_token(
        &self,
        kind: TokenKind,
        trust: &TrustSet,
    ) -> Result<VerifiedToken, VerifyError> {
        self.verify_token_with_key(kind, self.trusted_key(trust)?)
    }

    /// Returns the trusted key that the header names.
    pub(crate) fn trusted_key<'k>(
        &self,
        trust: &'k TrustSet,
    ) -> Result<&'k TrustedKey, VerifyError> {
        let key = trust.get(self.unverified_key_id());
        key.ok_or_else(|| self.untrusted_key_error(trust))
    }

    /// Verifies the signature with this key.
    pub(crate) fn verify_token_with_key(
        &self,
        kind: TokenKind,
        key: &TrustedKey,
    ) -> Result<VerifiedToken, VerifyError> {
        self.verify_token_by(kind, key, |token, signature| {
            key.verify(token.signed(), signature)
        })
    }

    /// Verifies the signature of this key with a function.
    pub(crate) fn verify_token_by(
        &self,
        kind: TokenKind,
        key: &TrustedKey,
        is_signed: impl FnOnce(&Unverified<'_>, &[u8]) -> bool,
    ) -> Result<VerifiedToken, VerifyError> {
        let (expected, found) = (key.algorithm(), self.unverified_algorithm());
        if expected != found {
            return Err(VerifyError::Algorithm {
                key: key.id().clone(),
                expected,
                found,
            });
        }
        let token = self.reading_signed_by(key);
        let signature = token.signature()?;
        if !is_signed(token, &signature) {
            return Err(VerifyError::Signature);
        }
        Ok(VerifiedToken {
            payload: token.unverified_payload(kind)?,
            signature,
            key_id: key.id().clone(),
        })
    }

    /// Returns the reading of the token that a trusted key has signed, or the first reading.
    ///
    /// A long dash of an editor can be `-` or `--`, and only the signature shows which. A program
    /// that stores or forwards a token that was pasted uses this reading. A token without long
    /// dashes has one reading.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (token, trust) = (fixture::LICENSE, fixture::trust()?);
    /// use license_core::Unverified;
    ///
    /// let pasted = Unverified::parse(token)?;
    /// assert_eq!(pasted.signed_reading(&trust).as_str(), token.trim());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signed_reading(&self, trust: &TrustSet) -> &Unverified<'_> {
        let key = trust.get(self.unverified_key_id());
        key.map_or(self, |key| self.reading_signed_by(key))
    }

    /// Returns a copy of the reading of the token that this key has signed.
    pub(crate) fn copy_signed_by(&self, key: Option<&TrustedKey>) -> Unverified<'static> {
        let token = key.map_or(self, |key| self.reading_signed_by(key));
        token.clone().into_owned().without_other_reading()
    }

    /// Returns the reading of the token that this key has signed, or the first reading.
    pub(crate) fn reading_signed_by(&self, key: &TrustedKey) -> &Unverified<'_> {
        let is_signed = |token: &Unverified<'_>| {
            let signature = token.signature();
            signature.is_ok_and(|signature| key.verify(token.signed(), &signature))
        };
        self.reading(is_signed)
    }

    pub(crate) fn check_kind(&self, expected: TokenKind) -> Result<(), VerifyError> {
        match self.unverified_kind() {
            found if found == expected => Ok(()),
            found => Err(VerifyError::Kind { expected, found }),
        }
    }

    /// Returns the error for a key that the trust set does not contain.
    fn untrusted_key_error(&self, trust: &TrustSet) -> VerifyError {
        let id = self.unverified_key_id();
        match trust.retired(id) {
            Some(key) => VerifyError::RetiredKey { key: key.clone() },
            None => VerifyError::UntrustedKey {
                found: printable(id.chars()),
                trusted: trust.len(),
            },
        }
    }
}

/// The reason why verification of a token failed.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
/// use license_core::{TrustSet, with_causes};
/// use license_core::trust::VerifyError;
///
/// match token.verify(&TrustSet::default()) {
///     Ok(license) => println!("{}", license.customer()),
///     Err(VerifyError::UntrustedKey { found, .. }) => println!("key {found} is not trusted"),
///     Err(error) => println!("{}: {}", error.code(), with_causes(&error)),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is of another kind.
    #[error("expected a token of type {expected}, found {found}")]
    Kind {
        /// The expected kind.
        expected: TokenKind,
        /// The kind that the header names.
        found: TokenKind,
    },
    /// The trust set does not contain the key that the header names.
    #[error("signed by key {found}, which is not trusted (trusted keys: {trusted})")]
    UntrustedKey {
        /// The key id in the header.
        found: String,
        /// The number of trusted keys.
        trusted: usize,
    },
    /// The vendor has retired the key that the header names.
    #[error("signed by key {key}, which its vendor has retired")]
    RetiredKey {
        /// The key.
        key: KeyId,
    },
    /// The algorithm in the header is not the algorithm of the key.
    #[error("key {key} signs with {expected}, but the token header names {found}")]
    Algorithm {
        /// The key.
        key: KeyId,
        /// The algorithm of the key.
        expected: Algorithm,
        /// The algorithm that the header names.
        found: Algorithm,
    },
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The text is not a token.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The payload is not a strict JSON object.
    #[error("cannot read the token payload")]
    Json(#[source] JsonError),
    /// A claim is missing or has a value that is not accepted.
    #[error(transparent)]
    Claim(Box<ClaimError>),
    /// A public key in a claim cannot be trusted.
    #[error("cannot use the key in claim `{claim}`")]
    Key {
        /// The claim.
        claim: &'static str,
        /// The reason.
        source: Box<TrustError>,
    },
    /// The token has a later format version.
    #[error(
        "expected format version {supported}, found {found}, which needs a newer version of \
         this program"
    )]
    Version {
        /// The latest supported version.
        supported: u32,
        /// The version of the token.
        found: i64,
    },
    /// The token requires the verifier to understand a claim that is unknown to this version.
    #[error("the critical claim `{found}` is unknown, and needs a newer version of this program")]
    CriticalClaim {
        /// The name of the claim, cut to 32 characters.
        found: String,
    },
    /// The token belongs to another license.
    #[error("the token belongs to another license")]
    OtherLicense,
    /// The license names no license server, whose key could have signed a lease.
    #[error("expected a license with the key of a license server (`cnf`), found one without it")]
    NoServerKey,
    /// The token is not signed by the key of the license server.
    #[error("expected a signature of the license server's key {expected}, found key {found}")]
    OtherServerKey {
        /// The key of the license server.
        expected: KeyId,
        /// The key id in the header.
        found: String,
    },
    /// The license names a trusted key as the key of its license server. The server could sign
    /// licenses with this key.
    #[error("the license names key {key} for its license server, and this key can sign licenses")]
    TrustedServerKey {
        /// The key.
        key: KeyId,
    },
    /// The feature matrix has no enterprise tier.
    #[error("the product has no enterprise tier, which an enterprise key requires")]
    NoEnterpriseTier,
}

/// A claim that is missing or has a value that is not accepted.
///
/// ```
/// use license_core::trust::VerifyError;
///
/// /// Returns the name of the claim that is not accepted.
/// fn claim(error: &VerifyError) -> Option<&str> {
///     match error {
///         VerifyError::Claim(error) => Some(&error.claim),
///         _ => None,
///     }
/// }
///
/// assert_eq!(claim(&VerifyError::Signature), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claim `{claim}`: {}expected {expected}, found {found}", at_path(.claim, .path))]
#[non_exhaustive]
pub struct ClaimError {
    /// The claim.
    pub claim: String,
    /// The path of the value in the claim, such as `check_in.every_hours`. If the value is the
    /// whole claim, the path is the name of the claim.
    pub path: String,
    /// A description of the accepted values.
    pub expected: String,
    /// A description of the found value: its type or `nothing`.
    pub found: String,
}

impl ClaimError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::trust::VerifyError;
    ///
    /// fn has_malformed_claim(error: &VerifyError) -> bool {
    ///     matches!(error, VerifyError::Claim(error) if error.code() == Code::Malformed)
    /// }
    ///
    /// assert!(!has_malformed_claim(&VerifyError::Signature));
    /// ```
    pub const fn code(&self) -> Code {
        Code::Malformed
    }
}

/// Returns the path of a value for a message, unless the value is the whole claim.
fn at_path(claim: &str, path: &str) -> String {
    if claim == path {
        String::new()
    } else {
        format!("at `{path}`: ")
    }
}

impl VerifyError {
    /// Creates an error of a claim.
    pub(crate) fn claim(claim: &str, expected: &str, found: &str) -> Self {
        Self::Claim(Box::new(ClaimError {
            claim: claim.to_owned(),
            path: claim.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }))
    }

    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::trust::VerifyError;
    ///
    /// assert_eq!(VerifyError::Signature.code(), Code::BadSignature);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::UntrustedKey { .. } | Self::NoServerKey | Self::OtherServerKey { .. } => {
                Code::UntrustedKey
            }
            Self::TrustedServerKey { .. } => Code::ServerKeyTrusted,
            Self::RetiredKey { .. } => Code::RetiredKey,
            Self::Algorithm { .. } | Self::Signature => Code::BadSignature,
            Self::Version { .. } => Code::UnsupportedVersion,
            Self::CriticalClaim { .. } => Code::UnsupportedClaim,
            _ => Code::Malformed,
        }
    }
}

impl From<ReadError> for VerifyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Json(error) => Self::Json(error),
            ReadError::Member(error) => Self::Claim(Box::new(ClaimError {
                claim: error.path.split(['.', '[']).take(1).collect(),
                path: error.path,
                expected: error.expected,
                found: error.found,
            })),
        }
    }
}
