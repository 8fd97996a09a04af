//! Cache of signatures that were verified.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::License;
use crate::jose::{TokenKind, Unverified};
use crate::trust::{TrustSet, TrustedKey, VerifyError};

/// The maximum number of signatures of a generation.
const MAX_SIGNATURES: usize = 1 << 24;

/// Remembers for many tokens that their signatures were verified.
///
/// The cache contains a digest of each token with the key and algorithm that verified it, and no
/// claims. Verifying a remembered token costs a SHA-256 digest of its text in place of an RSA
/// operation. The key must be trusted, and the claims are read and checked, each time. A token that
/// does not verify is never remembered. A [`Verifier`](crate::Verifier) caches the claims too, and
/// needs more than ten times the memory.
///
/// A signature takes about 40 bytes. The memory is bounded: the cache forgets signatures that were
/// not verified lately. Threads may share a cache.
///
/// ```
/// use license_core::{SignatureCache, TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// // A server with many licenses in a database.
/// let (trust, signatures) = (TrustSet::parse(JWKS)?, SignatureCache::default());
/// let token = Unverified::parse(TOKEN)?;
/// let license = signatures.verify(&token, &trust)?;
/// assert_eq!(signatures.verify(&token, &trust)?, license);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SignatureCache {
    generations: Mutex<Generations>,
    capacity: usize,
}

/// A digest of a token, its key and its algorithm.
type SignatureDigest = [u8; 32];

/// When the current generation is full, it becomes the previous one, which is forgotten.
#[derive(Default)]
struct Generations {
    current: HashSet<SignatureDigest>,
    previous: HashSet<SignatureDigest>,
}

/// Remembers [`SignatureCache::DEFAULT_SIZE`] signatures.
impl Default for SignatureCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_SIZE)
    }
}

impl SignatureCache {
    /// The default number of signatures.
    pub const DEFAULT_SIZE: usize = 100_000;

    /// Creates a cache that remembers the last `signatures` signatures, and up to as many earlier
    /// ones. The number is at most 2^24. 0 disables the cache.
    ///
    /// ```
    /// use license_core::SignatureCache;
    ///
    /// let signatures = SignatureCache::new(1_000_000);
    /// # let _ = signatures;
    /// ```
    pub fn new(signatures: usize) -> Self {
        Self {
            generations: Mutex::default(),
            capacity: signatures.min(MAX_SIGNATURES),
        }
    }

    /// Verifies a license token like [`Unverified::verify`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, token) = (fixture::trust()?, fixture::LICENSE);
    /// use license_core::{SignatureCache, Unverified};
    ///
    /// let signatures = SignatureCache::default();
    /// let license = signatures.verify(&Unverified::parse(token)?, &trust)?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Unverified::verify`].
    pub fn verify(&self, token: &Unverified<'_>, trust: &TrustSet) -> Result<License, VerifyError> {
        let key = token.trusted_key(trust)?;
        let verified = token.verify_token_by(TokenKind::License, key, |token, signature| {
            let digest = digest(key, token);
            if self.lock().contains(&digest, self.capacity) {
                return true;
            }
            let is_signed = key.verify(token.signed(), signature);
            if is_signed {
                self.lock().insert(digest, self.capacity);
            }
            is_signed
        })?;
        License::of_trusted(verified, trust)
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // A panic of another thread leaves no partial change.
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Returns whether a signature is remembered. It is then remembered for longer.
    fn contains(&mut self, digest: &SignatureDigest, capacity: usize) -> bool {
        if self.current.contains(digest) {
            return true;
        }
        let is_previous = self.previous.contains(digest);
        if is_previous {
            self.insert(*digest, capacity);
        }
        is_previous
    }

    fn insert(&mut self, digest: SignatureDigest, capacity: usize) {
        if capacity == 0 {
            return;
        }
        if self.current.len() >= capacity {
            self.previous = mem::take(&mut self.current);
        }
        self.current.insert(digest);
    }
}

/// Returns the digest of a token that a key may have signed. The key id has a fixed length, and
/// determines the public key.
fn digest(key: &TrustedKey, token: &Unverified<'_>) -> SignatureDigest {
    let mut digest = Sha256::new();
    for part in [key.id().as_str(), key.algorithm().as_str(), token.as_str()] {
        digest.update(part);
        digest.update([0]);
    }
    digest.finalize().into()
}

/// Omits the digests.
impl std::fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignatureCache")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = include_str!("../../fixtures/tokens/valid-pro.jwt");
    const OTHER: &str = include_str!("../../fixtures/tokens/valid-team.jwt");

