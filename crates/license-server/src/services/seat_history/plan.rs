//! How many seats a pool needs.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::{SeatDemand, SeatSums, StoredSeatHistory};

/// The requests for the seats of a pool during some days, by the number of seats that they needed.
///
/// The demand of the requests that were served is exact: it is the number of seats in use after the
/// grant. With fewer seats, each request with a higher demand would have found no seat if
/// everything before it had happened as it did. Those before it would have found none either, so
/// the real number is at most the returned one. The demand of the other requests is an estimate:
/// see ADR-121.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatPlan {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub through: NaiveDate,
    /// The number of seats of the license now. `None`: unlimited.
    pub capacity: Option<u32>,
    /// The number of seats that may be held now. `None`: unlimited.
    pub allowed: Option<u32>,
    /// The sums of the days.
    pub sums: SeatSums,
    /// The denials by reason code.
    pub denials: BTreeMap<String, u64>,
    /// The number of hours in which all seats were in use for some time.
    pub full_hours: u64,
    /// The requests by the number of seats that they needed.
    demand: BTreeMap<u32, SeatDemand>,
}

impl SeatPlan {
    pub(super) fn new(
        (from, through): (NaiveDate, NaiveDate),
        (capacity, allowed): (Option<u32>, Option<u32>),
        stored: &StoredSeatHistory,
        demand: BTreeMap<u32, SeatDemand>,
    ) -> Self {
        let mut sums = SeatSums::default();
        let mut full_hours = 0_u64;
        for hour in stored.hours.values() {
            sums.add(hour);
            full_hours = full_hours.saturating_add((hour.full_ms > 0).into());
        }
        let mut denials: BTreeMap<String, u64> = BTreeMap::new();
        for (code, count) in stored.denials.values().flatten() {
            let sum = denials.entry(code.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        Self {
            from,
            through,
            capacity,
            allowed,
            sums,
            denials,
            full_hours,
            demand,
        }
    }

    /// Returns the requests that more or fewer seats concern.
    pub fn requests(&self) -> SeatDemand {
        let mut sum = SeatDemand::default();
        for demand in self.demand.values() {
            sum.add(demand);
        }
        sum
    }

    /// Returns how many requests would have found no free seat with this number of seats, at most.
    pub fn without_a_seat(&self, seats: u32) -> u64 {
        let above = self.demand.range(seats.saturating_add(1)..);
        let above = above.map(|(_, demand)| demand.requests());
        above.fold(0, u64::saturating_add)
    }

    /// Returns the lowest number of seats with which at most `share` of 1000 requests would have
    /// found no free seat.
    pub fn seats_for(&self, share: u64) -> u32 {
        let total = self.requests().requests();
        let mut without = total;
        let mut seats = 0;
        for (level, demand) in &self.demand {
            if without.saturating_mul(1000) <= total.saturating_mul(share) {
                break;
            }
            without = without.saturating_sub(demand.requests());
            seats = *level;
        }
        seats
    }

    /// Returns the numbers of seats at which [`without_a_seat`](Self::without_a_seat) changes, and
    /// its value there. A number of seats between two of them has the value of the lower one.
    pub fn steps(&self) -> Vec<(u32, u64)> {
        let mut without = self.requests().requests();
        let mut steps = vec![(0, without)];
        for (level, demand) in &self.demand {
            without = without.saturating_sub(demand.requests());
            steps.push((*level, without));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(demand: &[(u32, u64, u64)]) -> SeatPlan {
        let day = |text: &str| text.parse().unwrap();
        let demand = demand.iter().map(|(level, granted, denied)| {
            let demand = SeatDemand {
                granted: *granted,
                denied: *denied,
                queued: 0,
            };
            (*level, demand)
        });
        let stored = StoredSeatHistory::default();
        let days = (day("2027-01-01"), day("2027-01-31"));
        SeatPlan::new(days, (Some(3), Some(3)), &stored, demand.collect())
    }

    #[test]
    fn fewer_seats_leave_requests_without_one_and_more_seats_serve_denied_ones() {
        let plan = plan(&[(1, 50, 0), (2, 40, 0), (3, 7, 0), (4, 0, 2), (5, 0, 1)]);
        let without: Vec<_> = (0..=6).map(|seats| plan.without_a_seat(seats)).collect();
        assert_eq!(without, [100, 50, 10, 3, 1, 0, 0]);
        assert_eq!(plan.without_a_seat(u32::MAX), 0);
        let steps = plan.steps();
        assert_eq!(steps.first(), Some(&(0, 100)));
        assert_eq!(steps.last(), Some(&(5, 0)));
        for (seats, count) in steps {
            assert_eq!(plan.without_a_seat(seats), count, "{seats}");
        }
    }

    #[test]
    fn the_number_of_seats_for_a_share_of_the_requests_is_the_lowest() {
        let plan = plan(&[(1, 50, 0), (2, 40, 0), (3, 7, 0), (4, 0, 2), (5, 0, 1)]);
        for (share, seats) in [
            (0, 5),
            (9, 5),
            (10, 4),
            (29, 4),
            (30, 3),
            (100, 2),
            (1000, 0),
        ] {
            assert_eq!(plan.seats_for(share), seats, "{share}");
        }
        assert_eq!(self::plan(&[]).seats_for(0), 0);
    }
}
