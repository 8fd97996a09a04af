//! Tests of the clock high-water mark.

use super::*;

const HOUR: TimeDelta = TimeDelta::hours(1);
const DAY: TimeDelta = TimeDelta::days(1);

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn start() -> DateTime<Utc> {
    at("2027-03-01T12:00:00Z")
}

/// Returns a reading `uptime` after the start of the boot `id`.
fn reading(clock: DateTime<Utc>, id: u128, uptime: TimeDelta) -> ClockReading {
    ClockReading {
        clock,
        boot: Some(Boot { id, uptime }),
    }
}

fn seen_at_start() -> ClockHighWater {
    let mut seen = ClockHighWater::default();
    seen.observe(reading(start(), 1, seconds(100)));
    seen
}

#[test]
fn observing_never_lowers_the_mark_and_a_new_boot_may_raise_it() {
    let mut seen = seen_at_start();
    seen.observe(reading(start() - DAY * 40, 2, seconds(10)));
    assert_eq!(seen.mark(), start());
    seen.observe(reading(start() + DAY * 300, 3, seconds(10)));
    assert_eq!(seen.mark(), start() + DAY * 300);
}

#[test]
fn within_one_boot_the_mark_gains_at_most_a_day_on_the_uptime() {
    let mut seen = seen_at_start();
    seen.observe(reading(at("2099-01-01"), 1, seconds(100) + HOUR));
    assert_eq!(seen.mark(), start() + HOUR + UPTIME_TOLERANCE);
    // Repeated observations raise the mark only by the uptime.
    for second in 0..100 {
        seen.observe(reading(at("2099-01-01"), 1, seconds(100 + second) + HOUR));
    }
    assert_eq!(seen.mark(), start() + HOUR + UPTIME_TOLERANCE + seconds(99));
}

/// Clock and uptime are rounded to seconds, and read at different moments.
#[test]
fn a_corrected_clock_causes_no_warning_because_of_rounding() {
    let mut seen = seen_at_start();
    seen.observe(reading(at("2099-01-01"), 1, seconds(101)));
    for late in [0, 1, 2, 30] {
        let back = start() + HOUR - seconds(late);
        seen.observe(reading(back, 1, seconds(100) + HOUR));
        assert!(!seen.is_behind(back), "{late}");
    }
}

#[test]
fn the_mark_advances_with_the_uptime_while_the_clock_is_behind() {
    let mut seen = seen_at_start();
    seen.observe(reading(start() - DAY * 3, 1, seconds(100) + DAY * 2));
    assert_eq!(seen.mark(), start() + DAY * 2);
}

#[test]
fn a_clock_is_behind_if_it_is_more_than_a_day_before_the_mark() {
    let seen = seen_at_start();
    assert!(!seen.is_behind(start() - DAY));
    assert!(seen.is_behind(start() - DAY - seconds(1)));
}

#[test]
fn a_recent_signature_lowers_a_mark_in_the_year_2099() {
    let mut seen = seen_at_start();
    seen.record_signature(start(), reading(start(), 1, seconds(200)));
    seen.observe(reading(at("2099-01-01"), 2, seconds(10)));
    let back = reading(start() + DAY * 5, 3, seconds(10));
    seen.observe(back);
    assert_eq!(seen.mark(), at("2099-01-01"));
    assert!(seen.is_behind(back.clock));
    assert!(seen.record_signature(start() + DAY * 4, back));
    assert_eq!(seen.mark(), back.clock);
    assert!(!seen.is_behind(back.clock));
}

#[test]
fn a_signature_lowers_the_mark_only_once() {
    let mut seen = seen_at_start();
    let signed = start() + DAY;
    for (boot, is_lowered) in [(2, true), (4, false)] {
        seen.observe(reading(at("2099-01-01"), boot, seconds(10)));
        let back = reading(start() + DAY * 2, boot + 1, seconds(10));
        assert_eq!(seen.record_signature(signed, back), is_lowered);
    }
}

#[test]
fn a_signature_does_not_undo_time_that_the_uptime_proves() {
    let mut seen = ClockHighWater::default();
    seen.record_signature(start(), reading(start(), 1, seconds(0)));
    for day in 1..=30 {
        seen.observe(reading(start() + DAY * day, 1, DAY * day));
    }
    let signed = start() + DAY * 10;
    assert!(!seen.record_signature(signed, reading(signed, 2, seconds(10))));
    assert_eq!(seen.mark(), start() + DAY * 30);
}

#[test]
fn a_signature_does_not_lower_the_mark_if_the_clock_is_right() {
    let mut seen = seen_at_start();
    assert!(!seen.record_signature(start() - HOUR * 3, reading(start(), 1, seconds(100))));
    assert_eq!(seen.mark(), start());
}

#[test]
fn a_copy_with_a_lowered_mark_takes_precedence() {
    let mut seen = seen_at_start();
    seen.observe(reading(at("2099-01-01"), 2, seconds(10)));
    let old = seen.clone();
    assert!(seen.record_signature(start() + DAY, reading(start() + DAY, 3, seconds(10))));
    assert_eq!(seen.clone().merged(old.clone()).mark(), seen.mark());
    assert_eq!(old.merged(seen.clone()).mark(), seen.mark());
}

