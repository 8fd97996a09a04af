//! The continuous check: counts what one call of the hottest paths costs, in instructions and allocations, and fails when a count has
//! grown by a tenth over `baseline.txt`. Counts and not times, since times differ from run to run.
//!
//!     cargo run --release -p license-counts             # checks
//!     cargo run --release -p license-counts -- update   # writes the baseline anew
//!
//! Valgrind counts. To every processor with AVX2 it shows the same one, so that libraries which choose their code by the processor choose
//! the same everywhere.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a check prints, and ends where it can't be set up"
)]

mod baseline;
mod count;
mod path;

use std::env;
use std::process::ExitCode;

use baseline::{Baseline, Verdict};
use count::Count;
use path::Path;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => return check(),
        ["update"] => counted().write(),
        // What runs under Valgrind.
        [path, times] => {
            let path = Path::named(path).expect("a path");
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
    let count = |path: Path| (path.name().to_owned(), Count::of(path));
    Baseline(Path::WATCHED.map(count).into())
}

fn check() -> ExitCode {
    let baseline = Baseline::read().expect("a baseline, see `update`");
    println!(
        "{:10} {:>34} {:>34} {:>34}",
        "one call", "instructions", "allocations", "bytes"
    );
    let verdicts: Vec<_> = counted()
        .0
        .iter()
        .flat_map(|(path, now)| tell(path, baseline.get(path), *now))
        .collect();
    if verdicts.contains(&Verdict::Fell) {
        println!("\nFELL by a tenth or more: lower the baseline, so that it stays low:");
        println!("    {UPDATE}");
    }
    if !verdicts.contains(&Verdict::Grew) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: a hot path has grown by a tenth or more over benches/counts/baseline.txt");
    eprintln!("hint: find what it does more; if that is worth it, {UPDATE}");
    ExitCode::FAILURE
}

const UPDATE: &str = "cargo run --release -p license-counts -- update";

/// Prints a line, and returns what it says. Of a path that has no line in the baseline, everything has grown.
fn tell(path: &str, before: Option<Count>, now: Count) -> [Verdict; 3] {
    let figures = |count: Count| [count.instructions, count.allocations, count.bytes];
    let before = before.map_or([0; 3], figures);
    let now = figures(now);
    print!("{path:10}");
    let pairs = [0, 1, 2].map(|at| (before.get(at).copied(), now.get(at).copied()));
    let verdicts = pairs.map(|(before, now)| {
        let (before, now) = (before.unwrap_or(0), now.unwrap_or(0));
        let verdict = Verdict::of(before, now);
        let told = format!("{now} (was {before}, {verdict:?})");
        print!(" {told:>34}");
        verdict
    });
    println!();
    verdicts
}
