//! Measurements of subjects in turn, round by round, so that other load on the machine affects all
//! subjects alike.

use std::fmt;
use std::time::{Duration, Instant};

/// Work to be measured.
pub struct Subject<'a> {
    /// The name in the table.
    pub name: &'a str,
    /// Calls the work as many times as the argument states.
    call: Box<dyn FnMut(u32) + 'a>,
    /// The number of calls in a run.
    calls: u32,
}

/// The duration of a run of a calibrated subject.
///
/// A run is long compared with a reading of the clock, and short compared with the time slices of
/// the operating system.
const RUN: Duration = Duration::from_millis(2);

impl<'a> Subject<'a> {
    /// Creates a subject with one call per run.
    pub fn new(name: &'a str, run: impl FnMut() + 'a) -> Self {
        Self::with_calls(name, 1, run)
    }

    /// Creates a subject with as many calls per run as fit into two milliseconds.
    ///
    /// The compiler can inline the work into the loop over the calls, so a run contains only one
    /// dynamic call.
    pub fn calibrated(name: &'a str, call: impl FnMut() + 'a) -> Self {
        let mut subject = Self::with_calls(name, 1, call);
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

    /// Creates a subject that makes the calls of a run at the same time, such as on several
    /// connections. The argument of `run` is the number of calls. A run has at least 64 calls, and
    /// as many as fit into `span`.
    pub fn concurrent(name: &'a str, span: Duration, run: impl FnMut(u32) + 'a) -> Self {
        let call = Box::new(run);
        let mut subject = Self {
            name,
            call,
            calls: 64,
        };
        while subject.calls < 1 << 24 {
            let started = Instant::now();
            subject.run();
            if started.elapsed() * 2 > span {
                break;
            }
            subject.calls *= 2;
        }
        subject
    }

    /// Creates a subject with `calls` calls per run.
    pub fn with_calls(name: &'a str, calls: u32, mut call: impl FnMut() + 'a) -> Self {
        let call = Box::new(move |calls| (0..calls).for_each(|_| call()));
        Self { name, call, calls }
    }

    /// Executes one run.
    fn run(&mut self) {
        (self.call)(self.calls);
    }
}

/// The times of each subject in each round, in seconds per call.
pub struct Measurements {
    times: Vec<Vec<f64>>,
}

impl Measurements {
    /// Returns the time of a subject.
    pub fn time(&self, subject: usize) -> Spread {
        Spread::from_values(self.times_of(subject).to_vec())
    }

    /// Returns the ratio of the times of two subjects, computed per round.
    pub fn ratio(&self, subject: usize, other: usize) -> Spread {
        let both = self.times_of(subject).iter().zip(self.times_of(other));
        Spread::from_values(both.map(|(one, other)| one / other).collect())
    }

    fn times_of(&self, subject: usize) -> &[f64] {
        self.times
            .get(subject)
            .expect("a subject that was measured")
    }
}

/// The median and the quartiles of some values.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// Computes the median and the quartiles.
    pub fn from_values(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values.get(values.len().saturating_sub(1) * quarter / 4);
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

/// Measures subjects in turn, in `rounds` rounds after a warm-up round. In each round, each subject
/// runs `batch` times.
///
/// The order differs from round to round, so that a subject does not always run after the same
/// other subject, whose data is then in the caches.
pub fn measure(rounds: usize, batch: u32, subjects: &mut [Subject<'_>]) -> Measurements {
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
    Measurements { times }
}

/// Shuffles with Fisher-Yates and Marsaglia's xorshift. The sequence is the same in every run.
fn shuffle(order: &mut [usize], random: &mut u64) {
    for left in (2..=order.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let spread = usize::try_from(*random >> 32).unwrap_or_default();
        order.swap(left - 1, spread % left);
    }
}

/// Measures subjects in turn, and prints their median times and their ratios to the first subject.
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

/// Formats seconds in a suitable unit, with three digits.
pub fn format_time(seconds: f64) -> String {
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
