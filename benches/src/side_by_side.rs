//! Subjects measured in turn, round by round, so that whatever else the machine does disturbs all of them.

use std::fmt;
use std::time::{Duration, Instant};

/// Something to be measured.
pub struct Subject<'a> {
    /// What it is called in the table.
    pub name: &'a str,
    /// Calls it so often.
    call: Box<dyn FnMut(u32) + 'a>,
    /// So many calls are one run.
    calls: u32,
}

/// How long a run of a calibrated subject takes: long beside a look at the clock, and short beside the time that the system gives to others.
const RUN: Duration = Duration::from_millis(2);

impl<'a> Subject<'a> {
    /// A subject of this name, of one call a run.
    pub fn new(name: &'a str, run: impl FnMut() + 'a) -> Self {
        Self::of_calls(name, 1, run)
    }

    /// One of as many calls a run as fit into two milliseconds. The calls are made in one loop that the compiler sees, so that nothing but
    /// them is measured.
    pub fn calibrated(name: &'a str, call: impl FnMut() + 'a) -> Self {
        let mut subject = Self::of_calls(name, 1, call);
        while subject.calls < 1 << 24 {
            let started = Instant::now();
            subject.run();
            if started.elapsed() * 2 > RUN {
                break;
            }
            subject.calls *= 2;
        }
        subject
    }

    /// One of so many calls a run.
    pub fn of_calls(name: &'a str, calls: u32, mut call: impl FnMut() + 'a) -> Self {
        let call = Box::new(move |calls| (0..calls).for_each(|_| call()));
        Self { name, call, calls }
    }

    /// One run.
    fn run(&mut self) {
        (self.call)(self.calls);
    }
}

/// What each subject took in each round, in seconds a call.
pub struct Measured {
    times: Vec<Vec<f64>>,
}

impl Measured {
    /// What this subject took.
    pub fn time(&self, subject: usize) -> Spread {
        Spread::of(self.of(subject).to_vec())
    }

    /// How many times what the other took this one took, round by round.
    pub fn ratio(&self, subject: usize, other: usize) -> Spread {
        let both = self.of(subject).iter().zip(self.of(other));
        Spread::of(both.map(|(one, other)| one / other).collect())
    }

    fn of(&self, subject: usize) -> &[f64] {
        self.times
            .get(subject)
            .expect("a subject that was measured")
    }
}

/// The median of some figures, and between which two the middle half of them lies.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// A quarter is below.
    pub low: f64,
    /// Half is below.
    pub median: f64,
    /// A quarter is above.
    pub high: f64,
}

impl Spread {
    /// Of all these figures.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |quarter: usize| figures.get(figures.len().saturating_sub(1) * quarter / 4);
        let at = |quarter| at(quarter).copied().unwrap_or(f64::NAN);
        Self {
            low: at(1),
            median: at(2),
            high: at(3),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        write!(f, "{median:.3} ({low:.3} to {high:.3})")
    }
}

/// Runs each in turn, in so many rounds after one that warms up. Each round has another order, so that none always comes after the same,
/// and finds what that left in the caches.
pub fn measure(rounds: usize, batch: u32, subjects: &mut [Subject<'_>]) -> Measured {
    let count = subjects.len();
    let mut times = vec![Vec::with_capacity(rounds); count];
    let mut order: Vec<usize> = (0..count).collect();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..=rounds {
        shuffle(&mut order, &mut random);
        for at in order.iter().copied() {
            let (Some(subject), Some(times)) = (subjects.get_mut(at), times.get_mut(at)) else {
                continue;
            };
            let started = Instant::now();
            (0..batch).for_each(|_| subject.run());
            if round > 0 {
                let calls = f64::from(batch) * f64::from(subject.calls);
                times.push(started.elapsed().as_secs_f64() / calls);
            }
        }
    }
    Measured { times }
}

/// Another order, the same in every run (Fisher and Yates, by Marsaglia's xorshift).
fn shuffle(order: &mut [usize], random: &mut u64) {
    for left in (2..=order.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let spread = usize::try_from(*random >> 32).unwrap_or_default();
        order.swap(left - 1, spread % left);
    }
}

/// Runs each in turn, so many rounds, and prints the median of each and of its ratios to the first, with the half between the quartiles.
pub fn compare(title: &str, rounds: usize, batch: u32, mut subjects: Vec<Subject<'_>>) {
    let measured = measure(rounds, batch, &mut subjects);
    println!("{title} (median of {rounds}, in turn)");
    for (at, subject) in subjects.iter().enumerate() {
        let time = Duration::from_secs_f64(measured.time(at).median);
        let ratio = measured.ratio(at, 0);
        println!("  {:44} {time:>12.2?}  {ratio}", subject.name);
    }
    println!();
}

/// Seconds in the unit that suits them, to three digits.
pub fn time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit);
    let (unit, name) = unit.unwrap_or((1e-9, "ns"));
    let number = seconds / unit;
    let digits = match number {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{number:.digits$} {name}")
}
