//! Bounds, met exactly and missed by a second; and what is known not to hold.

use license_core::{Boot, HighWater, Outcome, Reading, Timestamp};

use crate::cheats::Proof;
use crate::device::{Device, Rng, is_behind, signed};
use crate::support::{DAY, HOUR, at, issued};
use crate::vendor::{PRODUCTS, enterprise};

fn start() -> Timestamp {
    at("2027-03-01T12:00:00Z")
}

/// Two systems of which one has the clock so far ahead and the other so far behind: a warning comes only where both together
/// are over a day, and the second is started within what is over the day.
#[test]
fn two_offsets_warn_only_where_they_are_over_a_day_apart() {
    let product = &PRODUCTS[4];
    let warns = |ahead: u64, behind: u64, off: u64| {
        let mut device = Device::new(start());
        device.error = signed(ahead);
        assert!(!is_behind(&device.look(product)));
        device.restart(off - 60);
        device.error = -signed(behind);
        is_behind(&device.look(product))
    };
    for (ahead, behind, off, warned) in [
        (12 * HOUR, 12 * HOUR, 60, false),
        (14 * HOUR, 10 * HOUR, 60, false),
        (14 * HOUR, 10 * HOUR + 60, 60, false),
        (14 * HOUR, 10 * HOUR + 61, 60, true),
        (14 * HOUR, 14 * HOUR, 60, true),
        (14 * HOUR, 14 * HOUR, 4 * HOUR - 1, true),
        (14 * HOUR, 14 * HOUR, 4 * HOUR, false),
    ] {
        assert_eq!(warns(ahead, behind, off), warned, "{ahead} {behind} {off}");
    }
}

/// Without a boot's id every reading is one between two boots: any time may have passed.
#[test]
fn where_the_system_says_nothing_of_its_boots_the_clock_is_believed() {
    let mut seen = HighWater::default();
    for clock in [start(), at("2099-01-01"), start()] {
        seen.observe(Reading { clock, boot: None });
    }
    assert_eq!(seen.mark(), at("2099-01-01"));
}

/// Each boot begins a day beyond the mark, not a day beyond the clock.
#[test]
fn jumps_within_several_boots_take_the_mark_no_further_than_one() {
    let product = enterprise();
    let mut device = Device::new(start());
    for _ in 0..10 {
        let _ = device.look(product);
        device.set_clock(at("2099-01-01"));
        let _ = device.look(product);
        device.error = 0;
        let _ = device.look(product);
        assert!(device.lead() <= signed(DAY), "{} s ahead", device.lead());
        device.restart(HOUR);
    }
}

/// The license is known to be no older than its signature, and the uptime goes on from there.
#[test]
fn a_clock_that_was_never_right_does_not_keep_time_from_passing() {
    let product = enterprise();
    let end = product.end().unwrap();
    let mut device = Device::new(issued());
    device.set_clock(Timestamp::MIN);
    device.drift = -signed(DAY);
    let reading = device.reading();
    device.seen.install(issued(), reading);
    while device.truth < end.plus(DAY) {
        device.run(12 * HOUR);
        device.set_clock(Timestamp::MIN);
        let decision = device.look(product);
        let is_over = device.truth >= end;
        assert_eq!(
            decision.outcome() == Outcome::Denied,
            is_over,
            "{}",
            device.truth
        );
    }
}

/// The same check-ins as in `cheats`, installed while the clock has long been behind.
#[test]
fn held_back_check_ins_undo_no_uptime_for_which_the_clock_was_behind() {
    let product = enterprise();
    let end = product.end().unwrap();
    for seed in 0..100 {
        let mut rng = Rng(seed);
        let first = end.minus(rng.within(20 * DAY, 60 * DAY));
        let mut device = Device::new(first);
        let reading = device.reading();
        device.seen.install(first, reading);
        let mut proof = Proof {
            signed: first,
            proven: first,
            uptime_seen: 0,
        };
        for _ in 0..60 {
            let passed = rng.within(HOUR, 20 * HOUR);
            device.run(passed);
            proof.proven = proof.proven.plus(passed);
            proof.uptime_seen += passed;
            device.set_clock(first.minus(30 * DAY));
            let _ = device.look(product);
            if rng.one_in(8) {
                let held_back = product.check_in(first.plus(rng.within(DAY, 20 * DAY)));
                let held_back = held_back.issued_at().min(device.truth);
                device.seen.install(held_back, device.reading());
                if held_back > proof.signed {
                    proof.signed = held_back;
                    proof.proven = proof.proven.max(held_back);
                }
            }
            let mark = device.seen.mark();
            assert!(
                mark.plus(HOUR) >= proof.proven,
                "after {} s of uptime: {mark} where {} is proven",
                proof.uptime_seen,
                proof.proven
            );
        }
    }
}

/// The shortest case of it: the whole term twice.
#[test]
fn one_held_back_check_in_does_not_double_a_license() {
    let reading = |clock: Timestamp, uptime| Reading {
        clock,
        boot: Some(Boot { id: 1, uptime }),
    };
    let mut seen = HighWater::default();
    seen.install(start(), reading(start(), 0));
    let behind = start().minus(2 * DAY);
    for day in 1..=365 {
        seen.observe(reading(behind, day * DAY));
    }
    assert_eq!(seen.mark(), start().plus(365 * DAY));
    seen.install(start().plus(1), reading(behind, 365 * DAY));
    assert_eq!(seen.mark(), start().plus(365 * DAY));
}
