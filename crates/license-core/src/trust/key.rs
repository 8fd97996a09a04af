//! Trusted public keys and their ids.

use std::fmt;
use std::sync::Arc;

use super::{TrustError, roca};
use crate::encoding::base64url;
use crate::encoding::value::text_value;
use crate::jose::{Algorithm, Backend, SignatureVerifier};
use sha2::{Digest, Sha256};

const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const THUMBPRINT_BYTES: usize = 32;
const SMALLEST_EXPONENT: u64 = 65_537;

/// The id of a key: the SHA-256 thumbprint of its public key (RFC 7638), 43 characters of
/// base64url.
///
/// ```
/// use license_core::trust::KeyId;
///
/// let id: KeyId = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".parse()?;
/// assert_eq!(id.as_str().len(), 43);
/// assert!(KeyId::parse("my key").is_none());
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Computes the id of a key.
    fn from_public_key(modulus: &[u8], exponent: &[u8]) -> Self {
        // RFC 7638 section 3.2: the required members in lexicographic order, without white space.
        let (n, e) = (base64url::encode(modulus), base64url::encode(exponent));
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        Self(base64url::encode(&Sha256::digest(members)).into())
    }

    /// Parses a thumbprint: 32 bytes in base64url. A key with this id need not exist.
    ///
    /// ```
    /// use license_core::trust::KeyId;
    ///
    /// let id = KeyId::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    /// assert!(id.is_some());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let thumbprint = base64url::decode(text)?;
        (thumbprint.len() == THUMBPRINT_BYTES).then(|| Self(text.into()))
    }

    /// Returns the id as text.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// // A SHA-256 hash has 43 characters in base64url.
    /// assert_eq!(key.id().as_str().len(), 43);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.0)
    }
}

text_value!(KeyId, "the thumbprint of a key: 43 characters of base64url");

/// A checked RSA public key with its algorithm. The JSON form is a JWK (RFC 7517).
///
/// ```
/// use license_core::TrustSet;
/// use license_core::trust::TrustedKey;
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// let trust = TrustSet::parse(JWKS)?;
/// let key = trust.iter().next().ok_or("no key")?;
/// let json = serde_json::to_string(key)?;
/// assert_eq!(serde_json::from_str::<TrustedKey>(&json)?, *key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TrustedKey {
    id: KeyId,
    algorithm: Algorithm,
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
    verifier: SignatureVerifier,
}

impl TrustedKey {
    /// Checks and loads a key. The modulus and the public exponent are big-endian numbers, whose
    /// leading zeros are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// use license_core::trust::TrustedKey;
    ///
    /// // The numbers may come from an HSM, for example.
    /// let same = TrustedKey::new(key.algorithm(), key.modulus(), key.exponent())?;
    /// assert_eq!(same.id(), key.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`TrustError`] if the modulus is even or does not have 2048 to 8192 bits, if the
    /// exponent is not an odd number from 65537 to 2^32 - 1, if the key has the ROCA weakness, or
    /// if the signature library does not accept the key.
    pub fn new(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self, TrustError> {
        // The id depends on the encoding, so leading zeros must not change it.
        let (modulus, exponent) = (
            without_leading_zeros(modulus),
            without_leading_zeros(exponent),
        );
        check(modulus, exponent)?;
        let backend = Backend::FASTEST;
        Self::load(backend, algorithm, modulus, exponent)
    }

    fn load(
        backend: Backend,
        algorithm: Algorithm,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<Self, TrustError> {
        Ok(Self {
            id: KeyId::from_public_key(modulus, exponent),
            algorithm,
            modulus: modulus.into(),
            exponent: exponent.into(),
            verifier: SignatureVerifier::new(backend, algorithm, modulus, exponent)
                .ok_or(TrustError::Unusable)?,
        })
    }

    /// Loads the key into another library.
    pub(crate) fn with_backend(&self, backend: Backend) -> Result<Self, TrustError> {
        Self::load(backend, self.algorithm, &self.modulus, &self.exponent)
    }

    /// Returns the id of the key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// println!("{}", key.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Returns the algorithm of the key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// println!("{}", key.algorithm());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the number of bits of the modulus.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// assert_eq!(key.bits(), 2048);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bits(&self) -> usize {
        bits(&self.modulus)
    }

    /// Returns the modulus, big-endian without leading zeros.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// assert_eq!(key.modulus().len(), 256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// Returns the public exponent, big-endian without leading zeros.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// assert_eq!(key.exponent(), [1, 0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Returns whether the signature over the message verifies with this key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature)
    }
}

/// Two keys are equal if they have the same numbers and the same algorithm.
impl PartialEq for TrustedKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.algorithm == other.algorithm
    }
}

impl Eq for TrustedKey {}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TrustedKey({} {} {} bits)",
            self.id,
            self.algorithm,
            self.bits()
        )
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| {
        let leading: usize = first.leading_zeros().try_into().unwrap_or_default();
        number.len() * 8 - leading
    })
}

/// Checks a key: an odd modulus of 2048 to 8192 bits, an odd exponent from 65537 to 2^32 - 1, and
/// no ROCA weakness.
fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), TrustError> {
    let found = bits(modulus);
    if !MODULUS_BITS.contains(&found) {
        return Err(TrustError::ModulusBits { found });
    }
    let value = exponent
        .iter()
        .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    if exponent.len() > 4 || value < SMALLEST_EXPONENT || value % 2 == 0 {
        return Err(TrustError::Exponent);
    }
    if modulus.last().is_some_and(|last| last % 2 == 0) {
        return Err(TrustError::EvenModulus);
    }
    if roca::is_weak(modulus) {
        return Err(TrustError::Roca);
    }
    Ok(())
}
