//! Daily quotas of the FREE tier on machines with wrong clocks.

use std::collections::BTreeMap;

use license_core::chrono::{DateTime, Utc};
use license_core::policy::Quota;
use license_core::state::{ClockHighWater, ClockReading, QuotaCounters};

use crate::device::{DAY, Device, HOUR, InSeconds, Rng, to_i64};
use crate::support::at;

const LIMIT: u64 = 10;
const MINUTE: u64 = 60;

/// Observations of one true day.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    granted: u64,
    /// Whether the mark or the clock was wrong by more than a minute.
    is_wrong: bool,
    /// Whether the clock was wrong by more than a minute.
    is_clock_wrong: bool,
}

struct User {
    device: Device,
    counters: QuotaCounters,
    days: BTreeMap<u64, Day>,
}

impl User {
    fn new(start: DateTime<Utc>) -> Self {
        Self {
            device: Device::new(start),
            counters: QuotaCounters::default(),
            days: BTreeMap::new(),
        }
    }

    /// Takes units of the quota until one is refused.
    fn work(&mut self) {
        self.device.seen.observe(self.device.reading());
        let now = self.device.quota_time();
        let day = self
            .days
            .entry(self.device.truth.unix_seconds() / DAY)
            .or_default();
        day.is_clock_wrong |= self.device.error.unsigned_abs() > MINUTE;
        day.is_wrong |= day.is_clock_wrong || self.device.lead().unsigned_abs() > MINUTE;
        while self
            .counters
            .take("commands_per_day", 1, Quota::Limit(LIMIT), now)
            .granted
        {
            day.granted += 1;
        }
    }

