//! A private key in memory, held and used by AWS-LC.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use pkcs8::PrivateKeyInfo;
use pkcs8::der::{Decode, Encode};
use zeroize::Zeroizing;

use super::{IssueError, Sign};
use crate::jose::Algorithm;
use crate::trust::{TrustError, TrustedKey, pem};

/// How large a new key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyBits {
    /// 2048 bits: about 112 bits of strength (NIST SP 800-57).
    B2048,
    /// 3072 bits: about 128 bits of strength.
    B3072,
    /// 4096 bits.
    B4096,
}

/// An RSA private key and its one algorithm.
///
/// The PKCS#8 that holds it says which: `rsaEncryption` leaves the choice open and stands for RS256 unless
/// PS256 is asked for; `id-RSASSA-PSS` (RFC 4055) is for PS256 alone.
pub struct SigningKey {
    pair: RsaKeyPair,
    public: TrustedKey,
}

impl SigningKey {
    /// Makes a new key, as the DER of a PKCS#8 `PrivateKeyInfo` that says its algorithm.
    ///
    /// # Errors
    /// [`SigningKeyError::Generate`] if the library can't make one.
    pub fn generate(
        bits: KeyBits,
        algorithm: Algorithm,
    ) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let size = match bits {
            KeyBits::B2048 => KeySize::Rsa2048,
            KeyBits::B3072 => KeySize::Rsa3072,
            KeyBits::B4096 => KeySize::Rsa4096,
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| SigningKeyError::Generate)?;
        let der = pair.as_der().map_err(|_| SigningKeyError::Generate)?;
        let mut info = PrivateKeyInfo::from_der(der.as_ref()).map_err(SigningKeyError::Pkcs8)?;
        info.algorithm = pem::identifier(algorithm).map_err(|_| SigningKeyError::Generate)?;
        info.to_der()
            .map(Zeroizing::new)
            .map_err(SigningKeyError::Pkcs8)
    }

    /// Loads a key from the DER of a PKCS#8 `PrivateKeyInfo`.
    ///
    /// # Errors
    /// [`SigningKeyError`] if it is no RSA key that may be trusted, or is not for the algorithm asked for.
    pub fn from_pkcs8(der: &[u8], asked: Option<Algorithm>) -> Result<Self, SigningKeyError> {
        let info = PrivateKeyInfo::from_der(der).map_err(SigningKeyError::Pkcs8)?;
        let own = pem::algorithm(&info.algorithm).map_err(SigningKeyError::Refused)?;
        let algorithm = match (own, asked) {
            (Algorithm::Ps256, Some(Algorithm::Rs256)) => return Err(SigningKeyError::PssOnly),
            (own, asked) => asked.unwrap_or(own),
        };
        // First of all whether anybody would trust it, which says more than the library's refusal.
        let numbers =
            pkcs1::RsaPrivateKey::from_der(info.private_key).map_err(|_| SigningKeyError::Key)?;
        let (modulus, exponent) = (
            numbers.modulus.as_bytes(),
            numbers.public_exponent.as_bytes(),
        );
        let public =
            TrustedKey::new(algorithm, modulus, exponent).map_err(SigningKeyError::Refused)?;
        let pair = RsaKeyPair::from_der(info.private_key).map_err(|_| SigningKeyError::Key)?;
        Ok(Self { pair, public })
    }
}

impl Sign for SigningKey {
    fn public(&self) -> &TrustedKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let encoding: &'static dyn RsaEncoding = match self.public.algorithm() {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
        };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| IssueError::Sign)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, private half redacted)", self.public)
    }
}

/// Why a private key can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// Not a PKCS#8 private key.
    Pkcs8(pkcs8::der::Error),
    /// Not an RSA private key whose numbers belong together.
    Key,
    /// Its public half must not be trusted, so that nothing it signs would verify.
    Refused(TrustError),
    /// The key says that it is for PS256 alone.
    PssOnly,
    /// No key could be made.
    Generate,
}

impl fmt::Display for SigningKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pkcs8(_) => f.write_str("expected a PKCS#8 private key"),
            Self::Key => f.write_str("expected an RSA private key whose numbers belong together"),
            Self::Refused(error) => write!(f, "the key can't be used: {error}"),
            Self::PssOnly => f.write_str("the key is for PS256 alone, RS256 was asked for"),
            Self::Generate => f.write_str("no key could be made"),
        }
    }
}

impl std::error::Error for SigningKeyError {}
