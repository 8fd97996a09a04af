//! The programs of the README and of `docs/developer.md`, and the commands of `docs/coming-from`,
//! behave as these documents state.
//!
//! The test `documents` compares the programs with the documents.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and the server of the guide writes a log"
)]

mod build_date;
#[cfg(unix)]
mod coming_from;
#[cfg(unix)]
mod other_languages;
mod readme_gate;
mod server;
mod snippets;
mod verify_at;
