//! Check of the cost of hot paths, in CI.
//!
//! Counts the instructions and allocations of one call, and fails if a count exceeds `baseline.txt`
//! by a tenth. It does not measure times, because they differ from run to run.
//!
//!     cargo run --release -p license-counts             # check
//!     cargo run --release -p license-counts -- update   # write the baseline
//!
//! Valgrind does the counting. It simulates the same processor on every machine with AVX2, so that
//! libraries with code for several processors choose the same code everywhere.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a check prints, and panics if its setup fails"
)]

mod baseline;
mod count;
mod path;

use std::env;
use std::process::ExitCode;

use baseline::{Baseline, Verdict};
use count::Count;
use path::CodePath;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => return check(),
        ["update"] => counted().write(),
        // The process that runs under Valgrind.
        [path, times] => {
            let path = CodePath::from_name(path).expect("the name of a code path");
            path.run(times.parse().expect("a number"));
        }
        _ => {
            eprintln!("expected no argument or `update`");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn counted() -> Baseline {
    let count = |path: CodePath| (path.name().to_owned(), Count::measure(path));
    Baseline(CodePath::WATCHED.map(count).into())
}

fn check() -> ExitCode {
    let baseline = Baseline::read().expect("baseline.txt exists; otherwise run with `update`");
    println!(
        "{:10} {:>34} {:>34} {:>34}",
        "one call", "instructions", "allocations", "bytes"
    );
    let verdicts: Vec<_> = counted()
        .0
        .iter()
        .flat_map(|(path, now)| report(path, baseline.get(path), *now))
        .collect();
    if verdicts.contains(&Verdict::Fell) {
        println!("\nFELL by a tenth or more. Update the baseline, so that the cost stays low:");
        println!("    {UPDATE}");
    }
    if !verdicts.contains(&Verdict::Grew) {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "error: the cost of a hot path exceeds benches/counts/baseline.txt by a tenth or more"
    );
    eprintln!("hint: find the additional work and remove it; if it is needed, run `{UPDATE}`");
    ExitCode::FAILURE
}

const UPDATE: &str = "cargo run --release -p license-counts -- update";

/// Prints a line and returns its verdicts. A path without a baseline counts as grown.
fn report(path: &str, before: Option<Count>, now: Count) -> [Verdict; 3] {
    let figures = |count: Count| [count.instructions, count.allocations, count.bytes];
    let before = before.map_or([0; 3], figures);
    let now = figures(now);
    print!("{path:10}");
    let pairs = [0, 1, 2].map(|at| (before.get(at).copied(), now.get(at).copied()));
    let verdicts = pairs.map(|(before, now)| {
        let (before, now) = (before.unwrap_or(0), now.unwrap_or(0));
        let verdict = Verdict::compare(before, now);
        let text = format!("{now} (was {before}, {verdict:?})");
        print!(" {text:>34}");
        verdict
    });
    println!();
    verdicts
}
