//! Machines whose users remove the state and set the clock back.

use license_core::evaluate::Outcome;

use crate::device::{DAY, Device, HOUR, InSeconds, Rng, is_behind, to_i64};
use crate::vendor::enterprise;

/// Returns a machine that was used until `days` days after the end of its license.
fn expired(rng: &mut Rng, days: u64) -> Device {
    let product = enterprise();
    let end = product.end().unwrap();
    let mut device = Device::new(end.minus(20 * DAY));
    device.lose_state(product);
    while device.truth < end.plus(days * DAY) {
        device.run(rng.within(HOUR, 12 * HOUR));
        device.files.use_at(device.clock());
        for _ in 0..3 {
            device.files.write_any(device.clock(), rng);
        }
    }
    assert_eq!(device.evaluate(product).outcome(), Outcome::Denied);
    device
}

/// The machine is used with the wrong clock, so that some files get a wrong time before the state
/// is removed. The other files keep the true time of their last change.
#[test]
fn removing_the_state_and_setting_the_clock_back_does_not_restore_an_expired_license() {
    let product = enterprise();
    let (mut largest_lag, mut warned) = (0, 0);
    for seed in 0..300 {
        let mut rng = Rng(seed);
        let mut device = expired(&mut rng, 30);
        let end = product.end().unwrap();
        device.set_clock(end.minus(rng.within(2 * DAY, 300 * DAY)));
        if rng.one_in(2) {
            device.restart(rng.within(60, DAY));
        }
        device.files.use_at(device.clock());
        let shown = device.files.third_latest();
        device.lose_state(product);
        assert!(device.seen.is_from_files(), "{device:?}");
        assert_eq!(device.seen.mark(), shown);
        let lag = device.truth.seconds_since(shown);
        largest_lag = largest_lag.max(lag);
        for _ in 0..rng.within(1, 10) {
            // Removing the state again, or installing the license again, changes nothing.
            match rng.within(0, 2) {
                0 => device.lose_state(product),
                1 => {
                    let signed_at = product.license.issued_at().unwrap();
                    assert!(!device.seen.record_signature(signed_at, device.reading()));
                }
                _ => device.run(rng.within(1, HOUR)),
            }
            let decision = device.evaluate(product);
            assert_eq!(decision.outcome(), Outcome::Denied, "{decision:?}");
            warned += u64::from(is_behind(&decision));
            assert!(is_behind(&decision), "{decision:?}");
        }
    }
    println!(
        "state removed: 300 histories, all denied with a warning ({warned}); the mark was at most \
         {} days behind the true time",
        largest_lag.div_ceil(DAY)
    );
}

/// A state that was made without a license does not make the evidence useless.
#[test]
fn evidence_still_counts_when_the_first_artifact_is_recorded() {
    let product = enterprise();
    let mut rng = Rng(1);
    let mut device = expired(&mut rng, 30);
    // The clock shows 1970. Without the issue date of a license, files that are so far ahead of the
    // clock are implausible.
    device.set_clock(license_core::time::MIN.plus(HOUR));
    device.seen = license_core::state::ClockHighWater::default();
    device.seen.observe(device.reading());
    let evidence = device.files.evidence();
    device.seen.record_evidence(&evidence, device.reading());
    assert!(!device.seen.is_from_files() && device.seen.needs_evidence());
    let signed_at = product.license.issued_at().unwrap();
    let reading = device.reading();
    device.seen.record_signature(signed_at, reading);
    device.seen.record_evidence(&evidence, reading);
    assert!(device.seen.is_from_files());
    assert_eq!(device.evaluate(product).outcome(), Outcome::Denied);
}

/// The clock was a year ahead for a while, and the state is lost after the correction.
#[test]
fn a_clock_repair_restores_a_machine_whose_files_are_wrong() {
    let product = enterprise();
    let start = product.end().unwrap().minus(100 * DAY);
    let mut device = Device::new(start);
    device.set_clock(start.plus(365 * DAY));
    device.files.write_each(device.clock());
    device.error = 0;
    device.lose_state(product);
    let decision = device.evaluate(product);
    assert_eq!(decision.outcome(), Outcome::Denied);
    assert!(is_behind(&decision), "the denial is explained");
    device.seen.repair(device.truth, device.reading());
    for _ in 0..10 {
        device.run(DAY);
        let decision = device.evaluate(product);
        assert_eq!(decision.outcome(), Outcome::Licensed);
        assert!(!is_behind(&decision) && !device.seen.needs_evidence());
        assert!(device.lead() <= to_i64(HOUR));
    }
}
