//! Rate limits with a fixed amount of memory.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The number of groups of a table. A group is created when one of its limiters is used first.
const GROUPS: usize = 128;

/// The number of limiters in a group. Each takes about 40 bytes.
const LIMITERS: usize = 128;

/// The burst that a limiter allows, in seconds of its rate.
const BURST_SECONDS: u32 = 2;

/// A rate limit for each key.
///
/// The memory is bounded: a key selects one of many limiters by a hash with a random seed. Two keys
/// rarely share a limiter, and a client cannot choose such keys.
pub(super) struct RateTable {
    /// The limit of each key. Without it, nothing is limited.
    quota: Option<Quota>,
    groups: [OnceLock<Box<[DefaultDirectRateLimiter]>>; GROUPS],
    seed: RandomState,
    clock: DefaultClock,
}

impl RateTable {
    /// Creates a table that allows `rate` requests per second for each key, or any number.
    pub(super) fn new(rate: Option<NonZeroU32>) -> Self {
        Self::with_quota(rate.map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
            Quota::per_second(rate).allow_burst(burst)
        }))
    }

    /// Creates a table that allows `count` requests per minute for each key.
    pub(super) fn per_minute(count: NonZeroU32) -> Self {
        Self::with_quota(Some(Quota::per_minute(count)))
    }

    /// Creates a table that allows `count` requests per hour for each key.
    pub(super) fn per_hour(count: NonZeroU32) -> Self {
        Self::with_quota(Some(Quota::per_hour(count)))
    }

    fn with_quota(quota: Option<Quota>) -> Self {
        Self {
            quota,
            groups: [const { OnceLock::new() }; GROUPS],
            seed: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// Returns the time after which the next request is allowed.
    pub(super) fn check(&self, key: impl Hash) -> Result<(), Duration> {
        let Some(limiter) = self.limiter(key) else {
            return Ok(());
        };
        limiter
            .check()
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }

    fn limiter(&self, key: impl Hash) -> Option<&DefaultDirectRateLimiter> {
        let quota = self.quota?;
        let hash = self.seed.hash_one(key).to_le_bytes();
        let [group, limiter, ..] = hash.map(usize::from);
        let group = self.groups.get(group % GROUPS)?;
        let limiters = group.get_or_init(|| {
            let limiters = (0..LIMITERS).map(|_| RateLimiter::direct(quota));
            limiters.collect()
        });
        limiters.get(limiter % LIMITERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_limited_after_its_burst() {
        let table = RateTable::new(NonZeroU32::new(1));
        assert!(table.check("a").is_ok() && table.check("a").is_ok());
        assert!(table.check("a").unwrap_err() <= Duration::from_secs(1));
        let others = (0..100).filter(|key| table.check(key).is_ok());
        assert!(others.count() > 90, "other keys are not limited");
    }

    #[test]
    fn without_a_rate_nothing_is_limited() {
        let table = RateTable::new(None);
        assert!((0..1000).all(|_| table.check("a").is_ok()));
    }

    #[test]
    fn a_limit_per_minute_allows_its_count_at_once() {
        let table = RateTable::per_minute(NonZeroU32::new(5).unwrap());
        let allowed = (0..10).filter(|_| table.check("a").is_ok());
        assert_eq!(allowed.count(), 5);
    }
}
