//! The memory of the parsers of untrusted input, compared with the documented maximum.
#![allow(missing_docs, reason = "a test is not a library")]

use license_benches::{parser_vendor, parsers};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The memory in bytes that a parser may take for any input.
const CONSTANT: usize = 16 * 1024;

/// The maximum size of the tested inputs. The bench `parsers` measures up to the real maximum.
const MAX_TESTED: usize = 512 * 1024;

/// There is only one test in this file, because the allocator counts the memory of all threads.
#[test]
fn a_parser_takes_at_most_the_documented_multiple_of_its_input() {
    let vendor = parser_vendor();
    let mut failures = Vec::new();
    for parser in parsers(&vendor) {
        for input in &parser.inputs {
            // Some inputs are a little longer than requested.
            let text = (input.make)(parser.max_bytes.min(MAX_TESTED) / 20 * 19);
            assert!(text.len() <= parser.max_bytes, "{}", input.name);
            // The first call creates tables that later calls use too.
            let _ = (input.parse)(&text[..0]);
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let is_accepted = (input.parse)(&text);
            let peak = ALLOCATOR.peak_usage().saturating_sub(before);
            let (name, kind, factor) = (parser.name, &input.name, parser.factor);
            let multiple = peak.saturating_sub(CONSTANT).div_ceil(text.len());
            println!("{name}, {kind} (accepted: {is_accepted}): {multiple} of {factor}");
            if multiple > factor {
                failures.push(format!("{name}, {kind}: {multiple} instead of {factor}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
