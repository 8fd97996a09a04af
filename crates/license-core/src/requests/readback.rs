//! Readback lines: bytes as short numbered lines that people read to each other over the phone.
//!
//! ```text
//! 01  10MP-7H7E-AY4J-CBY6      number of bytes, and a digest of all bytes
//! 02  000G-40R4-0M30-E2XC      14 characters of content, 2 check characters
//! ```
//!
//! Each line has four groups of four characters, like the number of a payment card. The alphabet is
//! Crockford's base 32, without I, L, O and U. The check characters of each line are those of a
//! Reed-Solomon code. They detect one or two wrong characters in a line, including its number, and
//! therefore swapped characters and swapped lines. The first line contains 55 bits of a digest,
//! which detects that lines come from different contents. Readback lines detect mistakes. They do
//! not authenticate.
//!
//! ```
//! use license_core::requests::readback;
//!
//! let lines = readback::to_lines(b"short content")?;
//! assert_eq!(lines.len(), 3);
//!
//! // Lower case, other hyphens, letters for digits, and any order are accepted.
//! let typed = [lines[2].to_lowercase(), lines[0].replace('-', " "), lines[1].clone()];
//! let typed = typed.join("\n").replace('0', "o");
//! assert_eq!(readback::from_lines(&typed)?, b"short content");
//!
//! let error = readback::from_lines(&lines[..2].join("\n")).unwrap_err();
//! assert_eq!(error.to_string(), "line 3: missing");
//! # Ok::<(), readback::ReadbackError>(())
//! ```

mod check;
mod collected;
mod error;
mod line;
mod typed;

pub use error::{LineFault, LineFaultKind, ReadbackError};

use collected::CollectedLines;
use line::{CONTENT_CHARACTERS, Line, LineContent};

use sha2::{Digest, Sha256};

use crate::encoding::layout::has_block;

/// Maximum number of content bytes. A content of this size has 60 lines, which take half an hour to
/// read. Larger contents need a file or a QR code.
pub const MAX_BYTES: usize = 512;

/// Maximum size of a text in bytes: several times the size of the maximum number of lines.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Format version, which is the first character of the first line.
const VERSION: u8 = 1;
const BITS_PER_BYTE: usize = 8;
const BITS_PER_CHARACTER: usize = 5;
/// Characters of the digest in the first line, after the version and the number of bytes.
const DIGEST_CHARACTERS: usize = CONTENT_CHARACTERS - 3;

/// Converts bytes to lines `NN  XXXX-XXXX-XXXX-XXXX`.
///
/// The content must not be secret, because the lines can be overheard.
///
/// ```
/// use license_core::requests::readback;
///
/// for line in readback::to_lines(b"short content")? {
///     println!("{line}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`ReadbackError::ContentTooLong`] for more than [`MAX_BYTES`] bytes.
pub fn to_lines(content: &[u8]) -> Result<Vec<String>, ReadbackError> {
    let first = first_line(content)?;
    let symbols = symbols(content);
    let contents = std::iter::once(first).chain(symbols.chunks(CONTENT_CHARACTERS).map(padded));
    let numbered = (1..).zip(contents);
    Ok(numbered
        .map(|(number, content)| Line { number, content }.to_string())
        .collect())
}

/// Converts typed lines back to bytes.
///
/// The lines can be in any order. Lower case, missing or other separators, `I` and `L` for 1, `O`
/// for 0, empty lines, headings and repeated lines are accepted. If a line is repeated and one of
/// its copies is wrong, the correct one is used.
///
/// ```
/// use license_core::requests::readback;
///
/// let lines = readback::to_lines(b"short content")?;
/// assert_eq!(readback::from_lines(&lines.join("\n"))?, b"short content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`ReadbackError::Lines`] with every line that is wrong or missing. Returns another
/// [`ReadbackError`] if the text is larger than [`MAX_TEXT_BYTES`], contains no lines, has lines of
/// several contents, or has a newer format. The error does not contain the text.
pub fn from_lines(text: &str) -> Result<Vec<u8>, ReadbackError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ReadbackError::TextTooLong {
            limit: MAX_TEXT_BYTES,
            found: text.len(),
        });
    }
    let collected = CollectedLines::new(text);
    let length = collected.first().map(announced_length).transpose()?;
    let contents = collected.complete(length.map(line_count))?;
    let (first, rest) = contents.split_first().ok_or(ReadbackError::Empty)?;
    let content = bytes(rest.as_flattened(), length.unwrap_or_default());
    // The comparison of the symbols also detects bits after the end of the content.
    let is_consistent = first_line(&content)? == *first
        && symbols(&content)
            .chunks(CONTENT_CHARACTERS)
            .map(padded)
            .eq(rest.iter().copied());
    is_consistent
        .then_some(content)
        .ok_or(ReadbackError::Inconsistent)
}

/// Returns whether a text looks like readback lines rather than armor, JSON or a token.
///
/// ```
/// use license_core::requests::readback;
///
/// let lines = readback::to_lines(b"short content")?;
/// assert!(readback::looks_like_lines(&lines.join("\n")));
/// assert!(!readback::looks_like_lines("-----BEGIN LICENSE ACTIVATION REQUEST-----"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn looks_like_lines(text: &str) -> bool {
    let start: String = text.chars().take(MAX_TEXT_BYTES).collect();
    !has_block(&start)
        && !start.contains('{')
        && typed::pieces(&start).any(|piece| piece.is_likely())
}

