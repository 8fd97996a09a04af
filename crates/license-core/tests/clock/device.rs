//! A simulated machine with a clock that may be wrong, and a client on it.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::evaluate::Outcome;
use license_core::license::Validation;
use license_core::state::{Boot, ClockHighWater, ClockReading};
use license_core::{Code, Context, Decision, FeatureMatrix, time};

use crate::files::Files;
use crate::vendor::Product;

/// A deterministic generator of pseudorandom numbers (splitmix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `first` to `last`, both included.
    pub(crate) fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    /// Returns `true` with a probability of one in `cases`.
    pub(crate) fn one_in(&mut self, cases: u64) -> bool {
        self.next().is_multiple_of(cases)
    }

    /// Returns an index below `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let last = u64::try_from(length - 1).unwrap();
        usize::try_from(self.within(0, last)).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

pub(crate) const HOUR: u64 = 3600;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Arithmetic in seconds, the unit of the simulation.
pub(crate) trait InSeconds: Sized {
    fn plus(self, seconds: u64) -> Self;
    fn minus(self, seconds: u64) -> Self;
    fn seconds_since(self, earlier: Self) -> u64;
    fn unix_seconds(self) -> u64;
}

impl InSeconds for DateTime<Utc> {
    fn plus(self, seconds: u64) -> Self {
        time::saturating_add(self, duration(seconds))
    }

    fn minus(self, seconds: u64) -> Self {
        time::saturating_sub(self, duration(seconds))
    }

    fn seconds_since(self, earlier: Self) -> u64 {
        self.unix_seconds().saturating_sub(earlier.unix_seconds())
    }

    fn unix_seconds(self) -> u64 {
        time::unix_seconds(self)
    }
}

pub(crate) fn duration(seconds: u64) -> TimeDelta {
    TimeDelta::seconds(to_i64(seconds))
}

pub(crate) fn to_i64(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap()
}

/// Returns the seconds by which `time` is ahead of `reference`. The result is negative if `time` is
/// behind.
pub(crate) fn ahead(reference: DateTime<Utc>, time: DateTime<Utc>) -> i64 {
    to_i64(time.unix_seconds()) - to_i64(reference.unix_seconds())
}

#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// The true time.
    pub(crate) truth: DateTime<Utc>,
    /// The time of the clock minus the true time.
    pub(crate) error: i64,
    /// Seconds that the clock gains in a day.
    pub(crate) drift: i64,
    pub(crate) boot: Boot,
    boots: u128,
    pub(crate) seen: ClockHighWater,
    pub(crate) check_ins: Vec<Validation>,
    pub(crate) files: Files,
}

impl Device {
    pub(crate) fn new(truth: DateTime<Utc>) -> Self {
        Self {
            truth,
            error: 0,
            drift: 0,
            boot: Boot {
                id: 1,
                uptime: duration(60),
            },
            boots: 1,
            seen: ClockHighWater::default(),
            check_ins: Vec::new(),
            files: Files::new(truth),
        }
    }

    pub(crate) fn clock(&self) -> DateTime<Utc> {
        let shown = self.truth.unix_seconds().saturating_add_signed(self.error);
        time::from_unix_seconds(shown).unwrap()
    }

    pub(crate) fn set_clock(&mut self, shown: DateTime<Utc>) {
        self.error = ahead(self.truth, shown);
    }

    pub(crate) fn reading(&self) -> ClockReading {
        ClockReading {
            clock: self.clock(),
            boot: Some(self.boot),
        }
    }

    fn advance(&mut self, seconds: u64) {
        self.truth = self.truth.plus(seconds);
        self.error += self.drift * to_i64(seconds) / to_i64(DAY);
    }

    /// Lets the machine run or sleep. The uptime includes both.
    pub(crate) fn run(&mut self, seconds: u64) {
        self.advance(seconds);
        self.boot.uptime += duration(seconds);
    }

    /// Pauses the machine as a host pauses a virtual machine. The clock is correct afterwards, but
    /// the uptime does not include the pause.
    pub(crate) fn pause(&mut self, seconds: u64) {
        self.advance(seconds);
    }

    /// Returns the time for daily quotas.
    pub(crate) fn quota_time(&self) -> DateTime<Utc> {
        self.seen.quota_time(self.clock())
    }

    /// Starts the machine after it was off for `off` seconds.
    pub(crate) fn restart(&mut self, off: u64) {
        self.advance(off + 60);
        self.boots += 1;
        self.boot = Boot {
            id: self.boots,
            uptime: duration(60),
        };
        self.seen = ClockHighWater::from_json(&self.seen.to_json()).unwrap();
    }

    /// Restores a snapshot. The true time does not change.
    pub(crate) fn restore(&mut self, snapshot: &Self) {
        let shown = snapshot.clock();
        let (truth, boots) = (self.truth, self.boots);
        *self = snapshot.clone();
        (self.truth, self.boots) = (truth, boots);
        self.set_clock(shown);
    }

    /// Loses the state and starts a new one, as the client does. The license file still contains
    /// the license and the check-ins.
    pub(crate) fn lose_state(&mut self, product: &Product) {
        let check_ins = self.check_ins.iter().map(Validation::issued_at);
        let newest = check_ins.chain(product.license.issued_at()).max();
        self.seen = ClockHighWater::default();
        assert!(self.seen.needs_evidence());
        let reading = self.reading();
        self.seen.record_signature(newest.unwrap(), reading);
        self.seen.record_evidence(&self.files.evidence(), reading);
    }

    /// Installs a check-in as the client does, and returns whether it lowered the mark.
    pub(crate) fn install(&mut self, check_in: Validation) -> bool {
        let is_lowered = self
            .seen
            .record_signature(check_in.issued_at(), self.reading());
        self.check_ins.push(check_in);
        if self.check_ins.len() > 3 {
            drop(self.check_ins.remove(0));
        }
        is_lowered
    }

    /// Evaluates the license as the client does.
    pub(crate) fn evaluate(&mut self, product: &Product) -> Decision {
        self.seen.observe(self.reading());
        let context = Context::at(self.clock()).high_water(self.seen.mark());
        self.decide(product, context)
    }

    /// Returns the outcome at this time without a high-water mark.
    pub(crate) fn outcome_at(&self, product: &Product, now: DateTime<Utc>) -> Outcome {
        self.decide(product, Context::at(now)).outcome()
    }

    fn decide<'a>(&'a self, product: &Product, context: Context<'a>) -> Decision {
        let context = context.validations(&self.check_ins);
        product
            .license
            .evaluate(FeatureMatrix::built_in(), &context)
    }

    /// Returns the time at which the next check-in is overdue.
    pub(crate) fn overdue_at(&self, product: &Product) -> Option<DateTime<Utc>> {
        let check_in = product.license.check_in()?;
        let newest = self.check_ins.iter().map(Validation::issued_at).max();
        let last = newest.or(product.license.issued_at())?;
        Some(last.plus(check_in.grace().num_seconds().cast_unsigned()))
    }

    /// Returns the mark minus the true time in seconds.
    pub(crate) fn lead(&self) -> i64 {
        ahead(self.truth, self.seen.mark())
    }
}

pub(crate) fn is_behind(decision: &Decision) -> bool {
    let warnings = decision.warnings().iter();
    warnings
        .into_iter()
        .any(|warning| warning.code() == Code::ClockBehind)
}
