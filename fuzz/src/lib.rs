//! Properties that several fuzz targets check.

pub mod fixtures;
pub mod json;
pub mod token;

/// Memory in bytes that a parser may use whatever the size of its input.
const FIXED_BYTES: u64 = 16 * 1024;

/// Runs a parser, and fails if it allocates more than `factor` bytes for each byte of its input at
/// the same time.
pub fn bounded<T>(factor: u64, input: &[u8], parse: impl FnOnce() -> T) -> T {
    let mut result = None;
    let allocated = allocation_counter::measure(|| result = Some(parse())).bytes_max;
    let length = u64::try_from(input.len()).unwrap();
    let limit = FIXED_BYTES + factor * length;
    assert!(
        allocated <= limit,
        "expected at most {limit} bytes of memory for {length} bytes, found {allocated}"
    );
    result.unwrap()
}

/// Fails if a message contains control characters, which could change what a terminal shows.
pub fn assert_printable(message: &str) {
    let control = message.chars().find(|character| character.is_control());
    assert_eq!(control, None, "{message:?}");
}
