//! A machine with a clock that may be wrong, and a client on it.

use license_core::{
    Boot, Code, Context, Decision, HighWater, Matrix, Outcome, Reading, Timestamp, Validation,
};

use crate::support::{DAY, HOUR};
use crate::vendor::Product;

/// Numbers that look random and are the same in every run (splitmix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From the first to the last, both included.
    pub(crate) fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    /// In one of so many cases.
    pub(crate) fn one_in(&mut self, cases: u64) -> bool {
        self.next().is_multiple_of(cases)
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let last = u64::try_from(from.len() - 1).unwrap();
        from[usize::try_from(self.within(0, last)).unwrap()]
    }
}

pub(crate) fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap()
}

/// The second less the first.
pub(crate) fn ahead(of: Timestamp, time: Timestamp) -> i64 {
    signed(time.unix_seconds()) - signed(of.unix_seconds())
}

#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) truth: Timestamp,
    /// What the clock shows, less the true time.
    pub(crate) error: i64,
    /// Seconds that the clock gains in a day.
    pub(crate) drift: i64,
    pub(crate) boot: Boot,
    boots: u128,
    pub(crate) seen: HighWater,
    pub(crate) held: Vec<Validation>,
}

impl Device {
    pub(crate) fn new(truth: Timestamp) -> Self {
        Self {
            truth,
            error: 0,
            drift: 0,
            boot: Boot { id: 1, uptime: 60 },
            boots: 1,
            seen: HighWater::default(),
            held: Vec::new(),
        }
    }

    pub(crate) fn clock(&self) -> Timestamp {
        let shown = self.truth.unix_seconds().saturating_add_signed(self.error);
        Timestamp::from_unix_seconds(shown).unwrap()
    }

    pub(crate) fn set_clock(&mut self, shown: Timestamp) {
        self.error = ahead(self.truth, shown);
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading {
            clock: self.clock(),
            boot: Some(self.boot),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.truth = self.truth.plus(seconds);
        self.error += self.drift * signed(seconds) / signed(DAY);
    }

    /// Runs or sleeps: the uptime counts both.
    pub(crate) fn run(&mut self, seconds: u64) {
        self.pass(seconds);
        self.boot.uptime += seconds;
    }

    /// Stands still for so long as a virtual machine may, and its clock is set right after it: the uptime counts none of it.
    pub(crate) fn pause(&mut self, seconds: u64) {
        self.pass(seconds);
    }

    /// The time by which quotas are counted.
    pub(crate) fn counted_at(&self) -> Timestamp {
        self.seen.counted_at(self.clock())
    }

    /// Is off for so long, and is started.
    pub(crate) fn restart(&mut self, off: u64) {
        self.pass(off + 60);
        self.boots += 1;
        self.boot = Boot {
            id: self.boots,
            uptime: 60,
        };
        self.seen = HighWater::from_json(&self.seen.to_json()).unwrap();
    }

    /// Goes back to what it was; only time does not.
    pub(crate) fn restore(&mut self, snapshot: &Self) {
        let shown = snapshot.clock();
        let (truth, boots) = (self.truth, self.boots);
        *self = snapshot.clone();
        (self.truth, self.boots) = (truth, boots);
        self.set_clock(shown);
    }

    /// Installs a check-in as the client does, and returns whether that repaired the mark.
    pub(crate) fn install(&mut self, check_in: Validation) -> bool {
        let repaired = self.seen.install(check_in.issued_at(), self.reading());
        self.held.push(check_in);
        if self.held.len() > 3 {
            drop(self.held.remove(0));
        }
        repaired
    }

    /// Asks as the client does.
    pub(crate) fn look(&mut self, product: &Product) -> Decision {
        self.seen.observe(self.reading());
        let context = Context::at(self.clock()).high_water(self.seen.mark());
        self.decide(product, context)
    }

    /// What a machine without a memory would say at that time.
    pub(crate) fn outcome_at(&self, product: &Product, now: Timestamp) -> Outcome {
        self.decide(product, Context::at(now)).outcome()
    }

    fn decide<'a>(&'a self, product: &Product, context: Context<'a>) -> Decision {
        let context = context.validations(&self.held);
        product.license.evaluate(Matrix::built_in(), &context)
    }

    /// When the newest check-in no longer suffices.
    pub(crate) fn overdue_at(&self, product: &Product) -> Option<Timestamp> {
        let check_in = product.license.check_in()?;
        let newest = self.held.iter().map(Validation::issued_at).max();
        let last = newest.or(product.license.issued_at())?;
        Some(last.plus(check_in.grace_hours() * HOUR))
    }

    /// Seconds by which the mark is ahead of the true time.
    pub(crate) fn lead(&self) -> i64 {
        ahead(self.truth, self.seen.mark())
    }
}

pub(crate) fn is_behind(decision: &Decision) -> bool {
    let warnings = decision.warnings().iter();
    warnings
        .into_iter()
        .any(|warning| warning.code == Code::ClockBehind)
}
