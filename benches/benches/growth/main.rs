//! How cost grows: tokens, trust sets, product files, revocation lists and ledgers from small to large, each a line on a plot in `docs/`.
//!
//!     cargo bench -p license-benches --bench growth
//!     cargo bench -p license-benches --bench growth -- ledgers 1000000
//!
//! A word chooses one plot, a number the rows of the largest ledger.
#![allow(missing_docs, reason = "a program, and no library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends where it can't be set up"
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
            tell(name, title, sizes, &lines());
        }
    };
    draw(
        "tokens",
        "A license of RSA-2048 verified and evaluated",
        "bytes of the token",
        &tokens::lines,
    );
    draw("keys", "A trust set", "keys in the set", &keys::lines);
    draw(
        "matrices",
        "A product file",
        "features of a tier",
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
        "A machine with a revocation list, and with sessions that were left behind",
        "licenses on the list; sessions",
        &state::lines,
    );
    draw(
        "ledgers",
        "A ledger, by the programs of a vendor",
        "rows of the ledger",
        &|| ledgers::lines(rows),
    );
}

/// Prints the lines as a table, and draws them.
fn tell(name: &str, title: &str, sizes: &str, lines: &[Line]) {
    println!(
        "{title}\n\n| {sizes} | from | to | exponent | of the last decade |\n|---|---|---|---|---|"
    );
    for line in lines {
        let [from, to] =
            [line.points.first(), line.points.last()].map(|point| told(*point.unwrap()));
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

/// What a size takes.
fn told(Point { size, time }: Point) -> String {
    format!("{}: {}", size, license_benches::time(time))
}
