//! The documents agree with the code: Rust code, reason codes, names of items, the tier table,
//! links, decision records and diagrams.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod blocks;
mod codes;
mod diagrams;
mod forms;
mod json;
mod links;
mod markdown;
mod names;
mod records;
mod references;
#[allow(
    dead_code,
    reason = "the test `layers` uses the other functions of the module"
)]
#[path = "../layers/sources.rs"]
mod sources;
mod tiers;

use std::fs;

use license_tests::programs;

/// Reads a document, by its path below the workspace.
fn document(path: &str) -> String {
    let path = programs::workspace().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
