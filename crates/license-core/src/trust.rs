//! The vendor's public keys that a verifier accepts.

mod error;
mod jwk;
mod key;
#[cfg(feature = "pem")]
pub(crate) mod pem;
mod roca;
mod verification;

use std::sync::Arc;

pub use error::TrustError;
pub(crate) use jwk::Jwk;
pub use key::{KeyId, TrustedKey};
pub(crate) use verification::Verified;
pub use verification::{ClaimError, VerifyError};

use crate::encoding::pasted::without_wrapping;
use crate::jose::Backend;

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
/// # const JWKS: &str = include_str!("../../../fixtures/trust/vendor.jwks");
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

    /// Adds a key. The same key twice counts once.
    pub(crate) fn insert(&mut self, key: Arc<TrustedKey>) -> Result<(), TrustError> {
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

    /// Returns the keys, in the order of their ids.
    pub(crate) fn shared_keys(&self) -> impl Iterator<Item = &Arc<TrustedKey>> {
        self.keys.iter()
    }

    /// Sets the ids of keys that statements took away.
    pub(crate) fn set_retired(&mut self, retired: Vec<KeyId>) {
        self.retired = retired;
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

#[cfg(feature = "pem")]
use pem::parse as pem;

#[cfg(not(feature = "pem"))]
fn pem(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
    match text {
        "" => Ok(Vec::new()),
        _ => Err(TrustError::NoPem),
    }
}
