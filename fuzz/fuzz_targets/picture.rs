//! Pictures of QR codes: files, and gray levels as a decoder returns them.
//!
//! An input that does not begin like a picture is the width in two bytes, and gray levels.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_cli_support::fuzzing;
use license_fuzz::assert_printable;

fuzz_target!(|input: &[u8]| {
    let read = if fuzzing::is_picture(input) {
        fuzzing::read_picture(input)
    } else if let Some((width, levels)) = input.split_first_chunk() {
        fuzzing::search(u16::from_be_bytes(*width).into(), levels)
    } else {
        return;
    };
    if let Err(message) = read {
        assert_printable(&message);
    }
});
