//! Smallest program with a `clap` command line, for comparison with `license`.

use std::path::PathBuf;

use clap::Parser;

/// Parses its command line and exits
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A file
    file: PathBuf,
}

fn main() {
    let _ = Arguments::parse().file;
}
