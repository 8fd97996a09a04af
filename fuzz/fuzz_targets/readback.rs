//! Readback lines, which people read to each other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::requests::readback;
use license_core::with_causes;
use license_fuzz::{assert_printable, bounded};

const MEMORY_FACTOR: u64 = 128;

fuzz_target!(|input: &[u8]| {
    if let Ok(lines) = readback::to_lines(input) {
        assert!(input.len() <= readback::MAX_BYTES);
        assert_eq!(readback::from_lines(&lines.join("\n")).unwrap(), input);
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match bounded(MEMORY_FACTOR, input, || readback::from_lines(text)) {
        Ok(content) => {
            let lines = readback::to_lines(&content).unwrap().join("\n");
            assert_eq!(readback::from_lines(&lines).unwrap(), content);
        }
        Err(error) => assert_printable(&with_causes(&error)),
    }
});
