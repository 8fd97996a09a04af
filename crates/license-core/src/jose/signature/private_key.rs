//! Abstraction over the libraries that sign with RSA private keys.

use zeroize::Zeroizing;

#[cfg(feature = "aws-lc-rs")]
use super::aws_lc::AwsLcPrivateKey;
#[cfg(feature = "rsa")]
use super::rust_crypto::RustCryptoPrivateKey;
use super::{Algorithm, Backend, RandomSource};
use crate::encoding::value::named_value;

/// The size of a new key. The text form is the number of bits.
///
/// ```
/// use license_core::issue::KeyBits;
///
/// let bits: KeyBits = "3072".parse()?;
/// assert_eq!(bits, KeyBits::B3072);
/// assert!(bits < KeyBits::B4096);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyBits {
    /// 2048 bits: about 112 bits of strength (NIST SP 800-57).
    B2048,
    /// 3072 bits: about 128 bits of strength.
    B3072,
    /// 4096 bits.
    B4096,
}

impl KeyBits {
    /// Returns the number of bits as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::B2048 => "2048",
            Self::B3072 => "3072",
            Self::B4096 => "4096",
        }
    }
}

named_value!(
    KeyBits,
    "size",
    "`2048`, `3072` or `4096`",
    [B2048, B3072, B4096]
);

/// A loaded private key. The libraries erase it from memory when it is dropped.
pub(crate) struct PrivateKey(Inner);

enum Inner {
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(AwsLcPrivateKey),
    #[cfg(feature = "rsa")]
    Rsa {
        key: Box<RustCryptoPrivateKey>,
        /// The source of blinding values and of PS256 salts.
        random: Box<dyn RandomSource>,
    },
}

impl PrivateKey {
    /// Generates a key and returns the DER of its PKCS#1 `RSAPrivateKey`.
    ///
    /// Backend `rsa` uses `random`. AWS-LC uses its own generator, which the operating system seeds
    /// and which cannot be replaced.
    #[allow(
        unused_variables,
        reason = "some combinations of backends use no argument"
    )]
    pub(crate) fn generate(
        backend: Backend,
        bits: KeyBits,
        random: &dyn RandomSource,
    ) -> Option<Zeroizing<Vec<u8>>> {
        match backend {
            #[cfg(feature = "aws-lc-rs")]
            Backend::AwsLcRs => AwsLcPrivateKey::generate(bits),
            #[cfg(feature = "rsa")]
            Backend::Rsa => RustCryptoPrivateKey::generate(bits, random),
        }
    }

    /// Loads a key from the DER of a PKCS#1 `RSAPrivateKey`. Returns `None` if its numbers are
    /// inconsistent.
    #[allow(
        unused_variables,
        unreachable_code,
        reason = "some combinations of backends use no argument"
    )]
    pub(crate) fn from_pkcs1(
        backend: Backend,
        der: &[u8],
        random: Box<dyn RandomSource>,
    ) -> Option<Self> {
        let inner: Inner = match backend {
            #[cfg(feature = "aws-lc-rs")]
            Backend::AwsLcRs => Inner::AwsLcRs(AwsLcPrivateKey::from_pkcs1(der)?),
            #[cfg(feature = "rsa")]
            Backend::Rsa => Inner::Rsa {
                key: Box::new(RustCryptoPrivateKey::from_pkcs1(der)?),
                random,
            },
        };
        Some(Self(inner))
    }

    /// Signs a message. Returns `None` if the library or the random source fails.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        match self.0 {
            #[cfg(feature = "aws-lc-rs")]
            Inner::AwsLcRs(ref key) => key.sign(algorithm, message),
            #[cfg(feature = "rsa")]
            Inner::Rsa {
                ref key,
                ref random,
            } => key.sign(algorithm, message, &**random),
        }
    }
}
