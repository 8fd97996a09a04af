//! Hexadecimal encoding.

use std::fmt;

/// Writes bytes as hexadecimal digits in lower case.
pub(crate) fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // A JSON writer escapes each part of a text by itself, so few parts are faster than many.
    bytes.chunks(WRITTEN_BYTES).try_for_each(|part| {
        let mut text = [[0; 2]; WRITTEN_BYTES];
        for (pair, byte) in text.iter_mut().zip(part) {
            *pair = digits(*byte);
        }
        let text = text
            .as_flattened()
            .get(..2 * part.len())
            .unwrap_or_default();
        // The digits are ASCII.
        f.write_str(std::str::from_utf8(text).unwrap_or_default())
    })
}

/// The number of bytes that are written at once, as many as a SHA-256 digest has.
const WRITTEN_BYTES: usize = 32;

/// Encodes bytes as hexadecimal digits in lower case.
///
/// ```
/// use license_core::encoding::hex;
///
/// assert_eq!(hex::encode(&[0x00, 0xaf]), "00af");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| digits(*byte)).collect::<Vec<_>>();
    let digits = digits.into_flattened();
    // The digits are ASCII.
    String::from_utf8(digits).unwrap_or_default()
}

/// Returns the two digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|nibble| match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    })
}

/// Decodes exactly `N` bytes from digits in upper or lower case.
///
/// Returns `None` if the text does not have `2 * N` characters, or if a character is not a
/// hexadecimal digit.
///
/// ```
/// use license_core::encoding::hex;
///
/// assert_eq!(hex::decode("00AF"), Some([0x00, 0xaf]));
/// assert_eq!(hex::decode::<3>("00AF"), None);
/// ```
pub fn decode<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

/// Decodes exactly `N` bytes from digits in lower case, the canonical form.
///
/// Returns `None` for the texts that [`decode`] rejects, and for digits in upper case.
///
/// ```
/// use license_core::encoding::hex;
///
/// assert_eq!(hex::decode_lower("00af"), Some([0x00, 0xaf]));
/// assert_eq!(hex::decode_lower::<2>("00AF"), None);
/// ```
pub fn decode_lower<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let has_upper = digits.bytes().any(|digit| digit.is_ascii_uppercase());
    decode(digits).filter(|_| !has_upper)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Implements the text form of a type that wraps bytes: hexadecimal digits in lower case.
macro_rules! hex_text {
    ($name:ident, $expected:literal) => {
        impl $name {
            #[doc = concat!("Parses ", $expected, ".")]
            pub fn parse(text: &str) -> Option<Self> {
                $crate::encoding::hex::decode_lower(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&$crate::encoding::hex::encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        $crate::encoding::value::text_value!($name, $expected);
    };
}
pub(crate) use hex_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_decode_to_the_bytes_that_they_encode() {
        assert_eq!(encode(&[0x00, 0xaf, 0xff]), "00afff");
        assert_eq!(decode("00AFff"), Some([0x00, 0xaf, 0xff]));
        assert_eq!(decode_lower("00afff"), Some([0x00, 0xaf, 0xff]));
        assert_eq!(decode_lower::<3>("00AFff"), None);
    }

    #[test]
    fn texts_of_any_length_are_written_as_they_are_encoded() {
        struct Written(Vec<u8>);
        impl fmt::Display for Written {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(&self.0, f)
            }
        }
        for length in [0, 1, 31, 32, 33, 64, 70] {
            let bytes: Vec<u8> = (0..length).map(|byte| byte ^ 0xa5).collect();
            assert_eq!(Written(bytes.clone()).to_string(), encode(&bytes));
        }
    }

    #[test]
    fn wrong_lengths_and_characters_are_refused() {
        for digits in ["", "0", "00a", "00afff0", "00affg", "+0afff", "ä0af"] {
            assert_eq!(decode::<3>(digits), None, "{digits}");
        }
    }
}
