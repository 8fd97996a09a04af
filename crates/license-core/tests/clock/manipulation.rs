//! Machines whose users set the clock back. The users do not manipulate the state of the machine.

use std::collections::BTreeMap;

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Outcome;
use license_core::policy::Quota;
use license_core::state::QuotaCounters;

use crate::device::{DAY, Device, HOUR, InSeconds, Rng, is_behind, to_i64};
use crate::support::issued;
use crate::vendor::{PRODUCTS, Product, enterprise};

const LIMIT: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manipulation {
    Once,
    WithinBoot,
    AtBoot,
    ToTheIssueDate,
    Frozen,
    Replays,
}

const MANIPULATIONS: [(&str, Manipulation); 6] = [
    ("set back once", Manipulation::Once),
    (
        "set back within the boot, repeatedly",
        Manipulation::WithinBoot,
    ),
    ("set back at every boot", Manipulation::AtBoot),
    ("set back to the issue date", Manipulation::ToTheIssueDate),
    ("frozen at one instant by restarts", Manipulation::Frozen),
    ("artifacts replayed", Manipulation::Replays),
];

#[derive(Default)]
struct Counts {
    evaluations: u64,
    set_back: u64,
    denied: u64,
    granted: u64,
}

struct Manipulator<'a> {
    product: &'static Product,
    rng: Rng,
    device: Device,
    counters: QuotaCounters,
    granted: BTreeMap<u64, u64>,
    counts: &'a mut Counts,
}

impl<'a> Manipulator<'a> {
    fn new(seed: u64, counts: &'a mut Counts) -> Self {
        let mut rng = Rng(seed);
        let count = u64::try_from(PRODUCTS.len()).unwrap();
        let product = &PRODUCTS[usize::try_from(rng.within(0, count - 1)).unwrap()];
        let mut device = Device::new(issued().plus(rng.within(0, 10 * DAY)));
        let reading = device.reading();
        device.seen.record_signature(issued(), reading);
        if product.needs_check_in() {
            device.install(product.check_in(device.truth));
        }
        Self {
            product,
            rng,
            device,
            counters: QuotaCounters::default(),
            granted: BTreeMap::new(),
            counts,
        }
    }

    /// Simulates honest use with a correct clock and timely check-ins.
    fn use_honestly(&mut self, evaluations: u64) {
        for _ in 0..evaluations {
            self.device.run(self.rng.within(HOUR, 30 * HOUR));
            if self.product.needs_check_in() {
                self.device
                    .install(self.product.check_in(self.device.truth));
            }
            self.evaluate();
        }
    }

    /// Evaluates the license at the time of the clock, and uses the quota.
    fn evaluate(&mut self) {
        let before = self.device.seen.mark();
        let clock = self.device.clock();
        let behind = before.seconds_since(clock);
        let decision = self.device.evaluate(self.product);
        let mark = self.device.seen.mark();
        assert!(mark >= before, "the mark fell from {before:?} to {mark:?}");
        self.counts.evaluations += 1;
        if behind > DAY {
            self.counts.set_back += 1;
            assert!(
                is_behind(&decision),
                "no warning for {clock:?} after {before:?}: {decision:?}"
            );
            let outcome_at_mark = self.device.outcome_at(self.product, before);
            assert!(decision.outcome() <= outcome_at_mark, "{decision:?}");
        }
        self.counts.denied += u64::from(decision.outcome() == Outcome::Denied);
        let now = self.device.quota_time();
        assert!(behind == 0 || now == mark, "{now:?} instead of {mark:?}");
        for _ in 0..4 {
            let quota_use = self
                .counters
                .take("commands_per_day", 1, Quota::Limit(LIMIT), now);
            let granted = self.granted.entry(now.unix_seconds() / DAY).or_default();
            *granted += u64::from(quota_use.granted);
            self.counts.granted += u64::from(quota_use.granted);
            assert!(
                *granted <= LIMIT,
                "the quota was granted again on the day of {now:?}"
            );
        }
    }

