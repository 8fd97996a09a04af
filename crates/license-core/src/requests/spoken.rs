//! Bytes as short numbered lines that people read to each other over a phone, and back.
//!
//! ```text
//! 01  10MP-7H7E-AY4J-CBY6      how many bytes there are, and a check over them all
//! 02  000G-40R4-0M30-E2XC      14 characters of content, 2 check characters
//! ```
//!
//! Each line has four groups of four, as the number of a payment card: people can say that in one breath. The
//! alphabet is Crockford's base 32, which has neither I, L, O nor U. The check characters are those of a
//! Reed-Solomon code, so that any two wrong characters of a line are found, its number among them: a single
//! slip, a swap, and a line that stands under another's number. The first line holds 55 bits of a digest, so
//! that lines of two readings are not mixed. All of it is against mistakes and proves nothing.
//!
//! ```
//! use license_core::spoken;
//!
//! let lines = spoken::lines(b"whatever fits")?;
//! assert_eq!(lines.len(), 3);
//!
//! // Lower case, other hyphens, letters for digits, any order, a line that was not understood.
//! let typed = format!("{}\n{}\n{}", lines[2].to_lowercase(), lines[0].replace('-', " "), lines[1]);
//! assert_eq!(spoken::read(&typed.replace('0', "o"))?, b"whatever fits");
//!
//! let error = spoken::read(&lines[..2].join("\n")).unwrap_err();
//! assert_eq!(error.to_string(), "line 3: missing");
//! # Ok::<(), spoken::SpokenError>(())
//! ```

mod check;
mod collected;
mod error;
mod line;
mod typed;

pub use error::{Fault, FaultKind, SpokenError};

use collected::Collected;
use line::{Body, CONTENT, Line};

use sha2::{Digest, Sha256};

/// The most bytes that are put into lines: 60 lines, which take half an hour to read. Whoever has more
/// carries a file or a QR code.
pub const MAX_BYTES: usize = 512;

/// The most bytes of text that lines are read from: several times what the most lines take.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// The first character of the first line: another one is another format.
const VERSION: u8 = 1;
/// Of a byte and a character.
const BYTE_BITS: usize = 8;
const LETTER_BITS: usize = 5;
/// Of the first line: what remains beside the version and the number of bytes.
const DIGEST_LETTERS: usize = CONTENT - 3;

/// Puts bytes into lines, to be read in this order: `NN  XXXX-XXXX-XXXX-XXXX` each.
///
/// Nothing secret belongs into them: whoever hears them knows them.
///
/// # Errors
/// [`SpokenError::ContentTooLong`] for more than [`MAX_BYTES`].
pub fn lines(content: &[u8]) -> Result<Vec<String>, SpokenError> {
    let first = first_line(content)?;
    let symbols = symbols(content);
    let bodies = std::iter::once(first).chain(symbols.chunks(CONTENT).map(padded));
    let numbered = (1..).zip(bodies);
    Ok(numbered
        .map(|(number, body)| Line { number, body }.to_string())
        .collect())
}

/// Reads the lines that a person typed, in any order.
///
/// Lower case, any or no hyphens and blanks, `I` and `L` for 1, `O` for 0, empty lines, headings and lines
/// that stand there twice are taken. Where a line is wrong and stands there again, the one that holds counts.
///
/// # Errors
/// [`SpokenError::Lines`] names every line that is wrong or missing at once; none repeats what was typed.
pub fn read(text: &str) -> Result<Vec<u8>, SpokenError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(SpokenError::TextTooLong {
            limit: MAX_TEXT_BYTES,
            found: text.len(),
        });
    }
    let collected = Collected::of(text);
    let length = collected.first().map(length_said).transpose()?;
    let bodies = collected.whole(length.map(count))?;
    let (first, rest) = bodies.split_first().ok_or(SpokenError::Nothing)?;
    let content = bytes(rest.as_flattened(), length.unwrap_or_default());
    // Also that no bit was set behind the end.
    let is_whole = first_line(&content)? == *first
        && symbols(&content)
            .chunks(CONTENT)
            .map(padded)
            .eq(rest.iter().copied());
    is_whole.then_some(content).ok_or(SpokenError::Mixed)
}

