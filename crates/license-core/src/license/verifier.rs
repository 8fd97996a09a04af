//! Verifier with a cache, and verification of many tokens in parallel.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::License;
use crate::jose::{MAX_TOKEN_BYTES, Unverified};
use crate::trust::{TrustSet, VerifyError};

/// The number of tokens that a thread takes at a time. The number is small, so that all threads
/// finish at about the same time.
const BATCH_SIZE: usize = 8;

/// The maximum number of cached tokens.
const MAX_CACHED_TOKENS: usize = 1 << 24;

/// Verifies license tokens with one trust set and caches the licenses of recent tokens.
///
/// Verifying a cached token again costs one comparison of its bytes. The cache contains the claims
/// of tokens that a trusted key has signed, and no results of an evaluation. [`License::evaluate`]
/// decides each time whether the license is valid, so that revocation and expiry take effect
/// immediately. If the trusted keys change, create another verifier.
///
/// The memory is bounded: the cache has room for a fixed number of tokens of at most
/// [`MAX_TOKEN_BYTES`], and a new token may replace an older one. A token that does not verify is
/// never cached. Threads may share a verifier.
///
/// ```
/// use license_core::{TrustSet, Verifier};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// // The vendor's public keys, and the token of a request.
/// let verifier = Verifier::new(TrustSet::parse(JWKS)?);
/// let license = verifier.verify(TOKEN)?;
/// assert_eq!(verifier.verify(TOKEN)?.id(), license.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Verifier {
    trust: TrustSet,
    /// The cached tokens, indexed by a hash of their last bytes, which belong to the signature. The
    /// length is a power of two or zero.
    cache: Box<[Mutex<Option<CachedToken>>]>,
}

struct CachedToken {
    token: Box<str>,
    license: License,
}

impl Verifier {
    /// The default number of cached tokens.
    pub const DEFAULT_CACHE_SIZE: usize = 64;

