//! The history of floating seats: sums by hour, and the demand by day.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::pool::PoolId;

/// The number of milliseconds in an hour.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// An hour of the history, as the number of hours since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryHour(pub i64);

impl HistoryHour {
    /// Returns the hour of an instant.
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis().div_euclid(HOUR_MS))
    }

    /// Returns the first instant of the hour.
    pub fn start(self) -> DateTime<Utc> {
        let millis = self.0.saturating_mul(HOUR_MS);
        DateTime::from_timestamp_millis(millis).unwrap_or(license_core::time::MAX)
    }

    /// Returns the hour that starts a number of hours later.
    #[must_use]
    pub const fn plus(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours))
    }

    /// Returns the day of the hour.
    pub const fn day(self) -> HistoryDay {
        HistoryDay(self.0.div_euclid(24))
    }
}

/// A day of the history, as the number of days since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryDay(pub i64);

impl HistoryDay {
    /// Returns the day of a date.
    pub fn of(date: NaiveDate) -> Self {
        Self(date.signed_duration_since(NaiveDate::default()).num_days())
    }

    /// Returns the date.
    pub fn date(self) -> NaiveDate {
        let days = TimeDelta::try_days(self.0);
        let date = days.and_then(|days| NaiveDate::default().checked_add_signed(days));
        date.unwrap_or(NaiveDate::MAX)
    }

    /// Returns the first hour of the day.
    pub const fn first_hour(self) -> HistoryHour {
        HistoryHour(self.0.saturating_mul(24))
    }

    /// Returns the day that is a number of days later.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }
}

/// The sums of a pool, or of all pools, for an hour or a longer time.
///
/// The sums of different servers and of different hours can be added in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatSums {
    /// The lowest number of seats of the license. `u32::MAX`: unlimited, or nothing was observed.
    pub capacity_low: u32,
    /// The highest number of seats of the license. `u32::MAX`: unlimited. 0: nothing was observed.
    pub capacity_high: u32,
    /// The highest number of seats that were held at one time.
    pub held_high: u32,
    /// For how many milliseconds seats were held, added up over the seats.
    pub held_ms: u64,
    /// For how many milliseconds all seats of the license were held or offered.
    pub full_ms: u64,
    /// The number of grants.
    pub granted: u64,
    /// The grants above the number of seats of the license.
    pub overage: u64,
    /// The number of sessions that started to wait.
    pub queued: u64,
    /// The grants after a wait.
    pub waits: u64,
    /// How long these grants were waited for, in milliseconds.
    pub waited_ms: u64,
    /// The longest of these waits, in milliseconds.
    pub longest_wait_ms: u64,
    /// The sessions that left the queue without a seat.
    pub abandoned: u64,
    /// The highest number of waiting sessions.
    pub queue_high: u32,
}

impl Default for SeatSums {
    fn default() -> Self {
        Self {
            capacity_low: u32::MAX,
            capacity_high: 0,
            held_high: 0,
            held_ms: 0,
            full_ms: 0,
            granted: 0,
            overage: 0,
            queued: 0,
            waits: 0,
            waited_ms: 0,
            longest_wait_ms: 0,
            abandoned: 0,
            queue_high: 0,
        }
    }
}

impl SeatSums {
    /// Adds what happened during another time, or on another server.
    pub fn add(&mut self, other: &Self) {
        self.capacity_low = self.capacity_low.min(other.capacity_low);
        self.capacity_high = self.capacity_high.max(other.capacity_high);
        self.held_high = self.held_high.max(other.held_high);
        self.held_ms = self.held_ms.saturating_add(other.held_ms);
        self.full_ms = self.full_ms.saturating_add(other.full_ms);
        self.granted = self.granted.saturating_add(other.granted);
        self.overage = self.overage.saturating_add(other.overage);
        self.queued = self.queued.saturating_add(other.queued);
        self.waits = self.waits.saturating_add(other.waits);
        self.waited_ms = self.waited_ms.saturating_add(other.waited_ms);
        self.longest_wait_ms = self.longest_wait_ms.max(other.longest_wait_ms);
        self.abandoned = self.abandoned.saturating_add(other.abandoned);
        self.queue_high = self.queue_high.max(other.queue_high);
    }
}

/// The requests that needed the same number of seats to be served at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatDemand {
    /// The requests that got a seat at once.
    pub granted: u64,
    /// The requests that had to wait.
    pub queued: u64,
    /// The requests that were denied for lack of seats.
    pub denied: u64,
}

impl SeatDemand {
    /// Returns the number of requests.
    pub const fn requests(&self) -> u64 {
        self.granted
            .saturating_add(self.queued)
            .saturating_add(self.denied)
    }

    /// Adds requests.
    pub fn add(&mut self, other: &Self) {
        self.granted = self.granted.saturating_add(other.granted);
        self.queued = self.queued.saturating_add(other.queued);
        self.denied = self.denied.saturating_add(other.denied);
    }
}

/// A pool, or all pools of a tenant together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeatScope {
    /// All pools. Their seats are added up.
    All,
    /// One pool.
    Pool(PoolId),
}

impl SeatScope {
    /// Returns the text in a database: the id of the pool, or an empty text, which no pool has.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "",
            Self::Pool(pool) => pool.as_str(),
        }
    }
}

/// The sums that a server adds to the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatHistoryBatch {
    /// The sums of hours.
    pub hours: BTreeMap<(SeatScope, HistoryHour), SeatSums>,
    /// The denials of hours, by reason code.
    pub denials: BTreeMap<(SeatScope, HistoryHour, &'static str), u64>,
    /// The requests of days, by the number of seats that they needed.
    pub demand: BTreeMap<(PoolId, HistoryDay, u32), SeatDemand>,
}

