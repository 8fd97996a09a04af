//! Size limits of tokens and files, which are checked before parsing.

use super::TokenKind;
use super::header;
use crate::encoding::layout::is_gap;
use crate::encoding::pasted::{is_invisible, without_wrapping};

/// The maximum length in bytes of a token other than a revocation list.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// The maximum length in bytes of a file without a revocation list.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// The maximum length in bytes of a revocation list, or of a file with a revocation list. A list of
/// this length contains about 280,000 licenses.
pub const MAX_LIST_BYTES: usize = 32 * 1024 * 1024;

/// The maximum length in bytes of the encoded header of a revocation list.
const MAX_HEADER_BYTES: usize = 4096;

/// Returns the maximum length in bytes of an input with this start.
///
/// Returns [`MAX_LIST_BYTES`] if the first [`MAX_FILE_BYTES`] bytes show that the input is a
/// revocation list or contains one. Otherwise returns [`MAX_FILE_BYTES`].
///
/// A program that reads an input first reads up to [`MAX_FILE_BYTES`] bytes, calls this function,
/// and then reads more or rejects the input:
///
/// ```
/// use std::io::{self, Read};
///
/// use license_core::jose::{MAX_FILE_BYTES, MAX_LIST_BYTES, input_cap};
///
/// /// Reads an input, such as an open file. An input that is too long is an error.
/// fn read_with_cap(mut input: impl Read) -> io::Result<Vec<u8>> {
///     let mut bytes = Vec::new();
///     input.by_ref().take(MAX_FILE_BYTES as u64).read_to_end(&mut bytes)?;
///     let cap = input_cap(&bytes);
///     // One more byte than the cap shows that the input is too long.
///     let rest = cap - bytes.len() + 1;
///     input.take(rest as u64).read_to_end(&mut bytes)?;
///     if bytes.len() > cap {
///         let message = format!("expected at most {cap} bytes, found more");
///         return Err(io::Error::new(io::ErrorKind::InvalidData, message));
///     }
///     Ok(bytes)
/// }
///
/// // A `std::fs::File` can take the place of these inputs.
/// let license = b"-----BEGIN LICENSE-----\neyJ";
/// assert_eq!(read_with_cap(&license[..])?, license);
/// assert_eq!(input_cap(license), MAX_FILE_BYTES);
/// let list = b"-----BEGIN LICENSE REVOCATIONS-----\neyJ";
/// assert_eq!(input_cap(list), MAX_LIST_BYTES);
/// // Endless inputs are errors.
/// assert!(read_with_cap(io::repeat(b' ')).is_err());
/// assert!(read_with_cap(list.chain(io::repeat(b' '))).is_err());
/// # Ok::<(), io::Error>(())
/// ```
pub fn input_cap(start: &[u8]) -> usize {
    let start = start.get(..MAX_FILE_BYTES).unwrap_or(start);
    // In UTF-16, every second byte of ASCII text is zero.
    let ascii: Vec<u8> = start.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&ascii);
    if has_label(&text, TokenKind::Revocations.label()) || is_list(&text) {
        MAX_LIST_BYTES
    } else {
        MAX_FILE_BYTES
    }
}

/// Returns whether the text contains the label of a block, perhaps with other spaces.
fn has_label(text: &str, label: &str) -> bool {
    let (first, last) = label.split_once(' ').unwrap_or((label, ""));
    let mut rests = text.split(first).skip(1);
    let is_skipped = |character| is_gap(character) || is_invisible(character);
    rests.any(|rest| {
        let next = rest.trim_start_matches(is_skipped);
        let skipped = rest.strip_suffix(next).unwrap_or_default();
        skipped.contains(is_gap) && next.starts_with(last)
    })
}

/// Returns whether the header of a token states that the token is a revocation list.
pub(super) fn is_list(token: &str) -> bool {
    let token = without_wrapping(token);
    let header: String = token
        .chars()
        .take(MAX_HEADER_BYTES)
        .take_while(|character| *character != '.')
        .filter(|character| !character.is_whitespace())
        .collect();
    header::parse(&header).is_ok_and(|header| header.kind == TokenKind::Revocations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;

    fn token(typ: &str) -> String {
        let header = format!(r#"{{"alg":"RS256","kid":"k","typ":"{typ}"}}"#);
        format!("{}.e30.AA", base64url::encode(header.as_bytes()))
    }

    #[test]
    fn only_revocation_lists_have_the_larger_limit_in_utf_8_and_utf_16() {
        let list = token("license-revocations+jwt");
        let wrapped = format!("\u{feff}\"{}\n{}\"", &list[..20], &list[20..]);
        for text in [
            &list,
            &wrapped,
            "—BEGIN LICENSE REVOCATIONS—",
            "-----BEGIN LICENSE\u{a0}REVOCATIONS-----",
            "-----BEGIN LICENSE \u{200b} REVOCATIONS-----",
        ] {
            assert_eq!(input_cap(text.as_bytes()), MAX_LIST_BYTES, "{text}");
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            // In UTF-16, only ASCII text is recognized.
            let is_recognized = input_cap(&utf16) == MAX_LIST_BYTES;
            assert!(is_recognized || !text.is_ascii(), "{text}");
        }
        let late = format!("{}LICENSE REVOCATIONS", " ".repeat(MAX_FILE_BYTES));
        for text in [
            &token("license+jwt"),
            "",
            "LICENSE",
            "LICENSEREVOCATIONS",
            &late,
        ] {
            assert_eq!(input_cap(text.as_bytes()), MAX_FILE_BYTES);
        }
    }
}
