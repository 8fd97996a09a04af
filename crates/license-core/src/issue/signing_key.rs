//! Private keys in memory.

use std::fmt;

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode, Encode};
use pkcs8::{PrivateKeyInfo, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{Signer, SigningError};
use crate::jose::{Algorithm, Backend, KeyBits, PrivateKey, RandomSource};
use crate::trust::{TrustError, TrustedKey, pem};

/// An RSA private key with its algorithm.
///
/// The PKCS#8 structure determines the algorithm. `rsaEncryption` means RS256 unless PS256 is
/// requested, and `id-RSASSA-PSS` (RFC 4055) means PS256.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// use license_core::issue::Signer;
///
/// let key = fixture::key()?;
/// assert_eq!(key.public().bits(), 2048);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SigningKey {
    private: PrivateKey,
    public: TrustedKey,
}

impl SigningKey {
    /// Generates a key and returns it as the DER of a PKCS#8 `PrivateKeyInfo`.
    ///
    /// Backend `rsa` draws from `random`. AWS-LC draws from its own generator, which the operating
    /// system seeds and which cannot be replaced.
    ///
    /// ```
    /// use license_core::jose::Algorithm;
    /// use license_core::issue::{KeyBits, RandomError, Signer, SigningKey};
    ///
    /// let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
    /// // Store the key encrypted. The bytes are erased when they are dropped.
    /// let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random)?;
    /// let key = SigningKey::from_pkcs8(&der, None, random)?;
    /// println!("id of the public key: {}", key.public().id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningKeyError::Generate`] if the backend or the random source fails.
    pub fn generate(
        bits: KeyBits,
        algorithm: Algorithm,
        random: &dyn RandomSource,
    ) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        Self::generate_with(Backend::FASTEST, bits, algorithm, random)
    }

    fn generate_with(
        backend: Backend,
        bits: KeyBits,
        algorithm: Algorithm,
        random: &dyn RandomSource,
    ) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let key = PrivateKey::generate(backend, bits, random).ok_or(SigningKeyError::Generate)?;
        let identifier = pem::identifier(algorithm).map_err(|_| SigningKeyError::Generate)?;
        let key = OctetStringRef::new(&key).map_err(SigningKeyError::Pkcs8)?;
        let info: PrivateKeyInfoRef<'_> = PrivateKeyInfo::new(identifier, key);
        let der = info.to_der().map_err(SigningKeyError::Pkcs8)?;
        Ok(Zeroizing::new(der))
    }

    /// Loads a key from the DER of a PKCS#8 `PrivateKeyInfo`.
    ///
    /// `requested` is the algorithm of the signatures. If it is `None`, the PKCS#8 structure
    /// determines the algorithm.
    ///
    /// Backend `rsa` uses bytes from `random` to blind each signature and to salt PS256. AWS-LC
    /// uses its own generator.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// use license_core::jose::Algorithm;
    /// use license_core::issue::{KeyBits, Signer, SigningKey};
    ///
    /// let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &fixture::random)?;
    /// let key = SigningKey::from_pkcs8(&der, None, fixture::random)?;
    /// assert_eq!(key.public().algorithm(), Algorithm::Rs256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningKeyError`] if the key is not an RSA key that can be trusted, or if it does
    /// not support the requested algorithm.
    pub fn from_pkcs8(
        der: &[u8],
        requested: Option<Algorithm>,
        random: impl RandomSource + 'static,
    ) -> Result<Self, SigningKeyError> {
        Self::from_pkcs8_with(Backend::FASTEST, der, requested, Box::new(random))
    }

    fn from_pkcs8_with(
        backend: Backend,
        der: &[u8],
        requested: Option<Algorithm>,
        random: Box<dyn RandomSource>,
    ) -> Result<Self, SigningKeyError> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(SigningKeyError::Pkcs8)?;
        let own = pem::algorithm(&info.algorithm).map_err(SigningKeyError::Refused)?;
        let algorithm = match (own, requested) {
            (Algorithm::Ps256, Some(Algorithm::Rs256)) => return Err(SigningKeyError::PssOnly),
            (own, requested) => requested.unwrap_or(own),
        };
        let pkcs1 = info.private_key.as_bytes();
        // The trust policy comes first, because its errors are more specific than those of the
        // libraries.
        let numbers = pkcs1::RsaPrivateKeyRef::from_der(pkcs1).map_err(|_| SigningKeyError::Key)?;
        let (modulus, exponent) = (
            numbers.modulus.as_bytes(),
            numbers.public_exponent.as_bytes(),
        );
        let public =
            TrustedKey::new(algorithm, modulus, exponent).map_err(SigningKeyError::Refused)?;
        let private = PrivateKey::from_pkcs1(backend, pkcs1, random).ok_or(SigningKeyError::Key)?;
        Ok(Self { private, public })
    }
}

impl Signer for SigningKey {
    fn public(&self) -> &TrustedKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.private.sign(self.public.algorithm(), message);
        signature.ok_or(SigningError::Sign)
    }

    /// AWS-LC and the crate `rsa` raise each signature to the public exponent, and return an error
    /// if the result differs from what was signed.
    fn is_verifying(&self) -> bool {
        true
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, private half redacted)", self.public)
    }
}

/// The reason why a private key cannot be used.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// use license_core::issue::SigningKey;
/// use license_core::with_causes;
///
/// match SigningKey::from_pkcs8(b"not a key", None, fixture::random) {
///     Ok(key) => println!("{key:?}"),
///     Err(error) => println!("{}", with_causes(&error)),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The data is not a PKCS#8 private key.
    #[error("expected a PKCS#8 private key")]
    Pkcs8(#[source] pkcs8::der::Error),
    /// The key is not an RSA private key, or its numbers are inconsistent.
    #[error("expected an RSA private key with consistent numbers")]
    Key,
    /// The public key cannot be trusted, so no signature would verify.
    #[error("the key cannot be used")]
    Refused(#[source] TrustError),
    /// The key supports PS256 only.
    #[error("expected a key for RS256, found a key for PS256 only")]
    PssOnly,
    /// The key could not be generated.
    #[error("the key could not be generated")]
    Generate,
}

#[cfg(test)]
#[cfg(all(feature = "rsa", feature = "aws-lc-rs"))]
mod tests;
