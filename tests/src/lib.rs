//! What the tests of the whole system share: the two programs, built and run apart from the user's own files, and other
//! people's verifiers as witnesses.
//!
//! ```no_run
//! use license_tests::{Run, Scratch};
//!
//! let scratch = Scratch::new();
//! let outcome = Run::license(&scratch).arg("--version").run().expect_code(0);
//! assert!(outcome.stdout.starts_with("license "));
//! ```
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a harness fails its test by panicking"
)]

pub mod programs;
mod run;
mod scratch;
pub mod tools;
pub mod vendor;

pub use run::{Complaint, Outcome, Run};
pub use scratch::Scratch;
pub use vendor::Vendor;

/// The product file of a made-up product with tiers of its own.
pub const WIDGET: &str = include_str!("widget.toml");

/// Runs `keygen` with these arguments.
pub fn keygen(scratch: &Scratch, args: &[&str]) -> Outcome {
    Run::keygen(scratch).args(args).run()
}

/// Runs `license` with these arguments.
pub fn license(scratch: &Scratch, args: &[&str]) -> Outcome {
    Run::license(scratch).args(args).run()
}

/// Splits a command line at spaces.
pub fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}
