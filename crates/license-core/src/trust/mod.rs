//! The vendor's public keys that a verifier accepts.

mod jwk;
mod key;
#[cfg(feature = "pem")]
pub(crate) mod pem;
mod roca;
mod rotation;

use std::sync::Arc;

pub use key::{KeyId, TrustedKey};
pub use rotation::{Rotation, RotationError, Taken};

use crate::json::JsonError;
use crate::pasted::without_wrapping;
use crate::signature::Backend;

/// Keys in one set: the key in use, its spares, those being retired. A bound on the work that an enterprise
/// key without a key id can cause.
const MAX_KEYS: usize = 1000;

/// A set of public keys, each with its id and its one algorithm.
///
/// A program embeds its set when it is built, and passes it to everything that verifies:
///
/// ```
/// use license_core::TrustSet;
///
/// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
/// // const JWKS: &str = include_str!("trust.jwks");
/// let trust = TrustSet::parse(JWKS)?;
/// assert!(!trust.is_empty());
/// # Ok::<(), license_core::TrustError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustSet {
    /// In the order of their ids, each once.
    keys: Vec<Arc<TrustedKey>>,
    /// Those that statements took away, so that it can be said of what they signed.
    retired: Vec<KeyId>,
}

impl TrustSet {
    /// Makes a set of keys. The same key twice counts once.
    ///
    /// # Errors
    /// [`TrustError::TwoAlgorithms`] if one key comes with two algorithms, [`TrustError::TooMany`].
    pub fn new(keys: impl IntoIterator<Item = TrustedKey>) -> Result<Self, TrustError> {
        let mut set = Self::default();
        for key in keys {
            set.insert(Arc::new(key))?;
        }
        Ok(set)
    }

    /// Reads one or more PEM public keys, a JWK, or a JWK Set (RFC 7517). PEM needs feature `pem`.
    ///
    /// # Errors
    /// [`TrustError`] if the text is none of these, or holds a key that must not be trusted.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let text = without_wrapping(text);
        let keys = match text.starts_with('{') {
            true => jwk::parse(text)?,
            false => pem(text)?,
        };
        if keys.is_empty() {
            return Err(TrustError::Empty);
        }
        Self::new(keys)
    }

    /// Adds the keys of another set.
    ///
    /// # Errors
    /// As [`TrustSet::new`].
    pub fn extend(&mut self, other: &Self) -> Result<(), TrustError> {
        other
            .keys
            .iter()
            .try_for_each(|key| self.insert(Arc::clone(key)))
    }

    /// These keys, and those of another set that agree with them: where both have a key with two algorithms, this one's counts. One
    /// that a statement took away here does not come back.
    pub fn joined(&self, other: &Self) -> Self {
        let mut all = self.clone();
        let is_retired = |key: &&Arc<TrustedKey>| self.retired(key.id().as_str()).is_some();
        for key in other.keys.iter().filter(|key| !is_retired(key)) {
            // What disagrees, or is too many, is left out.
            let _ = all.insert(Arc::clone(key));
        }
        all
    }

    fn insert(&mut self, key: Arc<TrustedKey>) -> Result<(), TrustError> {
        match self.keys.binary_search_by(|other| other.id().cmp(key.id())) {
            Ok(at) => match self.keys.get(at) {
                Some(other) if other.algorithm() != key.algorithm() => {
                    Err(TrustError::TwoAlgorithms {
                        key: key.id().clone(),
                    })
                }
                _ => Ok(()),
            },
            Err(_) if self.keys.len() >= MAX_KEYS => Err(TrustError::TooMany { limit: MAX_KEYS }),
            Err(at) => {
                self.keys.insert(at, key);
                Ok(())
            }
        }
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<&TrustedKey> {
        let at = self
            .keys
            .binary_search_by(|key| key.id().as_str().cmp(id))
            .ok()?;
        self.keys.get(at).map(Arc::as_ref)
    }

    /// The id of a key that is no longer in the set, if a statement took it away.
    pub(crate) fn retired(&self, id: &str) -> Option<&KeyId> {
        self.retired.iter().find(|key| key.as_str() == id)
    }

    /// The keys, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key, so that nothing verifies.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The set as a JWK Set, for a file or to be embedded.
    pub fn to_jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self.iter().map(TrustedKey::to_jwk).collect();
        serde_json::json!({ "keys": keys })
    }

    /// The same keys, verified by a certain library instead of the fastest.
    ///
    /// # Errors
    /// [`TrustError::Unusable`] if the library can't load a key.
    pub fn with_backend(&self, backend: Backend) -> Result<Self, TrustError> {
        let keys: Result<Vec<_>, _> = self.iter().map(|key| key.with_backend(backend)).collect();
        Ok(Self {
            retired: self.retired.clone(),
            ..Self::new(keys?)?
        })
    }
}

