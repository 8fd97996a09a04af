//! Hexadecimal digits.

/// Returns the bytes as hexadecimal digits in lower case.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