    /// Creates a verifier that caches up to [`Verifier::DEFAULT_CACHE_SIZE`] tokens.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// use license_core::Verifier;
    ///
    /// let verifier = Verifier::new(trust);
    /// assert_eq!(verifier.trust().len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(trust: TrustSet) -> Self {
        Self::with_cache_size(trust, Self::DEFAULT_CACHE_SIZE)
    }

    /// Creates a verifier that caches up to `tokens` tokens.
    ///
    /// The number is rounded up to a power of two and is at most 2^24. 0 disables the cache.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, token) = (fixture::trust()?, fixture::LICENSE);
    /// use license_core::Verifier;
    ///
    /// // Room for the tokens of many customers.
    /// let verifier = Verifier::with_cache_size(trust, 10_000);
    /// println!("{}", verifier.verify(token)?.customer());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_cache_size(trust: TrustSet, tokens: usize) -> Self {
        let slots = match tokens {
            0 => 0,
            tokens => tokens.min(MAX_CACHED_TOKENS).next_power_of_two(),
        };
        let cache = (0..slots).map(|_| Mutex::new(None)).collect();
        Self { trust, cache }
    }

    /// Returns the trusted keys.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// let verifier = license_core::Verifier::new(trust);
    /// assert!(!verifier.trust().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trust(&self) -> &TrustSet {
        &self.trust
    }

    /// Returns the license of a cached token, or verifies the token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, token) = (fixture::trust()?, fixture::LICENSE);
    /// use license_core::{Context, FeatureMatrix, Verifier, time};
    ///
    /// let verifier = Verifier::new(trust);
    /// // For each request: the license may come from the cache, and the decision is always new.
    /// let license = verifier.verify(token)?;
    /// let context = Context::at(time::parse_instant("2027-01-15")?);
    /// assert!(license.evaluate(FeatureMatrix::built_in(), &context).allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::Parse`] if the text is not a token, or an error of
    /// [`Unverified::verify`].
    pub fn verify(&self, token: &str) -> Result<License, VerifyError> {
        let Some(slot) = self.slot(token) else {
            return self.verify_uncached(token);
        };
        if let Some(cached) = slot.as_ref().filter(|cached| *cached.token == *token) {
            return Ok(cached.license.clone());
        }
        // Release the lock while the signature is checked.
        drop(slot);
        let license = self.verify_uncached(token)?;
        // Surrounding white space and line breaks can make the text longer than a token.
        if token.len() > MAX_TOKEN_BYTES {
            return Ok(license);
        }
        if let Some(mut slot) = self.slot(token) {
            *slot = Some(CachedToken {
                token: token.into(),
                license: license.clone(),
            });
        }
        Ok(license)
    }

    /// Verifies license tokens in parallel and returns their number.
    ///
    /// Returns when all tokens are verified. Uses up to `threads` threads, including the current
    /// one. If a thread cannot be started, the others do its work. The threads call `each` in any
    /// order with the index of a token, counted from 0, and its result.
    ///
    /// A thread takes eight tokens at a time, so an iterator that blocks can delay up to seven
    /// results. Tokens are neither collected nor cached. The memory does not depend on their
    /// number.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// use license_core::{TrustSet, Verifier, with_causes};
    ///
    /// # const JWKS: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # const LINES: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
    /// # ));
    /// let verifier = Verifier::new(TrustSet::parse(JWKS)?);
    /// let good = AtomicUsize::new(0);
    /// let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    /// let count = verifier.verify_each(LINES.lines(), threads, |number, verified| match verified {
    ///     Ok(_) => {
    ///         good.fetch_add(1, Ordering::Relaxed);
    ///     }
    ///     Err(error) => eprintln!("line {}: {}", number + 1, with_causes(&error)),
    /// });
    /// assert_eq!(good.into_inner(), count);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `each` or the iterator panics.
    pub fn verify_each<T, I>(
        &self,
        tokens: I,
        threads: NonZeroUsize,
        each: impl Fn(usize, Result<License, VerifyError>) + Sync,
    ) -> usize
    where
        T: AsRef<str>,
        I: IntoIterator<Item = T>,
        I::IntoIter: Send,
    {
        let tokens = Mutex::new(tokens.into_iter().enumerate());
        let work = || {
            let mut count = 0;
            let mut batch = Vec::with_capacity(BATCH_SIZE);
            loop {
                batch.extend(lock(&tokens).by_ref().take(BATCH_SIZE));
                if batch.is_empty() {
                    return count;
                }
                count += batch.len();
                for (index, token) in batch.drain(..) {
                    each(index, self.verify_uncached(token.as_ref()));
                }
            }
        };
        thread::scope(|scope| {
            let others = 1..threads.get();
            let others =
                others.map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
            let others: Vec<_> = others.collect();
            let count = work();
            let other_counts = others.into_iter().map(|other| match other.join() {
                Ok(count) => count,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            count + other_counts.sum::<usize>()
        })
    }

    fn verify_uncached(&self, token: &str) -> Result<License, VerifyError> {
        Unverified::parse(token)?.verify(&self.trust)
    }

    /// Locks the cache slot of a token. Returns `None` if the cache is disabled or the text is too
    /// short.
    fn slot(&self, token: &str) -> Option<MutexGuard<'_, Option<CachedToken>>> {
        let end = u64::from_le_bytes(*token.as_bytes().last_chunk()?);
        // Fibonacci hashing: multiples of the golden ratio spread evenly.
        let hash = end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let index = usize::try_from(hash).ok()? & self.cache.len().checked_sub(1)?;
        self.cache.get(index).map(lock)
    }
}

/// Locks a mutex. A panic of another thread leaves no partial change, so poisoning is ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Omits the tokens, which are bearer credentials.
impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("trust", &self.trust)
            .field("cached_tokens", &self.cache.len())
            .finish_non_exhaustive()
    }
}
