//! Bounds of the clock high-water mark, to the second, and its known limits.

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Outcome;
use license_core::state::{Boot, ClockHighWater, ClockReading};
use license_core::time;

use crate::device::{DAY, Device, HOUR, InSeconds, Rng, duration, is_behind, to_i64};
use crate::manipulation::Proof;
use crate::support::{at, issued};
use crate::vendor::{PRODUCTS, enterprise};

fn start() -> DateTime<Utc> {
    at("2027-03-01T12:00:00Z")
}

/// Two operating systems on one machine set the clock: the first ahead, and the second behind. A
/// warning requires that the two times differ by more than a day, and that the machine is off for
/// less time than the excess over a day.
#[test]
fn two_systems_cause_a_warning_only_if_their_clocks_differ_by_more_than_a_day() {
    let product = &PRODUCTS[4];
    let warns = |ahead: u64, behind: u64, off: u64| {
        let mut device = Device::new(start());
        device.error = to_i64(ahead);
        assert!(!is_behind(&device.evaluate(product)));
        device.restart(off - 60);
        device.error = -to_i64(behind);
        is_behind(&device.evaluate(product))
    };
    for (ahead, behind, off, expected) in [
        (12 * HOUR, 12 * HOUR, 60, false),
        (14 * HOUR, 10 * HOUR, 60, false),
        (14 * HOUR, 10 * HOUR + 60, 60, false),
        (14 * HOUR, 10 * HOUR + 61, 60, true),
        (14 * HOUR, 14 * HOUR, 60, true),
        (14 * HOUR, 14 * HOUR, 4 * HOUR - 1, true),
        (14 * HOUR, 14 * HOUR, 4 * HOUR, false),
    ] {
        let warned = warns(ahead, behind, off);
        assert_eq!(warned, expected, "{ahead} {behind} {off}");
    }
}

/// Without boot ids, any time may have passed between two readings.
#[test]
fn without_boot_ids_the_clock_is_trusted() {
    let mut seen = ClockHighWater::default();
    for clock in [start(), at("2099-01-01"), start()] {
        seen.observe(ClockReading { clock, boot: None });
    }
    assert_eq!(seen.mark(), at("2099-01-01"));
}

/// The limit of each boot is relative to the clock, not to the mark.
#[test]
fn jumps_in_several_boots_raise_the_mark_no_further_than_one_jump() {
    let product = enterprise();
    let mut device = Device::new(start());
    for _ in 0..10 {
        let _ = device.evaluate(product);
        device.set_clock(at("2099-01-01"));
        let _ = device.evaluate(product);
        device.error = 0;
        let _ = device.evaluate(product);
        assert!(device.lead() <= to_i64(DAY), "{} s ahead", device.lead());
        device.restart(HOUR);
    }
}

/// The date of the signature is a lower bound of the time, and the uptime is added to it.
#[test]
fn time_passes_even_if_the_clock_was_never_right() {
    let product = enterprise();
    let end = product.end().unwrap();
    let mut device = Device::new(issued());
    device.set_clock(time::MIN);
    device.drift = -to_i64(DAY);
    let reading = device.reading();
    device.seen.record_signature(issued(), reading);
    while device.truth < end.plus(DAY) {
        device.run(12 * HOUR);
        device.set_clock(time::MIN);
        let decision = device.evaluate(product);
        let is_over = device.truth >= end;
        assert_eq!(
            decision.outcome() == Outcome::Denied,
            is_over,
            "{:?}",
            device.truth
        );
    }
}

/// The clock is behind for a long time, and check-ins are held back as in module `manipulation`.
#[test]
fn delayed_check_ins_undo_no_uptime_while_the_clock_is_behind() {
    let product = enterprise();
    let end = product.end().unwrap();
    for seed in 0..100 {
        let mut rng = Rng(seed);
        let first = end.minus(rng.within(20 * DAY, 60 * DAY));
        let mut device = Device::new(first);
        let reading = device.reading();
        device.seen.record_signature(first, reading);
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
            let _ = device.evaluate(product);
            if rng.one_in(8) {
                let check_in = product.check_in(first.plus(rng.within(DAY, 20 * DAY)));
                let signed = check_in.issued_at().min(device.truth);
                device.seen.record_signature(signed, device.reading());
                if signed > proof.signed {
                    proof.signed = signed;
                    proof.proven = proof.proven.max(signed);
                }
            }
            let mark = device.seen.mark();
            assert!(
                mark >= proof.proven,
                "after {} s of uptime, the mark is {mark:?}, but the proven time is {:?}",
                proof.uptime_seen,
                proof.proven
            );
        }
    }
}

/// The simplest case: a manipulation that would double the length of the license.
#[test]
fn one_delayed_check_in_does_not_double_a_license() {
    let reading = |clock: DateTime<Utc>, uptime| ClockReading {
        clock,
        boot: Some(Boot {
            id: 1,
            uptime: duration(uptime),
        }),
    };
    let mut seen = ClockHighWater::default();
    seen.record_signature(start(), reading(start(), 0));
    let behind = start().minus(2 * DAY);
    for day in 1..=365 {
        seen.observe(reading(behind, day * DAY));
    }
    assert_eq!(seen.mark(), start().plus(365 * DAY));
    seen.record_signature(start().plus(1), reading(behind, 365 * DAY));
    assert_eq!(seen.mark(), start().plus(365 * DAY));
}
