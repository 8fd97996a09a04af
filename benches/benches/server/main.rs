//! The table of the server in `docs/performance.md`: requests per second, compared with lower
//! bounds that are measured in the same run, then latency, memory, start and growth.
//!
//!     cargo bench -p license-benches --bench server
//!
//! - `-- WORD` measures only the rows whose names contain the word.
//! - `-- --licenses 1000` installs fewer licenses.
//! - `-- --relay http://127.0.0.1:6349` also measures a Keygen Relay, which needs 64 licenses.
//! - `-- growth` draws the plots `docs/performance/leases.svg` and `pools.svg`.
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

mod growth;
mod limits;
mod process;
mod rate;
mod requests;

use clap::Parser;
use license_benches::SampleVendor;
use license_core::issue::KeyBits;

/// The options after `--`.
#[derive(Debug, Parser)]
struct Options {
    /// Words that the name of a row must contain.
    words: Vec<String>,
    /// The number of installed licenses.
    #[arg(long, default_value_t = 100_000)]
    licenses: u32,
    /// The largest number of leases in the plots.
    #[arg(long, default_value_t = 100_000)]
    leases: u32,
    /// The number of rounds.
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// The URL of a Keygen Relay.
    #[arg(long)]
    relay: Option<String>,
    /// Cargo passes this option.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn is_wanted(&self, row: &str) -> bool {
        self.words.iter().all(|word| row.contains(word.as_str()))
    }
}

fn main() {
    let options = Options::parse();
    let vendor = SampleVendor::new(KeyBits::B2048);
    requests::print(&options, &vendor);
    process::print(&options, &vendor);
    growth::print(&options, &vendor);
}
