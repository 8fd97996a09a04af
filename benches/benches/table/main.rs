//! The table of `docs/performance.md`: what the library costs beside its limits and beside others, measured in turn.
//!
//!     cargo bench -p license-benches --features peers --bench table
//!
//! `-- WORD` measures the rows that have the word in their names. Without the feature, the others are left out.
#![allow(missing_docs, reason = "a program, and no library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends where it can't be set up"
)]

mod batch;
mod minting;
mod revocations;
mod verifying;

use std::env;
use std::process::Command;

use license_benches::{Row, Vendor};
use license_core::issue::KeyBits;

/// The rows whose other library is the one in pure Rust, of which a process has one: so those are measured by a process of their own.
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
    print(minting::rows(&vendors), is_wanted);
}

/// A vendor of each size of key.
struct Vendors {
    small: Vendor,
    large: Vendor,
}

impl Vendors {
    fn new() -> Self {
        Self {
            small: Vendor::new(KeyBits::B2048),
            large: Vendor::new(KeyBits::B4096),
        }
    }
}

/// A row's name, and how it is set up once it is its turn.
type Planned<'a> = (&'static str, Box<dyn FnOnce(&'static str) -> Row<'a> + 'a>);

fn print(rows: Vec<Planned<'_>>, is_wanted: impl Fn(&str) -> bool) {
    for (work, set_up) in rows {
        if is_wanted(work) {
            set_up(work).print();
        }
    }
}
