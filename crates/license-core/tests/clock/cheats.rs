//! Machines whose owners set the clock back. Their state survives.

use std::collections::BTreeMap;

use license_core::{Outcome, Quota, Tally, Timestamp};

use crate::device::{Device, Rng, is_behind, signed};
use crate::support::{DAY, HOUR, issued};
use crate::vendor::{PRODUCTS, Product, enterprise};

const LIMIT: u64 = 10;

/// How far behind the signer's clock may be of what the uptime proves.
const SIGNER_SKEW: u64 = HOUR;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cheat {
    Once,
    WithinBoot,
    AtBoot,
    ToTheIssueDate,
    Frozen,
    Replays,
}

const CHEATS: [(&str, Cheat); 6] = [
    ("set back once", Cheat::Once),
    ("set back within the boot, repeatedly", Cheat::WithinBoot),
    ("set back at every boot", Cheat::AtBoot),
    ("set back to the issue date", Cheat::ToTheIssueDate),
    ("frozen at one instant by restarts", Cheat::Frozen),
    ("artefacts replayed", Cheat::Replays),
];

#[derive(Default)]
struct Counts {
    looks: u64,
    set_back: u64,
    denied: u64,
    granted: u64,
}

struct Cheater<'a> {
    product: &'static Product,
    rng: Rng,
    device: Device,
    tally: Tally,
    granted: BTreeMap<u64, u64>,
    counts: &'a mut Counts,
}

impl<'a> Cheater<'a> {
    fn new(seed: u64, counts: &'a mut Counts) -> Self {
        let mut rng = Rng(seed);
        let count = u64::try_from(PRODUCTS.len()).unwrap();
        let product = &PRODUCTS[usize::try_from(rng.within(0, count - 1)).unwrap()];
        let mut device = Device::new(issued().plus(rng.within(0, 10 * DAY)));
        let reading = device.reading();
        device.seen.install(issued(), reading);
        if product.needs_check_in() {
            device.install(product.check_in(device.truth));
        }
        Self {
            product,
            rng,
            device,
            tally: Tally::default(),
            granted: BTreeMap::new(),
            counts,
        }
    }

    /// Honest use for a while: a clock that is right, check-ins in time.
    fn use_honestly(&mut self, looks: u64) {
        for _ in 0..looks {
            self.device.run(self.rng.within(HOUR, 30 * HOUR));
            if self.product.needs_check_in() {
                self.device
                    .install(self.product.check_in(self.device.truth));
            }
            self.look();
        }
    }

    /// Looks with whatever the clock shows, and takes what it can.
    fn look(&mut self) {
        let before = self.device.seen.mark();
        let clock = self.device.clock();
        let behind = before.seconds_since(clock);
        let decision = self.device.look(self.product);
        let mark = self.device.seen.mark();
        assert!(mark >= before, "the mark fell from {before} to {mark}");
        self.counts.looks += 1;
        if behind > DAY {
            self.counts.set_back += 1;
            assert!(
                is_behind(&decision),
                "{clock} was not noticed at {before}: {decision:?}"
            );
            let without = self.device.outcome_at(self.product, before);
            assert!(decision.outcome() <= without, "{decision:?}");
        }
        self.counts.denied += u64::from(decision.outcome() == Outcome::Denied);
        let now = self.device.counted_at();
        assert!(behind == 0 || now == mark, "{now} instead of {mark}");
        for _ in 0..4 {
            let taken = self
                .tally
                .take("commands_per_day", 1, Quota::Limit(LIMIT), now);
            let of_day = self.granted.entry(now.unix_seconds() / DAY).or_default();
            *of_day += u64::from(taken.granted);
            self.counts.granted += u64::from(taken.granted);
            assert!(*of_day <= LIMIT, "the day of {now} was refilled");
        }
    }

