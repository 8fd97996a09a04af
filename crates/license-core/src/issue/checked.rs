//! No signature leaves unchecked.

use std::fmt;

use super::{IssueError, Sign};
use crate::trust::TrustedKey;

/// A key in any custody that hands out a signature only after its own public half has verified it.
///
/// A device may be faulty, a service may answer with another key, a line may garble what it carries; and a single faulty
/// RSA-CRT signature tells whoever sees it the private key (Boneh, DeMillo, Lipton 1997). Whoever signs with this type needs
/// no check of their own.
pub struct CheckedKey {
    held: Box<dyn Sign + Send + Sync>,
}

impl CheckedKey {
    /// Stands before a key from now on.
    pub fn new(held: Box<dyn Sign + Send + Sync>) -> Self {
        Self { held }
    }

    /// The key itself, for who checks what it signs in another way.
    pub(super) fn unchecked(&self) -> &(dyn Sign + Send + Sync) {
        &*self.held
    }
}

impl Sign for CheckedKey {
    fn public(&self) -> &TrustedKey {
        self.held.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let signature = self.held.sign(message)?;
        match self.held.public().verify(message, &signature) {
            true => Ok(signature),
            false => Err(IssueError::DoesNotVerify),
        }
    }
}

impl fmt::Debug for CheckedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckedKey({:?})", self.held.public())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::issue::{KeyBits, SigningKey, system_random};
    use crate::jose::Algorithm;

    /// Says that it is one key and signs with another, or garbles what it signs.
    struct Faulty {
        shown: SigningKey,
        used: SigningKey,
        garble: fn(Vec<u8>) -> Vec<u8>,
    }

    impl Sign for Faulty {
        fn public(&self) -> &TrustedKey {
            self.shown.public()
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
            self.used.sign(message).map(self.garble)
        }
    }

    fn key(algorithm: Algorithm) -> zeroize::Zeroizing<Vec<u8>> {
        SigningKey::generate(KeyBits::B2048, algorithm, &system_random).unwrap()
    }

    fn signed(
        shown: &[u8],
        used: &[u8],
        garble: fn(Vec<u8>) -> Vec<u8>,
    ) -> Result<Vec<u8>, IssueError> {
        let load = |der| SigningKey::from_pkcs8(der, None, system_random).unwrap();
        let (shown, used) = (load(shown), load(used));
        let faulty = Faulty {
            shown,
            used,
            garble,
        };
        CheckedKey::new(Box::new(faulty)).sign(b"message")
    }

    #[test]
    fn only_what_verifies_is_handed_out() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            let (own, other) = (key(algorithm), key(algorithm));
            assert!(signed(&own, &own, |good| good).is_ok());
            let refused = Err(IssueError::DoesNotVerify);
            assert_eq!(signed(&own, &other, |good| good), refused);
            assert_eq!(signed(&own, &own, |_| Vec::new()), refused);
            let last_bit = |mut good: Vec<u8>| {
                *good.last_mut().unwrap() ^= 1;
                good
            };
            assert_eq!(signed(&own, &own, last_bit), refused);
            let longer = |mut good: Vec<u8>| {
                good.push(0);
                good
            };
            assert_eq!(signed(&own, &own, longer), refused);
        }
    }

    #[test]
    fn the_other_algorithm_of_the_same_key_does_not_pass() {
        let der = key(Algorithm::Rs256);
        let load =
            |algorithm| SigningKey::from_pkcs8(&der, Some(algorithm), system_random).unwrap();
        let faulty = Faulty {
            shown: load(Algorithm::Ps256),
            used: load(Algorithm::Rs256),
            garble: |good| good,
        };
        let refused = CheckedKey::new(Box::new(faulty)).sign(b"message");
        assert_eq!(refused, Err(IssueError::DoesNotVerify));
    }
}
