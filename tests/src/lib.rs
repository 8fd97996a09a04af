//! Shared code of the end-to-end tests.
//!
//! Builds both programs, runs them isolated from the user's own files, and finds third-party
//! verifiers such as OpenSSL and PyJWT.
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
    reason = "test support fails a test by panicking"
)]

pub mod programs;
mod run;
mod scratch;
pub mod server;
pub mod tools;
pub mod vendor;

pub use run::{PrintedError, Run, RunOutput};
pub use scratch::{Scratch, copy_files};
pub use vendor::Vendor;

/// Product file of a sample product with its own tiers.
pub const WIDGET: &str = include_str!("widget.toml");

/// Runs `keygen` with `args`.
pub fn keygen(scratch: &Scratch, args: &[&str]) -> RunOutput {
    Run::keygen(scratch).args(args).run()
}

/// Runs `license` with `args`.
pub fn license(scratch: &Scratch, args: &[&str]) -> RunOutput {
    Run::license(scratch).args(args).run()
}

/// Splits a command line at spaces.
pub fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}
