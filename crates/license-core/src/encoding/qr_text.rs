//! Texts of small QR codes: a prefix, and bytes as decimal digits.
//!
//! A QR code stores a digit in 10/3 bits (ISO/IEC 18004), so seven bytes, which are 17 digits, take
//! 56.7 bits. Digits also survive mail programs, which may break lines and change letters.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::pasted::{FoundText, Position, is_invisible, offset_and_body, plain_dash};

/// The prefix of a token.
pub(crate) const TOKEN: &str = "LICENSE-TOKEN:";
/// The prefix of a machine request or deactivation receipt.
pub(crate) const REQUEST: &str = "LICENSE-REQUEST:";

/// The number of bytes that are converted together.
const GROUP_BYTES: usize = 7;
/// The number of digits for each number of bytes in a group.
const DIGITS: [usize; GROUP_BYTES + 1] = [0, 3, 5, 8, 10, 13, 15, 17];
const GROUP_DIGITS: usize = 17;
/// The length of the check value, a prefix of a SHA-256. It detects accidental changes only.
const CHECK_BYTES: usize = 4;

/// The reason why the text of a QR code cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QrTextError {
    /// There is another character than a digit.
    #[error("at {position}: expected a digit of a QR code, found {found}")]
    Character {
        /// The position in the input.
        position: Position,
        /// The character.
        found: FoundText,
    },
    /// The number of digits is not possible, or a group of digits is too large.
    #[error("expected all digits of a QR code, found {found}; digits are missing or were changed")]
    Digits {
        /// The number of digits.
        found: usize,
    },
    /// The check value does not match the content.
    #[error(
        "the digits of the QR code do not match their check value: some were changed or cut off"
    )]
    Check,
    /// The content has another form.
    #[error("expected a token in the QR code, found other content")]
    Content,
}

/// Returns the text for a QR code.
pub(crate) fn write(prefix: &str, content: &[u8]) -> String {
    let bytes = [content, &check(prefix, content)].concat();
    let mut text = prefix.to_owned();
    for group in bytes.chunks(GROUP_BYTES) {
        let value = group
            .iter()
            .fold(0, |value: u64, byte| (value << 8) | u64::from(*byte));
        let width = DIGITS.get(group.len()).copied().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:0width$}");
    }
    text
}

/// Returns the content of a text with this prefix, or `None` if the text has another prefix.
pub(crate) fn read(prefix: &str, text: &str) -> Option<Result<Vec<u8>, QrTextError>> {
    let start = digits_of(prefix, text)?;
    Some(digits(text, start).and_then(|digits| {
        let mut content = bytes(&digits)?;
        let split = content.len().checked_sub(CHECK_BYTES);
        let check_value = content.split_off(split.ok_or(QrTextError::Check)?);
        if check(prefix, &content).as_slice() == check_value {
            Ok(content)
        } else {
            Err(QrTextError::Check)
        }
    }))
}

/// Returns the first bytes of a text with this prefix, of which the end may be missing.
pub(crate) fn first_bytes(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let digits = digits(text, digits_of(prefix, text)?).ok()?;
    bytes(digits.get(..GROUP_DIGITS)?).ok()
}

/// Returns whether a text begins like the text of a QR code.
pub(crate) fn has_prefix(text: &str) -> bool {
    let mut prefixes = [TOKEN, REQUEST].into_iter();
    prefixes.any(|prefix| digits_of(prefix, text).is_some())
}

/// Returns the offset of the digits in a text with this prefix.
fn digits_of(prefix: &str, text: &str) -> Option<usize> {
    let (offset, body) = offset_and_body(text);
    let mut length = 0;
    let mut characters = body.chars();
    for expected in prefix.chars() {
        let found = characters.next()?;
        length += found.len_utf8();
        if plain_dash(found).to_ascii_uppercase() != expected {
            return None;
        }
    }
    Some(offset + length)
}