    /// Waits for a time on the next day, at least ten minutes after midnight.
    fn wait_a_day(&mut self, rng: &mut Rng, hours: (u64, u64), off: bool) {
        let into_day = self.device.truth.unix_seconds() % DAY;
        let wait = DAY - into_day + rng.within(hours.0 * HOUR + 10 * MINUTE, hours.1 * HOUR);
        if off {
            self.device.restart(wait - MINUTE);
        } else {
            self.device.run(wait);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    None,
    OtherSystem,
    DeadBattery,
    JumpWithinBoot,
}

/// If clock and mark were right to within a minute on a day and the day before, the whole quota of
/// the day is granted. Once the clock is right again, there are never three days in a row without a
/// quota.
#[test]
fn an_honest_user_gets_the_quota_of_each_day() {
    let troubles = [
        ("clock right", Trouble::None),
        ("dual boot, 14 h either way", Trouble::OtherSystem),
        ("dead battery", Trouble::DeadBattery),
        ("jumps to 2099 within a boot", Trouble::JumpWithinBoot),
    ];
    for (number, (name, trouble)) in (0_u64..).zip(troubles) {
        let (mut days, mut complete, mut empty) = (0_u64, 0_u64, 0_u64);
        for seed in 0..300 {
            let mut rng = Rng((number << 32) + seed);
            let mut user = User::new(at("2027-12-20T12:00:00Z").plus(rng.within(0, 60 * DAY)));
            for _ in 0..50 {
                let off = rng.one_in(2);
                user.wait_a_day(&mut rng, (0, 20), off);
                let is_trouble = rng.one_in(4);
                match trouble {
                    _ if !is_trouble => user.device.error = 0,
                    Trouble::None => {}
                    Trouble::OtherSystem => {
                        let hours = rng.pick(&[-14, -8, 1, 14]);
                        user.device.error = hours * to_i64(HOUR);
                    }
                    Trouble::DeadBattery => {
                        user.device.restart(MINUTE);
                        user.device.set_clock(at("2000-01-01"));
                    }
                    Trouble::JumpWithinBoot => {
                        user.work();
                        user.device.set_clock(at("2099-01-01"));
                        user.work();
                        user.device.error = 0;
                    }
                }
                for _ in 0..rng.within(1, 3) {
                    user.work();
                    user.device.run(rng.within(1, HOUR));
                }
                user.work();
                if matches!(trouble, Trouble::JumpWithinBoot) && is_trouble {
                    user.device.restart(DAY);
                }
            }
            let none = Day::default();
            let mut consecutive = 0;
            for (number, day) in &user.days {
                days += 1;
                let before = user.days.get(&(number - 1)).unwrap_or(&none);
                if !day.is_wrong && !before.is_wrong {
                    complete += 1;
                    assert_eq!(
                        day.granted, LIMIT,
                        "{name} {seed}: {day:?} after {before:?}"
                    );
                }
                empty += u64::from(day.granted == 0);
                consecutive = if day.granted == 0 && !day.is_clock_wrong {
                    consecutive + 1
                } else {
                    0
                };
                assert!(
                    consecutive <= 2,
                    "{name} {seed}: no quota for {consecutive} days"
                );
            }
        }
        println!(
            "quota, {name}: 300 histories, {days} days of use, {complete} undisturbed days with the \
             whole quota, {empty} without any"
        );
    }
}

/// The machine runs for eight hours a day, is paused for the rest, and is never restarted. Its mark
/// falls behind.
#[test]
fn a_machine_that_is_paused_every_day_gets_the_quota_of_each_day() {
    let mut user = User::new(at("2027-03-01T08:00:00Z"));
    for _ in 0..60 {
        for _ in 0..8 {
            user.work();
            user.device.run(HOUR);
        }
        user.device.pause(16 * HOUR);
    }
    let lead = user.device.lead();
    assert!(lead < -30 * to_i64(DAY), "the mark is {lead} s ahead");
    assert_eq!(user.days.len(), 60);
    let granted: Vec<_> = user.days.values().map(|day| day.granted).collect();
    assert_eq!(granted, [LIMIT; 60]);
}

/// A clock that is set ahead within a boot grants the quotas of future days, but no quota twice.
#[test]
fn a_quota_that_was_used_in_advance_is_not_granted_again() {
    const AHEAD: u64 = 64;
    let mut user = User::new(at("2027-03-01T12:00:00Z"));
    for day in 0..200 {
        for ahead in [0, 1, 7, AHEAD - 1, AHEAD, AHEAD + 2, 26_000] {
            user.device.error = to_i64(ahead * DAY);
            user.work();
        }
        user.device.error = 0;
        user.work();
        let granted: u64 = user.days.values().map(|day| day.granted).sum();
        assert!(
            granted <= (day + 1 + AHEAD + 1) * LIMIT,
            "{granted} on day {day}"
        );
        user.device.run(DAY);
    }
}

/// After a boot in 2099 without a signature that repairs the mark, the uptime determines the days.
/// The counts are observations, not guarantees.
#[test]
fn after_a_boot_in_2099_a_day_lasts_for_a_day_of_uptime() {
    let raised = || {
        let mut user = User::new(at("2027-03-01T12:00:00Z"));
        user.work();
        user.device.restart(HOUR);
        user.device.set_clock(at("2099-01-01T18:00:00Z"));
        user.work();
        user.device.run(HOUR);
        user.device.error = 0;
        user.work();
        user.days.clear();
        user
    };
    let mut rng = Rng(1);

    let mut always_on = raised();
    for _ in 0..60 {
        always_on.wait_a_day(&mut rng, (9, 10), false);
        always_on.work();
    }
    let mut by_day = raised();
    for _ in 0..60 {
        by_day.wait_a_day(&mut rng, (9, 10), true);
        for _ in 0..8 {
            by_day.device.run(HOUR);
            by_day.work();
        }
    }
    let refills = |user: &User| user.days.values().map(|day| day.granted).sum::<u64>() / LIMIT;
    let (on, off) = (refills(&always_on), refills(&by_day));
    assert!((59..=60).contains(&on), "{on}");
    // The first of the eight hours is not observed.
    assert!((16..=20).contains(&off), "{off}");

    let (mut seen, mut counters, mut without_boots) =
        (ClockHighWater::default(), QuotaCounters::default(), 0);
    let start = at("2027-03-01T12:00:00Z");
    for clock in [at("2099-01-01")]
        .into_iter()
        .chain((0..60).map(|day| start.plus(day * DAY)))
    {
        seen.observe(ClockReading { clock, boot: None });
        let quota_use = counters.take("commands_per_day", LIMIT, Quota::Limit(LIMIT), seen.mark());
        without_boots += u64::from(quota_use.granted);
    }
    println!(
        "quota, after a boot in 2099 without a repair, quotas in 60 days: {on} always on, {off} on \
         for 8 h a day, {} without boot ids",
        without_boots - 1
    );
}

/// Quotas that were used while the clock was ahead stay used after a check-in has lowered the mark.
#[test]
fn lowering_the_mark_grants_no_second_quota() {
    let mut user = User::new(at("2027-03-01T12:00:00Z"));
    user.work();
    for _ in 0..5 {
        user.device.restart(MINUTE);
        user.device.set_clock(user.device.seen.mark().plus(DAY));
        user.work();
    }
    user.device.restart(MINUTE);
    user.device.error = 0;
    user.work();
    assert!(
        user.device
            .seen
            .record_signature(user.device.truth, user.device.reading())
    );
    let granted = |user: &User| user.days.values().map(|day| day.granted).sum::<u64>();
    assert_eq!(granted(&user), 6 * LIMIT);
    for _ in 0..5 {
        user.device.run(DAY);
        user.work();
    }
    assert_eq!(granted(&user), 6 * LIMIT);
    user.device.run(DAY);
    user.work();
    assert_eq!(granted(&user), 7 * LIMIT);
}
