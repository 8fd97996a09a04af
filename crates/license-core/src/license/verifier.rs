//! Many tokens, or one token many times.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::License;
use crate::jose::{MAX_TOKEN_BYTES, Unverified};
use crate::trust::{TrustSet, VerifyError};

/// A thread takes so many tokens at a time: few, so that all threads end together.
const AT_ONCE: usize = 8;

/// Verifies license tokens with one trust set and caches the licenses of recent tokens.
///
/// A cached token costs one comparison of its bytes. The cache records only that these bytes are
/// signed by a trusted key, and their claims. [`License::evaluate`] decides each time whether the
/// license holds, so that revocations and the end of a license take effect immediately. If the
/// trusted keys change, create another verifier.
///
/// The memory is bounded: the cache holds a fixed number of tokens of at most
/// [`MAX_TOKEN_BYTES`], and a new token may replace an older one. A token that does not verify is
/// never cached. Threads may share a verifier.
///
/// ```
/// use license_core::{TrustSet, Verifier};
///
/// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
/// # const TOKEN: &str = include_str!("../../../../fixtures/tokens/valid-pro.jwt");
/// let verifier = Verifier::new(TrustSet::parse(JWKS)?);
/// let license = verifier.verify(TOKEN)?;
/// assert_eq!(verifier.verify(TOKEN)?.id(), license.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Verifier {
    trust: TrustSet,
    /// The cached tokens, found by their last bytes, which belong to the signature. The length is a
    /// power of two or zero.
    seen: Box<[Mutex<Option<Seen>>]>,
}

struct Seen {
    token: Box<str>,
    license: License,
}

impl Verifier {
    /// How many tokens it remembers unless told otherwise.
    pub const MEMORY: usize = 64;

    /// Trusts these keys, and remembers up to [`Verifier::MEMORY`] tokens.
    pub fn new(trust: TrustSet) -> Self {
        Self::with_memory(trust, Self::MEMORY)
    }

    /// The same with room for another number of tokens, rounded up to a power of two and at most 2^24; 0 remembers none.
    pub fn with_memory(trust: TrustSet, tokens: usize) -> Self {
        let places = match tokens {
            0 => 0,
            // More than that is none of these.
            tokens => tokens.min(1 << 24).next_power_of_two(),
        };
        let seen = (0..places).map(|_| Mutex::new(None)).collect();
        Self { trust, seen }
    }

    /// The keys that it trusts.
    pub fn trust(&self) -> &TrustSet {
        &self.trust
    }

    /// Verifies a license token, or knows it again.
    ///
    /// # Errors
    /// [`VerifyError`] as of [`Unverified::verify`]; [`VerifyError::Parse`] if it is no token.
    pub fn verify(&self, token: &str) -> Result<License, VerifyError> {
        let Some(place) = self.place(token) else {
            return self.verify_anew(token);
        };
        if let Some(seen) = place.as_ref().filter(|seen| *seen.token == *token) {
            return Ok(seen.license.clone());
        }
        // Nobody waits while the signature is checked.
        drop(place);
        let license = self.verify_anew(token)?;
        // With blanks around it and line breaks in it, it may be longer.
        if token.len() > MAX_TOKEN_BYTES {
            return Ok(license);
        }
        if let Some(mut place) = self.place(token) {
            *place = Some(Seen {
                token: token.into(),
                license: license.clone(),
            });
        }
        Ok(license)
    }

    /// Verifies license tokens on so many threads, this one among them, and hands out each with its number from 0 on as soon as it is
    /// done, in any order and from any of the threads. Returns how many there were.
    ///
    /// A thread takes eight tokens at a time, so that an iterator that waits for more holds back up to seven. No token is gathered or remembered, so that it takes no more memory for a million than for ten. Where a thread can't be had it goes on
    /// with those that there are.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// use license_core::{TrustSet, Verifier};
    ///
    /// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
    /// # const LINES: &str = include_str!("../../../../fixtures/tokens/valid-pro.jwt");
    /// let verifier = Verifier::new(TrustSet::parse(JWKS)?);
    /// let good = AtomicUsize::new(0);
    /// let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    /// let count = verifier.verify_each(LINES.lines(), threads, |number, verified| match verified {
    ///     Ok(_) => {
    ///         good.fetch_add(1, Ordering::Relaxed);
    ///     }
    ///     Err(error) => eprintln!("line {}: {error}", number + 1),
    /// });
    /// assert_eq!(good.into_inner(), count);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// As `each` and the iterator do.
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
            let mut taken = Vec::with_capacity(AT_ONCE);
            loop {
                taken.extend(lock(&tokens).by_ref().take(AT_ONCE));
                if taken.is_empty() {
                    return count;
                }
                count += taken.len();
                for (number, token) in taken.drain(..) {
                    each(number, self.verify_anew(token.as_ref()));
                }
            }
        };
        thread::scope(|scope| {
            let others = 1..threads.get();
            let others =
                others.map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
            let others: Vec<_> = others.collect();
            let own = work();
            let of_others = others.into_iter().map(|other| match other.join() {
                Ok(count) => count,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            own + of_others.sum::<usize>()
        })
    }

    fn verify_anew(&self, token: &str) -> Result<License, VerifyError> {
        Unverified::parse(token)?.verify(&self.trust)
    }

    /// Where the token is remembered; none if it is too short for one, or nothing is.
    fn place(&self, token: &str) -> Option<MutexGuard<'_, Option<Seen>>> {
        let end = u64::from_le_bytes(*token.as_bytes().last_chunk()?);
        // The golden ratio's multiples lie far apart.
        let spread = end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let index = usize::try_from(spread).ok()? & self.seen.len().checked_sub(1)?;
        self.seen.get(index).map(lock)
    }
}

/// What another thread left when it panicked is as good as ever: nothing is written in halves.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without the tokens: they are bearer credentials.
impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("trust", &self.trust)
            .field("memory", &self.seen.len())
            .finish_non_exhaustive()
    }
}