    fn manipulate(&mut self, manipulation: Manipulation, instant: DateTime<Utc>) {
        let back = self.rng.within(DAY + 1, 300 * DAY);
        match manipulation {
            Manipulation::Once => self.device.run(self.rng.within(1, 12 * HOUR)),
            Manipulation::WithinBoot => {
                self.device.run(self.rng.within(1, 12 * HOUR));
                self.device.set_clock(self.device.seen.mark().minus(back));
            }
            Manipulation::AtBoot => {
                self.device.restart(self.rng.within(1, 2 * DAY));
                self.device.set_clock(self.device.seen.mark().minus(back));
            }
            Manipulation::ToTheIssueDate => {
                self.device.restart(60);
                self.device.set_clock(issued());
            }
            Manipulation::Frozen => {
                self.device.restart(60);
                self.device.set_clock(instant);
                for _ in 0..self.rng.within(1, 3) {
                    self.device.run(self.rng.within(1, 5 * HOUR));
                    self.evaluate();
                }
            }
            Manipulation::Replays => {
                self.device.run(self.rng.within(1, 12 * HOUR));
                let newest = self
                    .device
                    .check_ins
                    .last()
                    .map_or(issued(), |check_in| check_in.issued_at());
                let replayed = self
                    .product
                    .check_in(newest.minus(self.rng.within(0, 20 * DAY)));
                self.device.set_clock(self.device.seen.mark().minus(back));
                let before = self.device.seen.mark();
                // The date of the license, of an earlier check-in, or of the newest check-in.
                let signed = self.rng.pick(&[issued(), replayed.issued_at(), newest]);
                let reading = self.device.reading();
                assert!(!self.device.seen.record_signature(signed, reading));
                assert!(self.device.seen.mark() >= before);
            }
        }
        self.evaluate();
    }
}

#[test]
fn a_clock_that_is_set_back_causes_a_warning_and_gains_nothing() {
    for (number, (name, manipulation)) in (0_u64..).zip(MANIPULATIONS) {
        let mut counts = Counts::default();
        for seed in 0..200 {
            let mut manipulator = Manipulator::new((number << 32) + seed, &mut counts);
            let evaluations = manipulator.rng.within(5, 15);
            manipulator.use_honestly(evaluations);
            let instant = manipulator.device.clock();
            let (mark, uptime) = (
                manipulator.device.seen.mark(),
                manipulator.device.boot.uptime,
            );
            if manipulation == Manipulation::Once {
                let back = to_i64(manipulator.rng.within(DAY + 1, 300 * DAY));
                manipulator.device.error -= back;
                manipulator.evaluate();
            }
            let manipulations = manipulator.rng.within(20, 40);
            for _ in 0..manipulations {
                manipulator.manipulate(manipulation, instant);
            }
            if manipulator.device.boot.id == 1 {
                let ran = manipulator.device.boot.uptime - uptime;
                assert_eq!(manipulator.device.seen.mark(), mark + ran, "{name}");
            }
        }
        println!(
            "manipulation, {name}: 200 histories, {} evaluations, {} with the clock over a day \
             behind, all with a warning; {} denied; {} commands granted",
            counts.evaluations, counts.set_back, counts.denied, counts.granted
        );
        assert!(counts.set_back > 1000, "{name}");
    }
}

/// The mark advances with the uptime, so a user gains at most the age of a check-in.
#[test]
fn a_license_ends_on_time_if_the_clock_is_repeatedly_set_back_by_a_few_hours() {
    let mut latest = 0;
    for seed in 0..200 {
        let mut rng = Rng(seed);
        let product = PRODUCTS.iter().filter(|product| product.end().is_some());
        let product = product.min_by_key(|_| rng.next()).unwrap();
        let end = product.end().unwrap();
        let mut device = Device::new(end.minus(rng.within(DAY, 12 * DAY)));
        let reading = device.reading();
        device.seen.record_signature(issued(), reading);
        let mut last_valid = None;
        while device.truth < end.plus(2 * DAY) {
            let passed = rng.within(HOUR, 23 * HOUR);
            device.run(passed);
            let back = rng.within(passed.min(22 * HOUR), 23 * HOUR);
            if device.error > -to_i64(100 * DAY) {
                device.error -= to_i64(back);
            }
            if product.needs_check_in() {
                device.install(product.check_in(device.truth.min(end)));
            }
            let decision = device.evaluate(product);
            // A check-in is up to half a day old, and may lower the mark to its date.
            let lag = if product.needs_check_in() { DAY / 2 } else { 0 };
            let lacking = device.truth.min(end).seconds_since(device.seen.mark());
            assert!(lacking <= lag, "{lacking}");
            if decision.outcome() != Outcome::Denied {
                last_valid = Some(device.truth);
            }
        }
        let late = last_valid.unwrap().seconds_since(end);
        assert!(late <= DAY, "valid for {late} s after its end");
        latest = latest.max(late);
    }
    println!(
        "manipulation, set back by less than a day every few hours: 200 histories, the license was \
         valid for up to {latest} s after its end"
    );
}

