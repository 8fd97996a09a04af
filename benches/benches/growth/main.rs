//! Growth of cost with the size of tokens, trust sets, product files, revocation lists and ledgers.
//! Writes the plots in `docs/performance/`.
//!
//!     cargo bench -p license-benches --bench growth
//!     cargo bench -p license-benches --bench growth -- ledgers 1000000
//!
//! A word selects a plot. A number sets the rows of the largest ledger.
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

mod keys;
mod ledgers;
mod matrices;
mod revocations;
mod state;
mod tokens;

use std::env;
use std::path::Path;

use license_benches::{Line, Plot, Point};

fn main() {
    let words: Vec<_> = env::args().skip(1).collect();
    let rows = words.iter().filter_map(|word| word.parse().ok()).next();
    let rows: u32 = rows.unwrap_or(100_000);
    let names: Vec<_> = words
        .iter()
        .filter(|word| !word.starts_with("--") && word.parse::<u32>().is_err())
        .collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|word| *word == name);
    let draw = |name: &str, title: &str, sizes: &str, lines: &dyn Fn() -> Vec<Line>| {
        if is_wanted(name) {
            report(name, title, sizes, &lines());
        }
    };
    draw(
        "tokens",
        "Verify and evaluate an RSA-2048 license",
        "bytes of the token",
        &tokens::lines,
    );
    draw("keys", "A trust set", "keys in the set", &keys::lines);
    draw(
        "matrices",
        "A product file",
        "features per tier",
        &matrices::lines,
    );
    draw(
        "revocations",
        "A revocation list",
        "licenses on the list",
        &revocations::lines,
    );
    draw(
        "state",
        "A machine with a revocation list, and with stale sessions",
        "licenses on the list; sessions",
        &state::lines,
    );
    draw(
        "ledgers",
        "A ledger, used through `keygen`",
        "rows in the ledger",
        &|| ledgers::lines(rows),
    );
}

/// Prints the lines as a table, and writes the plot.
fn report(name: &str, title: &str, sizes: &str, lines: &[Line]) {
    println!(
        "{title}\n\n| {sizes} | smallest | largest | exponent | exponent of the last decade |\n|---|---|---|---|---|"
    );
    for line in lines {
        let [from, to] =
            [line.points.first(), line.points.last()].map(|point| format_point(*point.unwrap()));
        let (all, last) = (line.exponent(), line.last_exponent());
        println!("| {} | {from} | {to} | {all:.2} | {last:.2} |", line.name);
    }
    println!();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance");
    let file = docs.join(format!("{name}.svg"));
    Plot {
        title,
        sizes,
        lines,
    }
    .write(&file);
}

/// Formats a point of a line.
fn format_point(Point { size, time }: Point) -> String {
    format!("{}: {}", size, license_benches::format_time(time))
}
