//! Abstraction over the libraries that verify and create RSA signatures.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "issue")]
mod private_key;
#[cfg(feature = "issue")]
mod random;
#[cfg(feature = "rsa")]
mod rust_crypto;
#[cfg(test)]
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
mod wycheproof_tests;

use std::fmt;

use crate::encoding::value::named_value;
#[cfg(feature = "aws-lc-rs")]
use aws_lc::AwsLcPublicKey;
#[cfg(feature = "issue")]
pub use private_key::KeyBits;
#[cfg(feature = "issue")]
pub(crate) use private_key::PrivateKey;
#[cfg(feature = "rsa")]
use rust_crypto::RustCryptoPublicKey;

#[cfg(feature = "issue")]
pub use random::{RandomError, RandomSource};

/// A signature algorithm.
///
/// Each trusted key has one algorithm, and a token whose header names another algorithm is rejected
/// (RFC 8725 section 3.1).
///
/// ```
/// use license_core::jose::Algorithm;
///
/// let algorithm: Algorithm = "PS256".parse()?;
/// assert_eq!(algorithm, Algorithm::Ps256);
/// assert_eq!(serde_json::to_string(&algorithm)?, r#""PS256""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3). It is deterministic, and every HSM
    /// supports it.
    Rs256,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 7518 section 3.5).
    Ps256,
}

impl Algorithm {
    /// Returns the name in a JWS header.
    ///
    /// ```
    /// assert_eq!(license_core::jose::Algorithm::Rs256.as_str(), "RS256");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

named_value!(Algorithm, "algorithm", "`RS256` or `PS256`", [Rs256, Ps256]);

/// A compiled-in library that verifies and creates signatures. All libraries give the same results.
///
/// ```
/// use license_core::jose::Backend;
///
/// for backend in Backend::AVAILABLE {
///     println!("compiled in: {backend}");
/// }
/// assert_eq!(Backend::AVAILABLE.first(), Some(&Backend::FASTEST));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// AWS-LC, the fastest library. It is constant-time and requires a C compiler.
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
    /// RustCrypto's `rsa`, in pure Rust. It signs with blinding (RUSTSEC-2023-0071).
    #[cfg(feature = "rsa")]
    Rsa,
}

impl Backend {
    /// The compiled-in libraries, the fastest first.
    pub const AVAILABLE: &'static [Self] = &[
        #[cfg(feature = "aws-lc-rs")]
        Self::AwsLcRs,
        #[cfg(feature = "rsa")]
        Self::Rsa,
    ];

    /// The fastest compiled-in library.
    #[cfg(feature = "aws-lc-rs")]
    pub const FASTEST: Self = Self::AwsLcRs;
    /// The fastest compiled-in library.
    #[cfg(not(feature = "aws-lc-rs"))]
    pub const FASTEST: Self = Self::Rsa;

    /// Returns the name of the cargo feature.
    pub const fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => "aws-lc-rs",
            #[cfg(feature = "rsa")]
            Self::Rsa => "rsa",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A public key that is loaded once and verifies many signatures.
pub(crate) struct SignatureVerifier {
    modulus: Box<[u8]>,
    inner: Inner,
}

enum Inner {
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(AwsLcPublicKey),
    #[cfg(feature = "rsa")]
    Rsa(RustCryptoPublicKey),
}

impl SignatureVerifier {
    /// Loads a key from its modulus and exponent, big-endian without leading zeros. Returns `None`
    /// if the library does not accept the key.
    ///
    /// The checks of the library are weaker than those of `TrustedKey`.
    pub(crate) fn new(
        backend: Backend,
        algorithm: Algorithm,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Option<Self> {
        let inner: Inner = match backend {
            #[cfg(feature = "aws-lc-rs")]
            Backend::AwsLcRs => Inner::AwsLcRs(AwsLcPublicKey::new(algorithm, modulus, exponent)?),
            #[cfg(feature = "rsa")]
            Backend::Rsa => Inner::Rsa(RustCryptoPublicKey::new(algorithm, modulus, exponent)?),
        };
        Some(Self {
            modulus: modulus.into(),
            inner,
        })
    }

    /// Returns whether the signature over the message verifies with this key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // A signature has the length of the modulus and is less than the modulus (RFC 8017 sections
        // 8.1.2 and 8.2.2). Not every library rejects the sum of a signature and the modulus.
        if signature.len() != self.modulus.len() || *signature >= *self.modulus {
            return false;
        }
        match self.inner {
            #[cfg(feature = "aws-lc-rs")]
            Inner::AwsLcRs(ref key) => key.verify(message, signature),
            #[cfg(feature = "rsa")]
            Inner::Rsa(ref key) => key.verify(message, signature),
        }
    }
}