    fn cheat(&mut self, cheat: Cheat, instant: Timestamp) {
        let back = self.rng.within(DAY + 1, 300 * DAY);
        match cheat {
            Cheat::Once => self.device.run(self.rng.within(1, 12 * HOUR)),
            Cheat::WithinBoot => {
                self.device.run(self.rng.within(1, 12 * HOUR));
                self.device.set_clock(self.device.seen.mark().minus(back));
            }
            Cheat::AtBoot => {
                self.device.restart(self.rng.within(1, 2 * DAY));
                self.device.set_clock(self.device.seen.mark().minus(back));
            }
            Cheat::ToTheIssueDate => {
                self.device.restart(60);
                self.device.set_clock(issued());
            }
            Cheat::Frozen => {
                self.device.restart(60);
                self.device.set_clock(instant);
                for _ in 0..self.rng.within(1, 3) {
                    self.device.run(self.rng.within(1, 5 * HOUR));
                    self.look();
                }
            }
            Cheat::Replays => {
                self.device.run(self.rng.within(1, 12 * HOUR));
                let newest = self
                    .device
                    .held
                    .last()
                    .map_or(issued(), |held| held.issued_at());
                let replayed = self
                    .product
                    .check_in(newest.minus(self.rng.within(0, 20 * DAY)));
                self.device.set_clock(self.device.seen.mark().minus(back));
                let before = self.device.seen.mark();
                // The license's own signature, or one that was installed or could have been.
                let signed = self.rng.pick(&[issued(), replayed.issued_at(), newest]);
                let reading = self.device.reading();
                assert!(!self.device.seen.install(signed, reading));
                assert!(self.device.seen.mark() >= before);
            }
        }
        self.look();
    }
}

#[test]
fn a_clock_set_back_is_noticed_and_gains_nothing() {
    for (number, (name, cheat)) in (0_u64..).zip(CHEATS) {
        let mut counts = Counts::default();
        for seed in 0..200 {
            let mut cheater = Cheater::new((number << 32) + seed, &mut counts);
            let looks = cheater.rng.within(5, 15);
            cheater.use_honestly(looks);
            let instant = cheater.device.clock();
            let (mark, uptime) = (cheater.device.seen.mark(), cheater.device.boot.uptime);
            if cheat == Cheat::Once {
                let back = signed(cheater.rng.within(DAY + 1, 300 * DAY));
                cheater.device.error -= back;
                cheater.look();
            }
            let cheats = cheater.rng.within(20, 40);
            for _ in 0..cheats {
                cheater.cheat(cheat, instant);
            }
            if cheater.device.boot.id == 1 {
                let ran = cheater.device.boot.uptime - uptime;
                assert_eq!(cheater.device.seen.mark(), mark.plus(ran), "{name}");
            }
        }
        println!(
            "cheats, {name}: 200 histories, {} looks, {} with the clock over a day behind, all noticed; {} denied; {} \
             commands granted",
            counts.looks, counts.set_back, counts.denied, counts.granted
        );
        assert!(counts.set_back > 1000, "{name}");
    }
}

/// The mark goes on with the uptime, so that nothing is gained but the age of a check-in.
#[test]
fn a_clock_set_back_a_little_every_few_hours_ends_in_time() {
    let mut latest = 0;
    for seed in 0..200 {
        let mut rng = Rng(seed);
        let product = PRODUCTS.iter().filter(|product| product.end().is_some());
        let product = product.min_by_key(|_| rng.next()).unwrap();
        let end = product.end().unwrap();
        let mut device = Device::new(end.minus(rng.within(DAY, 12 * DAY)));
        let reading = device.reading();
        device.seen.install(issued(), reading);
        let mut last_held = None;
        while device.truth < end.plus(2 * DAY) {
            let passed = rng.within(HOUR, 23 * HOUR);
            device.run(passed);
            let back = rng.within(passed.min(22 * HOUR), 23 * HOUR);
            if device.error > -signed(100 * DAY) {
                device.error -= signed(back);
            }
            if product.needs_check_in() {
                device.install(product.check_in(device.truth.min(end)));
            }
            let decision = device.look(product);
            // A check-in that was signed half a day ago takes the mark back to that.
            let lag = if product.needs_check_in() { DAY / 2 } else { 0 };
            let lacking = device.truth.min(end).seconds_since(device.seen.mark());
            assert!(lacking <= lag, "{lacking}");
            if decision.outcome() != Outcome::Denied {
                last_held = Some(device.truth);
            }
        }
        let late = last_held.unwrap().seconds_since(end);
        assert!(late <= DAY, "held for {late} s more");
        latest = latest.max(late);
    }
    println!(
        "cheats, set back by less than a day every few hours: 200 histories, the license held for {latest} s after its \
         end"
    );
}

