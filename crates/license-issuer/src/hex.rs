//! Hexadecimal digits.

/// Returns the bytes as lowercase hexadecimal digits.
///
/// ```
/// assert_eq!(license_issuer::hex::encode(&[0x0a, 0xff]), "0aff");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
