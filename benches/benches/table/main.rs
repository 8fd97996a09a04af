//! The table of `docs/performance.md`: the time of library calls, compared with lower bounds and
//! with other libraries.
//!
//!     cargo bench -p license-benches --features peers --bench table
//!
//! `-- WORD` measures only the rows whose names contain the word. Without the feature, the table
//! omits other libraries.
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

mod batch;
mod issuing;
mod revocations;
mod verifying;

use std::env;
use std::process::Command;

use license_benches::{Row, SampleVendor};
use license_core::issue::KeyBits;

/// The option that measures the rows in pure Rust. They need their own process, because
/// `jsonwebtoken` has one cryptography library per process.
const PURE_RUST: &str = "--pure-rust";

fn main() {
    let words: Vec<_> = env::args().skip(1).collect();
    let is_pure_rust = words.iter().any(|word| word == PURE_RUST);
    let words: Vec<_> = words
        .into_iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let is_wanted = |work: &str| words.iter().all(|word| work.contains(word.as_str()));
    let vendors = Vendors::new();
    if is_pure_rust {
        print(verifying::pure_rust(&vendors), is_wanted);
        return;
    }
    #[cfg(feature = "peers")]
    license_benches::Provider::AwsLc.install();
    Row::print_head();
    print(verifying::aws_lc(&vendors), is_wanted);
    let this = env::current_exe().unwrap();
    let status = Command::new(this).arg(PURE_RUST).args(&words).status();
    assert!(status.unwrap().success());
    print(verifying::deciding(&vendors), is_wanted);
    print(batch::rows(&vendors), is_wanted);
    print(revocations::rows(), is_wanted);
    print(issuing::rows(&vendors), is_wanted);
}

/// The vendors, one for each key size.
struct Vendors {
    small: SampleVendor,
    large: SampleVendor,
}

impl Vendors {
    fn new() -> Self {
        Self {
            small: SampleVendor::new(KeyBits::B2048),
            large: SampleVendor::new(KeyBits::B4096),
        }
    }
}

/// The name of a row, and the function that creates the row just before it is measured.
type Planned<'a> = (&'static str, Box<dyn FnOnce(&'static str) -> Row<'a> + 'a>);

fn print(rows: Vec<Planned<'_>>, is_wanted: impl Fn(&str) -> bool) {
    for (work, set_up) in rows {
        if is_wanted(work) {
            set_up(work).print();
        }
    }
}
