//! Requests and receipts of machines: armor, one line, QR text, and the compact form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::requests::{MachineRequest, readback};
use license_core::with_causes;
use license_fuzz::{assert_printable, bounded};

const MEMORY_FACTOR: u64 = 128;

fuzz_target!(|input: &[u8]| {
    if let Ok(request) = bounded(MEMORY_FACTOR, input, || MachineRequest::from_bytes(input)) {
        check(&request);
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match bounded(MEMORY_FACTOR, input, || MachineRequest::parse(text)) {
        Ok(request) => check(&request),
        Err(error) => assert_printable(&with_causes(&error)),
    }
});

fn check(request: &MachineRequest) {
    let bytes = request.to_bytes();
    assert_eq!(&MachineRequest::from_bytes(&bytes).unwrap(), request);
    let lines = readback::to_lines(&bytes).unwrap().join("\n");
    for text in [
        request.to_armor(),
        request.to_line(),
        request.to_qr_text(),
        lines,
    ] {
        assert_eq!(&MachineRequest::parse(&text).unwrap(), request, "{text}");
    }
}