/// What is known of time by signatures and by the uptime that was seen: never more than has passed.
pub(crate) struct Proof {
    pub(crate) signed: Timestamp,
    pub(crate) proven: Timestamp,
    pub(crate) uptime_seen: u64,
}

/// A license that ends and needs no check-in, and check-ins that were fetched and held back.
///
/// Each may take the mark back to its own date, but never to more than an hour before what is proven: so that the owner gains the
/// time for which the machine was off, or ran unseen, since the first signature, that signature's own age, and the hour.
#[test]
fn held_back_check_ins_undo_no_more_than_the_time_for_which_the_machine_was_off() {
    let (mut tried, mut undone, mut gained, mut after_end) = (0_u64, 0_u64, 0, 0);
    let product = enterprise();
    let end = product.end().unwrap();
    for seed in 0..300 {
        let mut rng = Rng(seed);
        let first = end.minus(rng.within(10 * DAY, 60 * DAY));
        let mut device = Device::new(first.plus(rng.within(0, 2 * DAY)));
        let lag = device.truth.seconds_since(first);
        let reading = device.reading();
        device.seen.install(first, reading);
        let mut proof = Proof {
            signed: first,
            proven: first,
            uptime_seen: 0,
        };
        for _ in 0..rng.within(30, 60) {
            let starts = rng.one_in(3);
            if starts {
                device.restart(rng.within(HOUR, 5 * DAY));
            } else {
                let passed = rng.within(HOUR, 20 * HOUR);
                device.run(passed);
                proof.uptime_seen += passed;
                proof.proven = proof.proven.plus(passed);
            }
            // The clock stood still while the machine was off.
            let mark = device.seen.mark();
            device.set_clock(if starts {
                mark
            } else {
                device.clock().max(mark)
            });
            let decision = device.look(product);
            let mark = device.seen.mark();
            if rng.one_in(2) && mark.seconds_since(issued()) > 60 * DAY {
                let held_back = product.check_in(mark.minus(rng.within(0, 10 * DAY)));
                let at = held_back.issued_at();
                device.set_clock(at.minus(rng.within(0, 3 * DAY)).min(mark.minus(DAY + 1)));
                let undo = device.seen.install(at, device.reading());
                (tried, undone) = (tried + 1, undone + u64::from(undo));
                if at > proof.signed {
                    proof.signed = at;
                    proof.proven = proof.proven.max(at);
                } else {
                    assert!(!undo, "a signature repairs once");
                }
                device.set_clock(device.seen.mark());
            }
            let mark = device.seen.mark();
            assert!(
                mark.plus(SIGNER_SKEW) >= proof.proven,
                "{mark} {}",
                proof.proven
            );
            let gain = device.truth.seconds_since(mark);
            let ran = proof.uptime_seen;
            let unseen = device.truth.seconds_since(first.plus(lag + ran));
            assert!(gain <= unseen + lag + SIGNER_SKEW, "{gain} {unseen}");
            gained = gained.max(gain);
            if decision.outcome() != Outcome::Denied {
                assert!(first.plus(ran) < end.plus(SIGNER_SKEW), "ran for {ran} s");
                after_end = after_end.max(device.truth.seconds_since(end));
            }
        }
    }
    println!(
        "cheats, check-ins held back: 300 histories, {tried} installed, {undone} took the mark back; at most {} days \
         off were gained, and the license held for up to {} days after its end, never for more uptime than it had",
        gained / DAY,
        after_end / DAY
    );
    assert!(undone > 100);
}
