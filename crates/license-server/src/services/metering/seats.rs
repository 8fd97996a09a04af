//! Held seats by hour, from the changes of pools.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::domain::{PoolId, SeatActivity, SeatHour, SeatUsage};

/// A longer time without a count means that no server was running. Leases stand still meanwhile, so
/// the hours in between are not counted.
const MAX_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// How often the position is stored while nothing changes. It must be less than [`MAX_PAUSE`].
const STORED_EVERY: TimeDelta = TimeDelta::minutes(4);

/// Returns the most seats of each pool in each hour since the last count. Returns `None` if there is
/// nothing to store yet.
///
/// The number of seats at the last count is that of now without the changes since then. A seat that
/// is held through an hour counts in it, and one that is freed at once counts too. Two servers that
/// count the same changes find the same numbers.
pub(super) fn count(activity: &SeatActivity, now: DateTime<Utc>) -> Option<SeatUsage> {
    let this_hour = hour_of(now);
    let since = activity.counted_until;
    let since = since.filter(|since| now.signed_duration_since(*since) <= MAX_PAUSE);
    if let Some(since) = since {
        let is_fresh = now.signed_duration_since(since) < STORED_EVERY;
        if is_fresh && activity.hours.is_empty() && hour_of(since) >= this_hour {
            return None;
        }
    }
    let first_hour = since.map_or(this_hour, hour_of);
    let mut pools: BTreeMap<&PoolId, (i64, Vec<&SeatHour>)> = BTreeMap::new();
    for (pool, held) in &activity.held {
        pools.entry(pool).or_default().0 = *held;
    }
    for hour in &activity.hours {
        pools.entry(&hour.pool).or_default().1.push(hour);
    }
    let peaks = pools.into_iter().flat_map(|(pool, (held, changes))| {
        let peaks = peaks(held, &changes, first_hour, this_hour);
        peaks.map(|(hour, peak)| (pool.clone(), hour, peak))
    });
    Some(SeatUsage {
        peaks: peaks.collect(),
        last_event: activity.last_event,
        until: now,
    })
}

/// Returns the hours of a pool with at least one seat. `held` is the number of seats after all
/// changes.
fn peaks(
    held: i64,
    changes: &[&SeatHour],
    first_hour: DateTime<Utc>,
    this_hour: DateTime<Utc>,
) -> impl Iterator<Item = (DateTime<Utc>, i64)> + use<> {
    let net = changes.iter().map(|change| change.net);
    let start = held.saturating_sub(net.fold(0, i64::saturating_add));
    let mut hours: BTreeSet<_> = changes.iter().map(|change| change.hour).collect();
    hours.extend([first_hour, this_hour]);
    let mut found = Vec::new();
    let mut carried = start;
    for hour in hours {
        let change = changes.iter().find(|change| change.hour == hour);
        let highest = change.map_or(carried, |change| start.saturating_add(change.peak));
        let peak = carried.max(highest);
        if peak > 0 {
            found.push((hour, peak));
        }
        carried = carried.saturating_add(change.map_or(0, |change| change.net));
    }
    found.into_iter()
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use license_core::time;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        time::parse_instant(text).unwrap()
    }

    fn pool() -> PoolId {
        PoolId::parse("a").unwrap()
    }

    fn hour(start: &str, peak: i64, net: i64) -> SeatHour {
        SeatHour {
            pool: pool(),
            hour: at(start),
            peak,
            net,
        }
    }

    fn activity(since: Option<&str>, held: i64, hours: Vec<SeatHour>) -> SeatActivity {
        SeatActivity {
            counted_until: since.map(at),
            last_event: 7,
            held: vec![(pool(), held)],
            hours,
        }
    }

    fn counted(activity: &SeatActivity, now: &str) -> Vec<(String, i64)> {
        let usage = count(activity, at(now)).unwrap();
        assert_eq!(usage.last_event, 7);
        let peaks = usage.peaks.iter();
        peaks
            .map(|(_, hour, peak)| (hour.format("%H:%M").to_string(), *peak))
            .collect()
    }

    fn expected(peaks: &[(&str, i64)]) -> Vec<(String, i64)> {
        let peaks = peaks.iter();
        peaks
            .map(|(hour, peak)| ((*hour).to_owned(), *peak))
            .collect()
    }

    #[test]
    fn a_held_seat_counts_in_each_hour_and_a_short_one_in_its_own() {
        // Two seats are held since before 9:59. One is granted and freed at 9:59, one at 10:00.
        let changes = vec![
            hour("2027-01-01T09:00:00Z", 1, 0),
            hour("2027-01-01T10:00:00Z", 1, 1),
        ];
        let activity = activity(Some("2027-01-01T09:58:30Z"), 3, changes);
        let found = counted(&activity, "2027-01-01T10:00:30Z");
        assert_eq!(found, expected(&[("09:00", 3), ("10:00", 3)]));
    }

    #[test]
    fn seats_that_are_freed_count_until_then() {
        let changes = vec![hour("2027-01-01T10:00:00Z", -1, -4)];
        let activity = activity(Some("2027-01-01T09:59:00Z"), 0, changes);
        let found = counted(&activity, "2027-01-01T10:00:30Z");
        assert_eq!(found, expected(&[("09:00", 4), ("10:00", 4)]));
    }

    #[test]
    fn hours_without_a_server_do_not_count() {
        let held = activity(Some("2027-01-01T03:00:00Z"), 2, Vec::new());
        let found = counted(&held, "2027-01-01T10:00:30Z");
        assert_eq!(found, expected(&[("10:00", 2)]));
        let first = activity(None, 2, Vec::new());
        assert_eq!(counted(&first, "2027-01-01T10:00:30Z"), found);
    }

    #[test]
    fn the_position_is_stored_only_now_and_then_without_a_change() {
        let quiet = |now: &str| {
            let activity = activity(Some("2027-01-01T10:00:00Z"), 2, Vec::new());
            count(&activity, at(now)).is_none()
        };
        assert!(quiet("2027-01-01T10:03:59Z"));
        assert!(!quiet("2027-01-01T10:04:00Z"));
        let activity = activity(Some("2027-01-01T10:59:30Z"), 2, Vec::new());
        let found = counted(&activity, "2027-01-01T11:00:10Z");
        assert_eq!(found, expected(&[("10:00", 2), ("11:00", 2)]));
    }
}
