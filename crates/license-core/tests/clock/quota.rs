//! What is left of the FREE tier's day on a machine whose clock is wrong.

use std::collections::BTreeMap;

use license_core::{HighWater, Quota, Reading, Tally, Timestamp};

use crate::device::{Device, Rng, signed};
use crate::support::{DAY, HOUR, at};

const LIMIT: u64 = 10;
const MINUTE: u64 = 60;

/// What was seen of one true day.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    looks: u64,
    granted: u64,
    /// Whether the mark or the clock was ever off by over a minute.
    wrong: bool,
    /// Whether the clock was.
    clock_wrong: bool,
}

struct User {
    device: Device,
    tally: Tally,
    days: BTreeMap<u64, Day>,
}

impl User {
    fn new(start: Timestamp) -> Self {
        Self {
            device: Device::new(start),
            tally: Tally::default(),
            days: BTreeMap::new(),
        }
    }

    /// Takes all that there is, one by one.
    fn work(&mut self) {
        self.device.seen.observe(self.device.reading());
        let now = self.device.counted_at();
        let day = self
            .days
            .entry(self.device.truth.unix_seconds() / DAY)
            .or_default();
        day.looks += 1;
        day.clock_wrong |= self.device.error.unsigned_abs() > MINUTE;
        day.wrong |= day.clock_wrong || self.device.lead().unsigned_abs() > MINUTE;
        while self
            .tally
            .take("commands_per_day", 1, Quota::Limit(LIMIT), now)
            .granted
        {
            day.granted += 1;
        }
    }

    /// To a time of the next day at which the machine is used: ten minutes and more from midnight.
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

/// On a day on which, as on the day before, no clock and no mark was off by over a minute, all of the day's quota is there. And
/// once the clock is right again, no three days in a row bring nothing.
#[test]
fn an_honest_day_brings_its_quota() {
    let troubles = [
        ("clock right", Trouble::None),
        ("dual boot, 14 h either way", Trouble::OtherSystem),
        ("dead battery", Trouble::DeadBattery),
        ("jumps to 2099 within a boot", Trouble::JumpWithinBoot),
    ];
    for (number, (name, trouble)) in (0_u64..).zip(troubles) {
        let (mut days, mut whole, mut empty) = (0_u64, 0_u64, 0_u64);
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
                        user.device.error = hours * signed(HOUR);
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
            let mut in_row = 0;
            for (number, day) in &user.days {
                days += 1;
                let before = user.days.get(&(number - 1)).unwrap_or(&none);
                if !day.wrong && !before.wrong {
                    whole += 1;
                    assert_eq!(
                        day.granted, LIMIT,
                        "{name} {seed}: {day:?} after {before:?}"
                    );
                }
                empty += u64::from(day.granted == 0);
                in_row = if day.granted == 0 && !day.clock_wrong {
                    in_row + 1
                } else {
                    0
                };
                assert!(in_row <= 2, "{name} {seed}: nothing for {in_row} days");
            }
        }
        println!(
            "quota, {name}: 300 histories, {days} days of use, {whole} undisturbed and whole, {empty} empty"
        );
    }
}

/// What runs for eight hours a day and is paused for the rest, never started anew, has every day's quota: its mark falls behind.
#[test]
fn a_machine_that_is_paused_every_day_has_every_days_quota() {
    let mut user = User::new(at("2027-03-01T08:00:00Z"));
    for _ in 0..60 {
        for _ in 0..8 {
            user.work();
            user.device.run(HOUR);
        }
        user.device.pause(16 * HOUR);
    }
    let lead = user.device.lead();
    assert!(lead < -30 * signed(DAY), "the mark is {lead} s ahead");
    assert_eq!(user.days.len(), 60);
    let granted: Vec<_> = user.days.values().map(|day| day.granted).collect();
    assert_eq!(granted, [LIMIT; 60]);
}

/// A clock that is set ahead again and again within a boot brings days before they come, and none twice.
#[test]
fn days_that_are_used_before_they_come_are_used_when_they_come() {
    const AHEAD: u64 = 64;
    let mut user = User::new(at("2027-03-01T12:00:00Z"));
    for day in 0..200 {
        for ahead in [0, 1, 7, AHEAD - 1, AHEAD, AHEAD + 2, 26_000] {
            user.device.error = signed(ahead * DAY);
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

/// A start in 2099 and no signature to repair it: the day is over when the uptime says so. What is found here is no promise.
#[test]
fn after_a_start_in_2099_a_day_lasts_for_a_day_of_uptime() {
    let spoilt = || {
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

    let mut always_on = spoilt();
    for _ in 0..60 {
        always_on.wait_a_day(&mut rng, (9, 10), false);
        always_on.work();
    }
    let mut by_day = spoilt();
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
    // Eight hours less the first, which nobody saw begin.
    assert!((16..=20).contains(&off), "{off}");

    let (mut seen, mut tally, mut unbooted) = (HighWater::default(), Tally::default(), 0);
    let start = at("2027-03-01T12:00:00Z");
    for clock in [at("2099-01-01")]
        .into_iter()
        .chain((0..60).map(|day| start.plus(day * DAY)))
    {
        seen.observe(Reading { clock, boot: None });
        let taken = tally.take("commands_per_day", LIMIT, Quota::Limit(LIMIT), seen.mark());
        unbooted += u64::from(taken.granted);
    }
    println!(
        "quota, after a start in 2099 that nothing repairs, refills in 60 days: {on} always on, {off} on for 8 h a day, \
         {} where the system says nothing of its boots",
        unbooted - 1
    );
}

/// Days that were used up while the clock was ahead are used up when they come, also after a check-in has taken the mark back.
#[test]
fn a_repair_brings_no_second_quota() {
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
            .install(user.device.truth, user.device.reading())
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