/// Time that is proven by signatures and by the observed uptime.
pub(crate) struct Proof {
    pub(crate) signed: DateTime<Utc>,
    pub(crate) proven: DateTime<Utc>,
    pub(crate) uptime_seen: u64,
}

/// Check-ins are held back and installed later, for a license that does not need check-ins.
///
/// Each check-in may lower the mark to its own date, but not below the proven time. A user
/// therefore gains at most the sum of two times: the time for which the machine was off or not
/// observed since the first signature, and the age of that signature.
#[test]
fn delayed_check_ins_undo_at_most_the_time_for_which_the_machine_was_off() {
    let (mut tried, mut undone, mut gained, mut after_end) = (0_u64, 0_u64, 0, 0);
    let product = enterprise();
    let end = product.end().unwrap();
    for seed in 0..300 {
        let mut rng = Rng(seed);
        let first = end.minus(rng.within(10 * DAY, 60 * DAY));
        let mut device = Device::new(first.plus(rng.within(0, 2 * DAY)));
        let lag = device.truth.seconds_since(first);
        let reading = device.reading();
        device.seen.record_signature(first, reading);
        let mut proof = Proof {
            signed: first,
            proven: first,
            uptime_seen: 0,
        };
        for _ in 0..rng.within(30, 60) {
            let is_restart = rng.one_in(3);
            if is_restart {
                device.restart(rng.within(HOUR, 5 * DAY));
            } else {
                let passed = rng.within(HOUR, 20 * HOUR);
                device.run(passed);
                proof.uptime_seen += passed;
                proof.proven = proof.proven.plus(passed);
            }
            // The clock stood still while the machine was off.
            let mark = device.seen.mark();
            device.set_clock(if is_restart {
                mark
            } else {
                device.clock().max(mark)
            });
            let decision = device.evaluate(product);
            let mark = device.seen.mark();
            if rng.one_in(2) && mark.seconds_since(issued()) > 60 * DAY {
                let check_in = product.check_in(mark.minus(rng.within(0, 10 * DAY)));
                let at = check_in.issued_at();
                device.set_clock(at.minus(rng.within(0, 3 * DAY)).min(mark.minus(DAY + 1)));
                let undo = device.seen.record_signature(at, device.reading());
                (tried, undone) = (tried + 1, undone + u64::from(undo));
                if at > proof.signed {
                    proof.signed = at;
                    proof.proven = proof.proven.max(at);
                } else {
                    assert!(!undo, "a signature lowers the mark only once");
                }
                device.set_clock(device.seen.mark());
            }
            let mark = device.seen.mark();
            assert!(mark >= proof.proven, "{mark:?} {:?}", proof.proven);
            let gain = device.truth.seconds_since(mark);
            let ran = proof.uptime_seen;
            let unseen = device.truth.seconds_since(first.plus(lag + ran));
            assert!(gain <= unseen + lag, "{gain} {unseen}");
            gained = gained.max(gain);
            if decision.outcome() != Outcome::Denied {
                assert!(first.plus(ran) < end, "ran for {ran} s");
                after_end = after_end.max(device.truth.seconds_since(end));
            }
        }
    }
    println!(
        "manipulation, check-ins delayed: 300 histories, {tried} installed, {undone} lowered the \
         mark; a user gained at most {} days, and the license was valid for up to {} days after \
         its end, never for more uptime than its term",
        gained / DAY,
        after_end / DAY
    );
    assert!(undone > 100);
}
