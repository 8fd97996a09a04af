//! The smallest program with a command line of `clap`: what `license` is measured beside.

use std::path::PathBuf;

use clap::Parser;

/// Takes a file
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A file
    file: PathBuf,
}

fn main() {
    let _ = Arguments::parse().file;
}
