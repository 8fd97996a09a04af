//! Public keys of the vendor that a verifier trusts.

mod error;
mod jwk;
mod key;
pub(crate) mod pem;
mod roca;
mod summary;
mod verification;

use std::iter::Map;
use std::slice;
use std::str::FromStr;
use std::sync::Arc;

pub use error::TrustError;
pub(crate) use jwk::Jwk;
pub use key::{KeyId, TrustedKey};
pub(crate) use summary::KeySummary;
pub(crate) use verification::VerifiedToken;
pub use verification::{ClaimError, VerifyError};

use crate::encoding::kind::TextKind;
use crate::encoding::layout;
use crate::encoding::pasted::{FoundText, Position, without_wrapping};
use crate::jose::Backend;

/// The maximum number of keys in a set.
///
/// The maximum bounds the work for an enterprise key, which has no key id and is tried with every
/// key.
const MAX_KEYS: usize = 1000;

/// A set of trusted public keys, each with one algorithm.
///
/// A program embeds its trust set at build time and passes it to verification functions:
///
/// ```
/// use license_core::TrustSet;
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// // const JWKS: &str = include_str!("trust.jwks");
/// let trust = TrustSet::parse(JWKS)?;
/// assert!(!trust.is_empty());
/// for key in &trust {
///     println!("{} {}", key.id(), key.algorithm());
/// }
/// # Ok::<(), license_core::trust::TrustError>(())
/// ```
///
/// The JSON form is a JWK Set (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustSet {
    /// The keys in the order of their ids, without duplicates.
    keys: Vec<Arc<TrustedKey>>,
    /// The ids of keys that trust statements have retired, for error messages.
    retired: Vec<KeyId>,
}

impl TrustSet {
    /// Creates a set of keys. Duplicates are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// # let (algorithm, modulus, exponent) = (key.algorithm(), key.modulus(), key.exponent());
    /// use license_core::TrustSet;
    /// use license_core::trust::TrustedKey;
    ///
    /// let key = TrustedKey::new(algorithm, modulus, exponent)?;
    ///
    /// let trust = TrustSet::new([key])?;
    /// assert_eq!(trust.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`TrustError::TwoAlgorithms`] if a key occurs with two algorithms, or
    /// [`TrustError::TooMany`] if there are more than 1000 keys.
    pub fn new(keys: impl IntoIterator<Item = TrustedKey>) -> Result<Self, TrustError> {
        let mut set = Self::default();
        for key in keys {
            set.insert(Arc::new(key))?;
        }
        Ok(set)
    }