impl SeatHistoryBatch {
    /// Returns whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        let demand = self.demand.len();
        self.hours
            .len()
            .saturating_add(self.denials.len())
            .saturating_add(demand)
    }

    /// Returns the batch in pieces of at most `rows` rows.
    pub fn pieces(self, rows: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut piece = Self::default();
        let mut close_full = |piece: &mut Self| {
            if piece.len() >= rows {
                pieces.push(std::mem::take(piece));
            }
        };
        for (key, sums) in self.hours {
            piece.hours.insert(key, sums);
            close_full(&mut piece);
        }
        for (key, count) in self.denials {
            piece.denials.insert(key, count);
            close_full(&mut piece);
        }
        for (key, demand) in self.demand {
            piece.demand.insert(key, demand);
            close_full(&mut piece);
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }

    /// Adds another batch.
    pub fn merge(&mut self, other: Self) {
        for (key, sums) in other.hours {
            self.hours.entry(key).or_default().add(&sums);
        }
        for (key, count) in other.denials {
            let sum = self.denials.entry(key).or_default();
            *sum = sum.saturating_add(count);
        }
        for (key, demand) in other.demand {
            self.demand.entry(key).or_default().add(&demand);
        }
    }
}

/// The stored history of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSeatHistory {
    /// The sums of the hours in which something happened.
    pub hours: BTreeMap<HistoryHour, SeatSums>,
    /// The denials by hour and reason code.
    pub denials: BTreeMap<HistoryHour, BTreeMap<String, u64>>,
}

/// How many seats of a pool are used now, as a list of all pools in use has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolLevel {
    /// The pool.
    pub pool: PoolId,
    /// The number of seats of the license. `u32::MAX`: unlimited.
    pub capacity: u32,
    /// The largest number of seats that may be held: those of the license with the overage, or
    /// those that are held if they are more.
    pub ceiling: u32,
    /// The number of open leases.
    pub held: u32,
    /// The number of seats that are offered to waiting sessions.
    pub offered: u32,
    /// The number of waiting sessions without an offer.
    pub waiting: u32,
    /// The fencing number of the next lease, which changes with each grant.
    pub next_seq: u64,
}

impl PoolLevel {
    /// Returns whether no seat is free.
    pub fn is_full(&self) -> bool {
        self.held.saturating_add(self.offered) >= self.ceiling
    }

    /// Returns the share of the seats that are held, in thousandths.
    pub fn held_share(&self) -> u64 {
        u64::from(self.held).saturating_mul(1000) / u64::from(self.capacity.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_start_at_full_hours_utc() {
        let at = |text| license_core::time::parse_instant(text).unwrap();
        let hour = HistoryHour::of(at("2027-01-15T09:59:59Z"));
        assert_eq!(hour.start(), at("2027-01-15T09:00:00Z"));
        assert_eq!(hour.plus(1), HistoryHour::of(at("2027-01-15T10:00:00Z")));
        assert_eq!(hour.day().date().to_string(), "2027-01-15");
        assert_eq!(hour.day().first_hour().start(), at("2027-01-15T00:00:00Z"));
        assert_eq!(HistoryDay::of(hour.day().date()), hour.day());
    }

    #[test]
    fn a_batch_is_the_sum_of_its_pieces() {
        let mut batch = SeatHistoryBatch::default();
        for number in 0..7 {
            let pool = PoolId::parse(&format!("pool-{number}")).unwrap();
            let scope = SeatScope::Pool(pool.clone());
            let sums = SeatSums {
                granted: 1,
                ..SeatSums::default()
            };
            batch.hours.insert((scope.clone(), HistoryHour(1)), sums);
            batch.denials.insert((scope, HistoryHour(1), "NO_SEAT"), 2);
            let demand = SeatDemand {
                granted: 3,
                ..SeatDemand::default()
            };
            batch.demand.insert((pool, HistoryDay(0), 4), demand);
        }
        let pieces = batch.clone().pieces(4);
        let lengths: Vec<_> = pieces.iter().map(SeatHistoryBatch::len).collect();
        assert_eq!(lengths, [4, 4, 4, 4, 4, 1]);
        let mut whole = SeatHistoryBatch::default();
        for piece in pieces {
            whole.merge(piece);
        }
        assert_eq!(whole, batch);
        assert!(SeatHistoryBatch::default().pieces(4).is_empty());
    }

    #[test]
    fn sums_can_be_added_in_any_order() {
        let one = SeatSums {
            capacity_low: 5,
            capacity_high: 5,
            held_high: 4,
            held_ms: 10,
            longest_wait_ms: 7,
            ..SeatSums::default()
        };
        let two = SeatSums {
            capacity_low: 3,
            capacity_high: 3,
            held_high: 2,
            held_ms: 5,
            full_ms: 1,
            ..SeatSums::default()
        };
        let sum = |first: &SeatSums, second: &SeatSums| {
            let mut sum = SeatSums::default();
            sum.add(first);
            sum.add(second);
            sum
        };
        assert_eq!(sum(&one, &two), sum(&two, &one));
        let both = sum(&one, &two);
        assert_eq!((both.capacity_low, both.capacity_high), (3, 5));
        assert_eq!((both.held_high, both.held_ms, both.full_ms), (4, 15, 1));
        assert_eq!(sum(&one, &SeatSums::default()), one);
    }
}