/// Returns the content of the first line: version, number of bytes and digest.
fn first_line(content: &[u8]) -> Result<LineContent, ReadbackError> {
    let too_long = ReadbackError::ContentTooLong {
        limit: MAX_BYTES,
        found: content.len(),
    };
    let length = u16::try_from(content.len()).map_err(|_| too_long.clone())?;
    if content.len() > MAX_BYTES {
        return Err(too_long);
    }
    let [high, low] = (length << 6).to_be_bytes();
    let length = symbols(&[high, low]);
    let digest = Sha256::new_with_prefix("license-spoken-v1\n")
        .chain_update(content)
        .finalize();
    let digest = symbols(&digest);
    let first = [VERSION].into_iter().chain(length.into_iter().take(2));
    let first: Vec<u8> = first
        .chain(digest.into_iter().take(DIGEST_CHARACTERS))
        .collect();
    Ok(padded(&first))
}

/// Returns the number of content bytes that the first line announces.
fn announced_length(first: &LineContent) -> Result<usize, ReadbackError> {
    let [version, high, low, ..] = *first;
    if version != VERSION {
        return Err(ReadbackError::Version {
            expected: VERSION,
            found: version,
        });
    }
    let found = usize::from(high) << BITS_PER_CHARACTER | usize::from(low);
    if found > MAX_BYTES {
        return Err(ReadbackError::ContentTooLong {
            limit: MAX_BYTES,
            found,
        });
    }
    Ok(found)
}

/// Returns the number of lines for `length` bytes, including the first line.
fn line_count(length: usize) -> usize {
    1 + (length * BITS_PER_BYTE).div_ceil(CONTENT_CHARACTERS * BITS_PER_CHARACTER)
}

/// Returns the symbols, padded with zeros to a whole line.
fn padded(symbols: &[u8]) -> LineContent {
    let mut content = LineContent::default();
    for (target, symbol) in content.iter_mut().zip(symbols) {
        *target = *symbol;
    }
    content
}

/// Returns the bytes as symbols of five bits. The last symbol is padded with zeros.
fn symbols(bytes: &[u8]) -> Vec<u8> {
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..BITS_PER_BYTE).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    bits.chunks(BITS_PER_CHARACTER)
        .map(|five| number(five) << (BITS_PER_CHARACTER - five.len()))
        .collect()
}

/// Converts symbols of five bits to the first `length` bytes that they encode.
fn bytes(symbols: &[u8], length: usize) -> Vec<u8> {
    let bits = symbols.iter().flat_map(|symbol| {
        (0..BITS_PER_CHARACTER)
            .rev()
            .map(move |bit| symbol >> bit & 1)
    });
    let bits: Vec<u8> = bits.take(length * BITS_PER_BYTE).collect();
    bits.chunks(BITS_PER_BYTE).map(number).collect()
}

fn number(bits: &[u8]) -> u8 {
    bits.iter().fold(0, |number, bit| number << 1 | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_content_has_60_lines() {
        let lines = to_lines(&[0xFF; MAX_BYTES]).unwrap();
        assert_eq!((lines.len(), line_count(MAX_BYTES)), (60, 60));
        assert_eq!(lines.join("\n").len(), 60 * 23 + 59);
    }

    /// The expected lines were computed by another program that implements `docs/format.md`.
    #[test]
    fn lines_have_the_documented_format() {
        let content: Vec<u8> = (0..20).collect();
        let expected = [
            "01  10MP-7H7E-AY4J-CBY6",
            "02  000G-40R4-0M30-E2XC",
            "03  0918-5GR3-8E1W-81JD",
            "04  24GK-0000-0000-0089",
        ];
        assert_eq!(to_lines(&content).unwrap(), expected);
    }

    #[test]
    fn a_nonzero_padding_bit_is_refused() {
        let mut contents = vec![first_line(b"A").unwrap(), padded(&symbols(b"A"))];
        let text = |contents: &[LineContent]| -> String {
            let lines = (1..).zip(contents).map(|(number, content)| Line {
                number,
                content: *content,
            });
            lines.map(|line| format!("{line}\n")).collect()
        };
        assert_eq!(from_lines(&text(&contents)).unwrap(), b"A");
        contents[1][13] = 1;
        assert!(matches!(
            from_lines(&text(&contents)),
            Err(ReadbackError::Inconsistent)
        ));
    }

    #[test]
    fn another_version_is_not_reported_as_damage() {
        let mut content = first_line(b"A").unwrap();
        content[0] = 2;
        let error = from_lines(&Line { number: 1, content }.to_string()).unwrap_err();
        assert_eq!(error.code().as_str(), "UNSUPPORTED_VERSION");
    }

    #[test]
    fn a_length_above_the_limit_is_refused() {
        let mut content = first_line(b"A").unwrap();
        (content[1], content[2]) = (31, 31);
        let error = from_lines(&Line { number: 1, content }.to_string()).unwrap_err();
        assert!(matches!(
            error,
            ReadbackError::ContentTooLong { found: 1023, .. }
        ));
    }
}