    /// Parses one or more PEM public keys, a JWK, or a JWK Set (RFC 7517).
    ///
    /// Takes memory of up to 160 times the size of a JWK Set, and up to 8 times the size of PEM.
    ///
    /// ```
    /// # const PEM: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.pem"
    /// # ));
    /// # const JWKS: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// use license_core::TrustSet;
    ///
    /// assert_eq!(TrustSet::parse(JWKS)?.len(), 3);
    /// assert_eq!(TrustSet::parse(PEM)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`TrustError`] if the text has another format, or contains a key that cannot be
    /// trusted.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let text = without_wrapping(text);
        let keys = if text.starts_with('{') {
            jwk::parse(text)?
        } else {
            pem::parse(text).map_err(|error| explained(error, text))?
        };
        if keys.is_empty() {
            return Err(TrustError::Empty);
        }
        Self::new(keys)
    }

    /// Adds the keys of another set.
    ///
    /// ```
    /// # const VENDOR: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # const STRANGER: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/stranger.jwks"
    /// # ));
    /// # let other = license_core::TrustSet::parse(STRANGER)?;
    /// use license_core::TrustSet;
    ///
    /// let mut trust = TrustSet::parse(VENDOR)?;
    /// trust.extend(&other)?;
    /// assert_eq!(trust.len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`TrustSet::new`]. Keys that were added before the error stay in the
    /// set.
    pub fn extend(&mut self, other: &Self) -> Result<(), TrustError> {
        other
            .keys
            .iter()
            .try_for_each(|key| self.insert(Arc::clone(key)))
    }

    /// Returns the union of two sets.
    ///
    /// If the sets contain the same key with different algorithms, the algorithm of this set is
    /// used. Keys that a trust statement has retired from this set are not added, and neither are
    /// keys beyond the limit of 1000 keys.
    ///
    /// ```
    /// # const VENDOR: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # const STRANGER: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/stranger.jwks"
    /// # ));
    /// # use license_core::TrustSet;
    /// # let (own, other) = (TrustSet::parse(VENDOR)?, TrustSet::parse(STRANGER)?);
    /// assert_eq!(own.joined(&other).len(), own.len() + other.len());
    /// assert_eq!(own.joined(&own).len(), own.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn joined(&self, other: &Self) -> Self {
        let mut all = self.clone();
        let is_retired = |key: &&Arc<TrustedKey>| self.retired(key.id().as_str()).is_some();
        for key in other.keys.iter().filter(|key| !is_retired(key)) {
            // Conflicting keys and keys beyond the limit are omitted.
            let _ = all.insert(Arc::clone(key));
        }
        all
    }

    /// Adds a key, unless the set contains it.
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

    /// Returns the key with this id, if the set contains it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// let key = trust.get(license.key_id().as_str()).ok_or("not trusted")?;
    /// println!("{} bits", key.bits());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Sets the ids of keys that trust statements have retired.
    pub(crate) fn set_retired(&mut self, retired: Vec<KeyId>) {
        self.retired = retired;
    }

    /// Returns the id if a trust statement has retired its key from the set.
    pub(crate) fn retired(&self, id: &str) -> Option<&KeyId> {
        self.retired.iter().find(|key| key.as_str() == id)
    }

    /// Returns an iterator over the keys, in the order of their ids.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// for key in trust.iter() {
    ///     println!("{} {} {} bits", key.id(), key.algorithm(), key.bits());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// Returns the number of keys.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// assert_eq!(trust.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns whether the set has no key, in which case nothing verifies.
    ///
    /// ```
    /// use license_core::TrustSet;
    ///
    /// assert!(TrustSet::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the set as a JWK Set.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// use license_core::TrustSet;
    ///
    /// let text = trust.to_jwks().to_string();
    /// assert_eq!(TrustSet::parse(&text)?.len(), trust.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self.iter().map(TrustedKey::to_jwk).collect();
        serde_json::json!({ "keys": keys })
    }

    /// Returns the same keys, loaded into a specific library instead of the fastest library.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// use license_core::jose::Backend;
    ///
    /// for &backend in Backend::AVAILABLE {
    ///     assert_eq!(trust.with_backend(backend)?.len(), trust.len());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`TrustError::Unusable`] if the library cannot load a key.
    pub fn with_backend(&self, backend: Backend) -> Result<Self, TrustError> {
        let keys: Result<Vec<_>, _> = self.iter().map(|key| key.with_backend(backend)).collect();
        Ok(Self {
            retired: self.retired.clone(),
            ..Self::new(keys?)?
        })
    }
}

/// Returns a more precise error for a text that is not PEM.
fn explained(error: TrustError, text: &str) -> TrustError {
    if !matches!(error, TrustError::Pem) {
        return error;
    }
    let other = TextKind::detect(text).filter(|found| *found != TextKind::PublicKeys);
    if let Some(found) = other {
        return TrustError::OtherKind { found };
    }
    let is_odd = |character: char| {
        let is_control = character.is_control() && !character.is_whitespace();
        !character.is_ascii() || is_control
    };
    match text
        .char_indices()
        .find(|(_, character)| is_odd(*character))
    {
        Some((offset, character)) if layout::has_block(text) => TrustError::Unexpected {
            position: Position::from_offset(text, offset),
            found: FoundText::Character(character),
        },
        _ => error,
    }
}

impl FromStr for TrustSet {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        Self::parse(text)
    }
}

/// Iterates over the keys, in the order of their ids.
impl<'a> IntoIterator for &'a TrustSet {
    type Item = &'a TrustedKey;
    type IntoIter =
        Map<slice::Iter<'a, Arc<TrustedKey>>, fn(&'a Arc<TrustedKey>) -> &'a TrustedKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.iter().map(Arc::as_ref)
    }
}
