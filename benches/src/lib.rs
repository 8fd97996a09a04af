//! Measuring side by side: machines differ from run to run, so that only ratios within one run mean anything.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints, and ends where it can't be set up"
)]

use std::time::{Duration, Instant};

/// Something to be measured.
pub struct Subject<'a> {
    /// What it is called in the table.
    pub name: &'a str,
    /// One run of it.
    pub run: Box<dyn FnMut() + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject of this name.
    pub fn new(name: &'a str, run: impl FnMut() + 'a) -> Self {
        let run = Box::new(run);
        Self { name, run }
    }
}

/// Runs each in turn, so many rounds, and prints the median of each with its ratio to the first.
///
/// # Panics
///
/// When there is nothing to measure.
pub fn compare(title: &str, rounds: usize, batch: u32, mut subjects: Vec<Subject<'_>>) {
    let mut times = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..=rounds {
        for (subject, times) in subjects.iter_mut().zip(&mut times) {
            let started = Instant::now();
            for _ in 0..batch {
                (subject.run)();
            }
            // The first round warms up.
            if round > 0 {
                times.push(started.elapsed() / batch);
            }
        }
    }
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    let first = medians.first().expect("there is something to measure");
    println!("{title} (median of {rounds}, in turn)");
    for (subject, time) in subjects.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / first.as_secs_f64();
        println!("  {:44} {time:>12.2?}  {ratio:8.3}", subject.name);
    }
    println!();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
