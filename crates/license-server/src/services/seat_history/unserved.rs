//! Sessions that were denied a seat, for an estimate of how many more seats would have sufficed.

use std::collections::HashMap;

use license_core::session::SessionId;
use license_seats::{LeaseSpan, LeaseTime};

use crate::domain::PoolId;

/// How long a seat is held, as long as no lease of the pool has ended.
const DEFAULT_HOLD: LeaseSpan = LeaseSpan::from_secs(30 * 60);

/// The bounds of the time for which a denied session would have held a seat.
const HOLD_BOUNDS: (LeaseSpan, LeaseSpan) =
    (LeaseSpan::from_secs(60), LeaseSpan::from_secs(12 * 60 * 60));

/// The number of additional seats of a pool that are distinguished.
const MAX_PLACES: u32 = 256;

/// The largest number of pools.
const MAX_POOLS: usize = 1_000;

/// The sessions that would hold additional seats, by pool.
#[derive(Debug, Default)]
pub(super) struct Unserved {
    pools: HashMap<PoolId, UnservedPool>,
}

#[derive(Debug)]
struct UnservedPool {
    /// The additional seat that each session would hold, from 1, and until when.
    sessions: HashMap<SessionId, (u32, LeaseTime)>,
    /// The seats that no session would hold.
    free: PlaceSet,
    /// No session gives its seat back before this time.
    next_end: LeaseTime,
    /// The moving average of how long seats were held.
    average_hold: Option<LeaseSpan>,
}

impl Unserved {
    /// Returns the additional seat that a denied session would get, from 1: the lowest one that no
    /// other denied session would hold. A session that repeats its request would hold its seat.
    pub(super) fn place(&mut self, pool: &PoolId, session: &SessionId, now: LeaseTime) -> u32 {
        if self.pools.len() >= MAX_POOLS && !self.pools.contains_key(pool) {
            self.pools.clear();
        }
        let pool = self.pools.entry(pool.clone()).or_default();
        pool.place(session, now)
    }

    /// Notes that a session has got a seat.
    pub(super) fn served(&mut self, pool: &PoolId, session: &SessionId) {
        if let Some(pool) = self.pools.get_mut(pool)
            && let Some((place, _)) = pool.sessions.remove(session)
        {
            pool.free.put_back(place);
        }
    }

    /// Notes how long a seat of the pool was held.
    pub(super) fn held(&mut self, pool: &PoolId, hold: LeaseSpan) {
        // Without a denial, the average is not needed.
        let Some(pool) = self.pools.get_mut(pool) else {
            return;
        };
        let average = pool.average_hold.unwrap_or(hold).as_millis();
        let sum = average.saturating_mul(7).saturating_add(hold.as_millis());
        pool.average_hold = Some(LeaseSpan::from_millis(sum.div_ceil(8)));
    }
}

impl Default for UnservedPool {
    fn default() -> Self {
        Self {
            sessions: HashMap::new(),
            free: PlaceSet::all(),
            next_end: LeaseTime::from_millis(u64::MAX),
            average_hold: None,
        }
    }
}

impl UnservedPool {
    fn place(&mut self, session: &SessionId, now: LeaseTime) -> u32 {
        if self.next_end < now {
            self.end_holds(now);
        }
        if let Some((place, _)) = self.sessions.get(session) {
            return *place;
        }
        let Some(place) = self.free.take_lowest() else {
            return MAX_PLACES.saturating_add(1);
        };
        let (shortest, longest) = HOLD_BOUNDS;
        let hold = self.average_hold.unwrap_or(DEFAULT_HOLD);
        let until = now.saturating_add(hold.clamp(shortest, longest));
        self.next_end = self.next_end.min(until);
        self.sessions.insert(*session, (place, until));
        place
    }

    fn end_holds(&mut self, now: LeaseTime) {
        let free = &mut self.free;
        let mut next_end = LeaseTime::from_millis(u64::MAX);
        self.sessions.retain(|_, (place, until)| {
            let stays = *until >= now;
            if stays {
                next_end = next_end.min(*until);
            } else {
                free.put_back(*place);
            }
            stays
        });
        self.next_end = next_end;
    }
}

/// A set of places from 1 to [`MAX_PLACES`], as bits.
#[derive(Debug)]
struct PlaceSet([u128; 2]);

impl PlaceSet {
    const fn all() -> Self {
        Self([u128::MAX; 2])
    }

    /// Removes the lowest place, and returns it.
    fn take_lowest(&mut self) -> Option<u32> {
        for (first, bits) in [1, 129].into_iter().zip(&mut self.0) {
            if *bits != 0 {
                let lowest = bits.trailing_zeros();
                *bits &= bits.wrapping_sub(1);
                return Some(lowest.saturating_add(first));
            }
        }
        None
    }

    fn put_back(&mut self, place: u32) {
        let index = place.saturating_sub(1);
        let bit = 1_u128.wrapping_shl(index % 128);
        let [low, high] = &mut self.0;
        *if index < 128 { low } else { high } |= bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tests::floating::session;
    use crate::services::tests::id;

    #[test]
    fn denied_sessions_share_additional_seats_one_after_the_other() {
        let pool = PoolId::new(&id(1));
        let mut unserved = Unserved::default();
        let at = |seconds: u64| LeaseTime::from_millis(seconds * 1000);
        let mut place = |number, seconds| unserved.place(&pool, &session(number), at(seconds));
        assert_eq!((place(1, 0), place(2, 1), place(3, 2)), (1, 2, 3));
        // A repeated request would have its seat.
        assert_eq!(place(2, 60), 2);
        // Half an hour later, the seats are free again.
        assert_eq!(place(4, 3600), 1);
        assert_eq!(place(2, 3600), 2);
    }

    #[test]
    fn a_session_that_gets_a_seat_needs_no_other_one() {
        let (pool, mut unserved) = (PoolId::new(&id(1)), Unserved::default());
        let now = LeaseTime::from_millis(0);
        assert_eq!(unserved.place(&pool, &session(1), now), 1);
        unserved.served(&pool, &session(1));
        assert_eq!(unserved.place(&pool, &session(2), now), 1);
        // The average of the holds decides how long.
        unserved.held(&pool, LeaseSpan::from_secs(100));
        assert_eq!(unserved.place(&pool, &session(3), now), 2);
        let later = LeaseTime::from_millis(101_000);
        assert_eq!(unserved.place(&pool, &session(4), later), 2);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut unserved = Unserved::default();
        let now = LeaseTime::from_millis(0);
        let pool = PoolId::new(&id(1));
        for number in 0..1000_u32 {
            let session = SessionId::new(None, None, "ann", &number.to_be_bytes());
            let place = unserved.place(&pool, &session, now);
            assert_eq!(place, number.saturating_add(1).min(257));
        }
        for number in 0..2000 {
            let pool = PoolId::parse(&format!("pool-{number}")).unwrap();
            unserved.place(&pool, &session(1), now);
        }
        let pools = unserved.pools.len();
        assert!(pools <= MAX_POOLS, "{pools}");
    }
}
