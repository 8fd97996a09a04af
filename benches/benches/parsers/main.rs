//! Time and peak memory of the parsers of untrusted input, for growing inputs.
//!
//! Prints the time for each byte as a ratio to the smallest input, and the memory as a multiple of
//! the size of the input. A parser takes linear time if the first ratio does not grow.
//!
//!     cargo bench -p license-benches --bench parsers
//!     cargo bench -p license-benches --bench parsers -- "usage report"
//!     cargo bench -p license-benches --bench parsers -- programs
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

mod programs;

use std::hint::black_box;
use std::time::{Duration, Instant};

use license_benches::{InputKind, Parser, format_time, parser_vendor, parsers};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The number of sizes. Each is a quarter of the next.
const SIZES: u32 = 4;

/// The minimum total time of the measurements of one size.
const MIN_TIME: Duration = Duration::from_millis(50);

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| {
        let mut names = words
            .iter()
            .filter(|word| !word.starts_with("--"))
            .peekable();
        names.peek().is_none() || names.any(|word| word == name)
    };
    let vendor = parser_vendor();
    println!("| parser | input | bytes | time | time of a byte, ratio | memory, multiple |");
    println!("|---|---|---|---|---|---|");
    for parser in parsers(&vendor) {
        for input in parser.inputs.iter().filter(|_| is_wanted(parser.name)) {
            report(&parser, input);
        }
    }
    if is_wanted("programs") {
        programs::print();
    }
}

/// Prints a row for each size.
fn report(parser: &Parser<'_>, input: &InputKind<'_>) {
    let mut smallest = None;
    for quarter in (0..SIZES).rev() {
        // The inputs are a little longer than requested.
        let text = (input.make)((parser.max_bytes >> (2 * quarter)) / 20 * 19);
        let (time, peak) = measure(input, &text);
        let size = bytes(text.len());
        let per_byte = time / size;
        let ratio = per_byte / *smallest.get_or_insert(per_byte);
        println!(
            "| {} | {} | {} | {} | {ratio:.2} | {:.1} |",
            parser.name,
            input.name,
            text.len(),
            format_time(time),
            peak / size,
        );
    }
}

/// Returns the shortest time in seconds, and the peak memory in bytes.
fn measure(input: &InputKind<'_>, text: &str) -> (f64, f64) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let started = Instant::now();
    let mut shortest = f64::INFINITY;
    while shortest.is_infinite() || started.elapsed() < MIN_TIME {
        let start = Instant::now();
        let _ = black_box((input.parse)(black_box(text)));
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    (shortest, bytes(peak))
}

fn bytes(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from)
}