#[test]
fn the_json_form_round_trips() {
    for seen in [ClockHighWater::default(), seen_at_start()] {
        assert_eq!(ClockHighWater::from_json(&seen.to_json()), Some(seen));
    }
    for wrong in ["null", "{}", r#"{"mark":-1}"#, "[]"] {
        let value = serde_json::from_str(wrong).unwrap();
        assert_eq!(ClockHighWater::from_json(&value), None, "{wrong}");
    }
}

#[test]
fn a_repair_replaces_the_mark_and_takes_precedence_over_an_older_copy() {
    let mut seen = seen_at_start();
    // The clock of the vendor was wrong when the artifact was signed.
    let _ = seen.record_signature(at("2099-01-01"), reading(at("2099-01-02"), 2, seconds(10)));
    let copy = seen.clone();
    let now = start() + DAY;
    seen.repair(now, reading(now, 2, seconds(20)));
    assert_eq!(seen.mark(), now);
    assert_eq!(seen.clone().merged(copy.clone()).mark(), now);
    assert_eq!(copy.merged(seen.clone()).mark(), now);
    // Later signatures are recorded again.
    assert!(!seen.record_signature(now + HOUR, reading(now + HOUR, 2, seconds(20) + HOUR)));
    assert_eq!(seen.mark(), now + HOUR);
}

#[test]
fn after_a_repair_a_wrong_clock_raises_the_mark_by_a_day_at_most() {
    let mut seen = seen_at_start();
    seen.repair(start(), reading(at("2099-01-01"), 1, seconds(200)));
    seen.observe(reading(at("2099-01-01"), 1, seconds(300)));
    assert_eq!(seen.mark(), start() + UPTIME_TOLERANCE + seconds(100));
}

/// The clock shows 12:00:00 twice, but the uptime reaches its next second in between.
#[test]
fn rounding_of_the_uptime_is_no_jump_of_the_clock() {
    let mut seen = ClockHighWater::default();
    seen.observe(reading(start(), 1, seconds(100)));
    assert!(!seen.record_signature(start(), reading(start(), 1, seconds(101))));
    assert_eq!(seen.resets(), 0);
    assert_eq!(seen.mark(), start());
    // The same between two signatures, of which the first is the proven time.
    let next = start() + seconds(1);
    assert!(!seen.record_signature(next, reading(next, 1, seconds(102))));
    assert!(!seen.record_signature(next + seconds(1), reading(next, 1, seconds(103))));
    assert_eq!(seen.resets(), 0);
}

#[test]
fn a_mark_that_is_lowered_by_a_day_or_less_is_not_counted() {
    for (ahead, resets) in [
        (seconds(2), 0),
        (HOUR * 14, 0),
        (DAY, 0),
        (DAY + seconds(1), 1),
    ] {
        let mut seen = seen_at_start();
        seen.observe(reading(start() + ahead, 2, seconds(10)));
        let is_counted = seen.record_signature(start(), reading(start(), 3, seconds(10)));
        assert_eq!(seen.mark(), start(), "{ahead}");
        assert_eq!(
            (is_counted, seen.resets()),
            (resets == 1, resets),
            "{ahead}"
        );
    }
}

#[test]
fn use_is_not_counted_in_the_future_because_of_rounding() {
    let midnight = at("2027-03-02");
    let clock = midnight - seconds(1);
    let mut seen = ClockHighWater::default();
    seen.observe(reading(clock, 1, seconds(100)));
    seen.observe(reading(clock, 1, seconds(101)));
    assert_eq!(
        (seen.usage_time(clock), seen.quota_time(clock)),
        (clock, clock)
    );
    // A clock that is set back does not stop time.
    let back = clock - seconds(1);
    seen.observe(reading(back, 1, seconds(101)));
    assert_eq!(
        (seen.usage_time(back), seen.quota_time(back)),
        (midnight, midnight)
    );
    // A clock that is too far ahead is ignored.
    assert_eq!(seen.usage_time(at("2099-01-01")), seen.mark());
}

/// The seconds of the clock and of the uptime begin at any two moments, and readings and signatures
/// follow each other within a second or after a while.
#[test]
fn no_phase_of_clock_and_uptime_makes_a_correct_clock_wrong() {
    let steps = [
        0, 130, 200, 50, 420, 700, 1_000, 1_300, 999, 60_001, 10, 990, 400,
    ];
    for (clock_phase, uptime_phase) in (0..10).flat_map(|one| (0..10).map(move |two| (one, two))) {
        let mut seen = ClockHighWater::default();
        let mut passed = 0;
        for (number, step) in steps.into_iter().cycle().take(60).enumerate() {
            passed += step;
            let clock = start() + seconds((clock_phase * 100 + passed) / 1_000);
            let uptime = seconds(100 + (uptime_phase * 100 + passed) / 1_000);
            if number % 3 == 0 {
                assert!(!seen.record_signature(clock, reading(clock, 1, uptime)));
            } else {
                seen.observe(reading(clock, 1, uptime));
            }
            let shown = (
                seen.usage_time(clock),
                seen.quota_time(clock),
                seen.resets(),
            );
            let phases = (clock_phase, uptime_phase);
            assert_eq!(shown, (clock, clock, 0), "{phases:?} after {passed} ms");
        }
    }
}