    fn trust() -> TrustSet {
        TrustSet::parse(include_str!("../../fixtures/trust/vendor.jwks")).unwrap()
    }

    fn token(text: &str) -> Unverified<'_> {
        Unverified::parse(text).unwrap()
    }

    fn remembered(signatures: &SignatureCache) -> usize {
        let generations = signatures.lock();
        generations.current.len() + generations.previous.len()
    }

    #[test]
    fn a_remembered_token_has_the_same_license() {
        let (signatures, trust) = (SignatureCache::new(10), trust());
        let expected = token(TOKEN).verify(&trust).unwrap();
        for _ in 0..2 {
            assert_eq!(signatures.verify(&token(TOKEN), &trust).unwrap(), expected);
            assert_eq!(remembered(&signatures), 1);
        }
    }

    #[test]
    fn each_changed_character_of_a_remembered_token_is_refused() {
        let (signatures, trust) = (SignatureCache::new(10), trust());
        let text = TOKEN.trim();
        let _ = signatures.verify(&token(text), &trust).unwrap();
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let refused =
                Unverified::parse(&changed).map(|token| signatures.verify(&token, &trust));
            assert!(!matches!(refused, Ok(Ok(_))), "character {at}");
        }
        assert_eq!(remembered(&signatures), 1);
    }

    #[test]
    fn a_remembered_signature_needs_a_trusted_key() {
        let signatures = SignatureCache::new(10);
        let _ = signatures.verify(&token(TOKEN), &trust()).unwrap();
        let others = TrustSet::parse(include_str!("../../fixtures/trust/stranger.jwks")).unwrap();
        let refused = signatures.verify(&token(TOKEN), &others).unwrap_err();
        assert!(
            matches!(refused, VerifyError::UntrustedKey { .. }),
            "{refused:?}"
        );
    }

    #[test]
    fn a_token_that_does_not_verify_is_not_remembered() {
        let (signatures, trust) = (SignatureCache::new(10), trust());
        let (signed, _) = TOKEN.trim().rsplit_once('.').unwrap();
        let (_, other) = OTHER.trim().rsplit_once('.').unwrap();
        let forged = format!("{signed}.{other}");
        for _ in 0..2 {
            let refused = signatures.verify(&token(&forged), &trust).unwrap_err();
            assert!(matches!(refused, VerifyError::Signature), "{refused:?}");
        }
        assert_eq!(remembered(&signatures), 0);
    }

    #[test]
    fn the_cache_is_bounded_and_remembers_what_is_used() {
        let mut generations = Generations::default();
        let number = |number: u32| {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_be_bytes());
            digest
        };
        for next in 0..1000 {
            generations.insert(number(next), 10);
            assert!(generations.contains(&number(0), 10), "after {next}");
            assert!(generations.current.len() <= 10 && generations.previous.len() <= 10);
        }
        assert!(!generations.contains(&number(1), 10));
    }

    #[test]
    fn a_disabled_cache_remembers_nothing() {
        let (signatures, trust) = (SignatureCache::new(0), trust());
        for _ in 0..2 {
            let _ = signatures.verify(&token(TOKEN), &trust).unwrap();
        }
        assert_eq!(remembered(&signatures), 0);
    }
}