/// Returns the digits of a text from an offset on, without white space and quotes around them.
fn digits(text: &str, start: usize) -> Result<String, QrTextError> {
    let (offset, body) = offset_and_body(text);
    let end = offset + body.len();
    let mut digits = String::with_capacity(end.saturating_sub(start));
    for (at, character) in text.get(start..end).unwrap_or_default().char_indices() {
        if character.is_ascii_digit() {
            digits.push(character);
        } else if !character.is_whitespace() && !is_invisible(character) {
            return Err(QrTextError::Character {
                position: Position::from_offset(text, start + at),
                found: FoundText::Character(character),
            });
        }
    }
    Ok(digits)
}

fn bytes(digits: &str) -> Result<Vec<u8>, QrTextError> {
    let error = QrTextError::Digits {
        found: digits.len(),
    };
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut rest = digits;
    while !rest.is_empty() {
        let (group, after) = rest.split_at_checked(GROUP_DIGITS).unwrap_or((rest, ""));
        let count = DIGITS.iter().position(|width| *width == group.len());
        let count = count.ok_or(error)?;
        let value: u64 = group.parse().map_err(|_| error)?;
        let value = value.to_be_bytes();
        let (zeros, group) = value.split_at_checked(value.len() - count).ok_or(error)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(error);
        }
        bytes.extend(group);
        rest = after;
    }
    Ok(bytes)
}

fn check(prefix: &str, content: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new().chain_update(prefix).chain_update(content);
    let digest: [u8; 32] = digest.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_all_lengths_round_trip() {
        for length in 0..60 {
            for byte in [0, 1, 0x7f, 0xff] {
                let content = vec![byte; length];
                let text = write(TOKEN, &content);
                assert_eq!(read(TOKEN, &text).unwrap().unwrap(), content);
                assert_eq!(read(REQUEST, &text), None);
            }
        }
    }

    /// The example in `docs/format.md`.
    #[test]
    fn two_bytes_and_their_check_are_15_digits() {
        assert_eq!(write(REQUEST, &[1, 2]), "LICENSE-REQUEST:001109134673546");
    }

    #[test]
    fn seven_bytes_are_17_digits() {
        let text = write(REQUEST, &[0xff; 70 - CHECK_BYTES]);
        assert_eq!(text.len(), REQUEST.len() + 170);
        assert!(text.starts_with("LICENSE-REQUEST:72057594037927935"));
    }

    #[test]
    fn changes_of_mail_programs_do_no_harm() {
        let content = b"some content of a request";
        let text = write(REQUEST, content);
        let (first, last) = text.split_at(30);
        for changed in [
            format!("\u{feff}{text}\r\n"),
            format!("\"{first}\r\n  {last}\""),
            text.to_lowercase(),
            text.replace('-', "\u{2013}"),
            text.replace("1", "1\u{200b}"),
        ] {
            assert_eq!(
                read(REQUEST, &changed).unwrap().unwrap(),
                content,
                "{changed}"
            );
        }
    }

    #[test]
    fn every_wrong_or_missing_digit_is_detected() {
        let text = write(TOKEN, b"some content of a token");
        for at in TOKEN.len()..text.len() {
            let (before, after) = text.split_at(at);
            let digit = after.as_bytes()[0];
            let other = char::from(b'0' + (digit - b'0' + 1) % 10);
            let changed = format!("{before}{other}{}", &after[1..]);
            assert!(read(TOKEN, &changed).unwrap().is_err(), "{changed}");
            assert!(read(TOKEN, before).unwrap().is_err(), "{before}");
            let missing = format!("{before}{}", &after[1..]);
            assert!(read(TOKEN, &missing).unwrap().is_err(), "{missing}");
        }
    }

    #[test]
    fn another_character_is_named_with_its_position() {
        let error = read(TOKEN, "LICENSE-TOKEN:12\n3O4").unwrap().unwrap_err();
        let expected = "at line 2, character 2: expected a digit of a QR code, found `O`";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_first_bytes_of_a_long_text_are_read() {
        let text = write(REQUEST, &[1, 3, 5, 7, 9, 11, 13, 15]);
        assert_eq!(
            first_bytes(REQUEST, &text[..40]).unwrap(),
            [1, 3, 5, 7, 9, 11, 13]
        );
        assert_eq!(first_bytes(TOKEN, &text), None);
        assert_eq!(first_bytes(REQUEST, "LICENSE-REQUEST:12"), None);
    }
}
