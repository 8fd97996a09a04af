//! A signer that verifies its signatures.

use std::fmt;

use super::{Signer, SigningError};
use crate::trust::TrustedKey;

/// A signer that returns a signature only if it verifies with the public key.
///
/// A device may be faulty, a service may use another key, and a connection may corrupt data. A
/// single faulty RSA-CRT signature reveals the private key (Boneh, DeMillo, Lipton 1997). Callers
/// of this type do not have to verify the signature themselves. A signer that verifies its
/// signatures, such as [`SigningKey`](super::SigningKey), is trusted to do so.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// use license_core::issue::{Signer, VerifyingSigner};
///
/// let key = VerifyingSigner::new(Box::new(fixture::key()?));
/// assert_eq!(key.sign(b"message")?.len(), 256);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VerifyingSigner {
    signer: Box<dyn Signer + Send + Sync>,
}

impl VerifyingSigner {
    /// Wraps a signer.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// use license_core::issue::{Signer, VerifyingSigner};
    ///
    /// let key = fixture::key()?;
    /// let id = key.public().id().clone();
    /// let key = VerifyingSigner::new(Box::new(key));
    /// assert_eq!(*key.public().id(), id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(signer: Box<dyn Signer + Send + Sync>) -> Self {
        Self { signer }
    }

    /// Returns the wrapped signer, for callers that verify its signatures in another way.
    pub(super) fn inner(&self) -> &(dyn Signer + Send + Sync) {
        &*self.signer
    }
}

impl Signer for VerifyingSigner {
    fn public(&self) -> &TrustedKey {
        self.signer.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.signer.sign(message)?;
        if self.signer.is_verifying() || self.signer.public().verify(message, &signature) {
            Ok(signature)
        } else {
            Err(SigningError::DoesNotVerify)
        }
    }

    fn is_verifying(&self) -> bool {
        true
    }
}

impl fmt::Debug for VerifyingSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingSigner({:?})", self.signer.public())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::issue::{KeyBits, SigningKey, system_random};
    use crate::jose::Algorithm;

    /// A signer that presents the public half of another key, or that corrupts its signatures.
    struct FaultySigner {
        presented: SigningKey,
        actual: SigningKey,
        corrupt: fn(Vec<u8>) -> Vec<u8>,
    }

    impl Signer for FaultySigner {
        fn public(&self) -> &TrustedKey {
            self.presented.public()
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
            self.actual.sign(message).map(self.corrupt)
        }
    }

    fn key(algorithm: Algorithm) -> zeroize::Zeroizing<Vec<u8>> {
        SigningKey::generate(KeyBits::B2048, algorithm, &system_random).unwrap()
    }

    fn signed(
        presented: &[u8],
        actual: &[u8],
        corrupt: fn(Vec<u8>) -> Vec<u8>,
    ) -> Result<Vec<u8>, SigningError> {
        let load = |der| SigningKey::from_pkcs8(der, None, system_random).unwrap();
        let (presented, actual) = (load(presented), load(actual));
        let faulty = FaultySigner {
            presented,
            actual,
            corrupt,
        };
        VerifyingSigner::new(Box::new(faulty)).sign(b"message")
    }

    #[track_caller]
    fn assert_refused(signed: &Result<Vec<u8>, SigningError>) {
        let is_refused = matches!(signed, Err(SigningError::DoesNotVerify));
        assert!(is_refused, "{signed:?}");
    }

    #[test]
    fn only_signatures_that_verify_are_returned() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            let (own, other) = (key(algorithm), key(algorithm));
            assert!(signed(&own, &own, |good| good).is_ok());
            assert_refused(&signed(&own, &other, |good| good));
            assert_refused(&signed(&own, &own, |_| Vec::new()));
            let last_bit = |mut good: Vec<u8>| {
                *good.last_mut().unwrap() ^= 1;
                good
            };
            assert_refused(&signed(&own, &own, last_bit));
            let longer = |mut good: Vec<u8>| {
                good.push(0);
                good
            };
            assert_refused(&signed(&own, &own, longer));
        }
    }

    #[test]
    fn a_signature_of_the_same_key_with_another_algorithm_is_refused() {
        let der = key(Algorithm::Rs256);
        let load =
            |algorithm| SigningKey::from_pkcs8(&der, Some(algorithm), system_random).unwrap();
        let faulty = FaultySigner {
            presented: load(Algorithm::Ps256),
            actual: load(Algorithm::Rs256),
            corrupt: |good| good,
        };
        let refused = VerifyingSigner::new(Box::new(faulty)).sign(b"message");
        assert_refused(&refused);
    }
}