/// Why a text is no trust set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There is no key.
    #[error("expected public keys, found nothing")]
    Empty,
    /// Not PEM, or PEM that is damaged.
    #[cfg(feature = "pem")]
    #[error("expected a PEM public key, a JWK or a JWK Set")]
    Pem(#[source] pkcs1::der::pem::Error),
    /// PEM of something else than a public key.
    #[error(
        "expected a PEM block `PUBLIC KEY`, found `{}`",
        found.chars().take(40).collect::<String>()
    )]
    PemLabel {
        /// The label found, as in `-----BEGIN label-----`.
        found: String,
    },
    /// A private key was given. It must not travel to where licenses are verified.
    #[error("expected a public key, found a private key")]
    PrivateKey,
    /// No JWK or JWK Set, and feature `pem` is not compiled in.
    #[error("expected a JWK or a JWK Set: feature `pem`, which reads others, is not compiled in")]
    NoPem,
    /// The DER inside is damaged, or not that of an RSA public key.
    #[cfg(feature = "pem")]
    #[error("expected the DER of an RSA public key")]
    Der(#[source] spki::Error),
    /// A key of another kind than RSA.
    #[error("expected an RSA key, found one of another kind")]
    NotRsa,
    /// The key says that it signs with parameters other than SHA-256, MGF1 with SHA-256, and a salt of 32 bytes.
    #[error("expected RSASSA-PSS parameters SHA-256, MGF1 with SHA-256, salt length 32")]
    PssParameters,
    /// Not a strict JSON object.
    #[error("expected a JWK or a JWK Set")]
    Json(#[source] JsonError),
    /// A member of a JWK is missing or has another value than it must have.
    #[error("JWK member `{member}`: expected {expected}")]
    Jwk {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The `kid` is not the key's RFC 7638 thumbprint.
    #[error("JWK member `kid`: expected the key's thumbprint {expected}")]
    KeyId {
        /// The thumbprint.
        expected: KeyId,
    },
    /// The modulus is too small or too large.
    #[error("expected an RSA key of 2048 to 8192 bits, found {found}")]
    ModulusBits {
        /// Bits found; 2048 to 8192 are accepted.
        found: usize,
    },
    /// The modulus is even, which no RSA modulus is.
    #[error("expected an odd RSA modulus, found an even one")]
    EvenModulus,
    /// The public exponent is not an odd number from 65537 to 2^32-1.
    #[error("expected an odd public exponent from 65537 to 4294967295")]
    Exponent,
    /// The modulus has the fingerprint of keys that can be factored (ROCA, CVE-2017-15361).
    #[error("the key has the ROCA weakness (CVE-2017-15361)")]
    Roca,
    /// The signature library refuses the key.
    #[error("the signature library refuses the key")]
    Unusable,
    /// No signature library is compiled in.
    #[error("no signature library is compiled in: enable feature `rsa` or `aws-lc-rs`")]
    NoBackend,
    /// One key comes with two algorithms.
    #[error("key {key} comes with two algorithms, expected one")]
    TwoAlgorithms {
        /// The key's id.
        key: KeyId,
    },
    /// More keys than a set may hold.
    #[error("expected at most {limit} keys")]
    TooMany {
        /// The most keys.
        limit: usize,
    },
}

#[cfg(feature = "pem")]
use pem::parse as pem;

#[cfg(not(feature = "pem"))]
fn pem(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
    match text {
        "" => Ok(Vec::new()),
        _ => Err(TrustError::NoPem),
    }
}