/// Whether a text looks like lines that were read out rather than armor, JSON or a token.
pub fn is_likely(text: &str) -> bool {
    let start: String = text.chars().take(MAX_TEXT_BYTES).collect();
    !start.contains("BEGIN ")
        && !start.contains('{')
        && typed::pieces(&start).any(|piece| piece.is_likely())
}

/// Version, number of bytes, digest.
fn first_line(content: &[u8]) -> Result<Body, SpokenError> {
    let too_long = SpokenError::ContentTooLong {
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
    let body = [VERSION].into_iter().chain(length.into_iter().take(2));
    let body: Vec<u8> = body
        .chain(digest.into_iter().take(DIGEST_LETTERS))
        .collect();
    Ok(padded(&body))
}

/// How many bytes the first line says there are.
fn length_said(first: &Body) -> Result<usize, SpokenError> {
    let [version, high, low, ..] = *first;
    if version != VERSION {
        return Err(SpokenError::Version {
            expected: VERSION,
            found: version,
        });
    }
    let found = usize::from(high) << LETTER_BITS | usize::from(low);
    match found > MAX_BYTES {
        true => Err(SpokenError::ContentTooLong {
            limit: MAX_BYTES,
            found,
        }),
        false => Ok(found),
    }
}

/// How many lines so many bytes take, with the first.
fn count(length: usize) -> usize {
    1 + (length * BYTE_BITS).div_ceil(CONTENT * LETTER_BITS)
}

fn padded(symbols: &[u8]) -> Body {
    let mut body = Body::default();
    for (place, symbol) in body.iter_mut().zip(symbols) {
        *place = *symbol;
    }
    body
}

/// Five bits each, zeros behind the end.
fn symbols(bytes: &[u8]) -> Vec<u8> {
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..BYTE_BITS).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    bits.chunks(LETTER_BITS)
        .map(|five| number(five) << (LETTER_BITS - five.len()))
        .collect()
}

/// The first `length` bytes of what the symbols hold.
fn bytes(symbols: &[u8], length: usize) -> Vec<u8> {
    let bits = symbols
        .iter()
        .flat_map(|symbol| (0..LETTER_BITS).rev().map(move |bit| symbol >> bit & 1));
    let bits: Vec<u8> = bits.take(length * BYTE_BITS).collect();
    bits.chunks(BYTE_BITS).map(number).collect()
}

fn number(bits: &[u8]) -> u8 {
    bits.iter().fold(0, |number, bit| number << 1 | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_content_has_lines_that_two_digits_can_number() {
        let lines = lines(&[0xFF; MAX_BYTES]).unwrap();
        assert_eq!((lines.len(), count(MAX_BYTES)), (60, 60));
        assert_eq!(lines.join("\n").len(), 60 * 23 + 59);
    }

    /// The format, to the character, as another program computed it from what `docs/format.md` says.
    #[test]
    fn lines_are_spelled_as_documented() {
        let content: Vec<u8> = (0..20).collect();
        let expected = [
            "01  10MP-7H7E-AY4J-CBY6",
            "02  000G-40R4-0M30-E2XC",
            "03  0918-5GR3-8E1W-81JD",
            "04  24GK-0000-0000-0089",
        ];
        assert_eq!(lines(&content).unwrap(), expected);
    }

    #[test]
    fn a_bit_behind_the_end_is_refused() {
        let mut bodies = vec![first_line(b"A").unwrap(), padded(&symbols(b"A"))];
        let text = |bodies: &[Body]| -> String {
            let lines = (1..).zip(bodies).map(|(number, body)| Line {
                number,
                body: *body,
            });
            lines.map(|line| format!("{line}\n")).collect()
        };
        assert_eq!(read(&text(&bodies)).unwrap(), b"A");
        bodies[1][13] = 1;
        assert!(matches!(read(&text(&bodies)), Err(SpokenError::Mixed)));
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let mut body = first_line(b"A").unwrap();
        body[0] = 2;
        let error = read(&Line { number: 1, body }.to_string()).unwrap_err();
        assert_eq!(error.code().as_str(), "UNSUPPORTED_VERSION");
    }

    #[test]
    fn a_length_that_nobody_writes_is_refused() {
        let mut body = first_line(b"A").unwrap();
        (body[1], body[2]) = (31, 31);
        let error = read(&Line { number: 1, body }.to_string()).unwrap_err();
        assert!(matches!(
            error,
            SpokenError::ContentTooLong { found: 1023, .. }
        ));
    }
}
