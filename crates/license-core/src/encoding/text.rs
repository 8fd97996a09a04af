//! Text from bytes: UTF-8 and UTF-16, and the formats that are not text.
//!
//! Every text that people copy, mail or edit is decoded here, before any parser reads it. Only the
//! reader of CSV decodes a stream by itself.

use std::borrow::Cow;

/// The reason why bytes are not text.
///
/// ```
/// use license_core::encoding::{TextError, decode_text};
///
/// assert_eq!(decode_text(b"\xff\xfeA\0".to_vec()).as_deref(), Ok("A"));
/// let error = decode_text(b"\x89PNG\r\n\x1a\n".to_vec());
/// assert_eq!(error, Err(TextError::Binary { found: "a PNG image" }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The bytes begin like a file of a binary format.
    #[error("expected text, found {found}")]
    Binary {
        /// A description of the format, such as `a PNG image`.
        found: &'static str,
    },
    /// The bytes contain a NUL byte, and are not UTF-16.
    #[error("expected text, found a NUL byte at offset {offset}: a damaged or binary file")]
    Nul {
        /// The offset in bytes.
        offset: usize,
    },
    /// The bytes are neither UTF-8 nor UTF-16.
    #[error("expected text, found a byte at offset {offset} that is not {encoding}")]
    Encoding {
        /// `UTF-8` or `UTF-16`.
        encoding: &'static str,
        /// The offset in bytes.
        offset: usize,
    },
}

/// The first bytes of formats that people confuse with a license or key.
const FORMATS: [(&[u8], &str); 14] = [
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "an image, sound or video"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (
        b"\xd0\xcf\x11\xe0",
        "an office document or a message of Outlook",
    ),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\0", "a database"),
    (b"\x30\x82", "DER, a binary key or certificate"),
];

/// The number of bytes that show a binary format.
const START: usize = 4096;

/// Decodes UTF-8, or UTF-16 in either byte order, and removes the byte order mark.
///
/// UTF-16 without a byte order mark is recognized by its NUL bytes, which no text contains.
///
/// Allocates 1.5 times the size of UTF-16, and nothing for UTF-8.
///
/// ```
/// use license_core::encoding::decode_text;
///
/// let utf16: Vec<u8> = "\u{feff}CODITECT".encode_utf16().flat_map(u16::to_be_bytes).collect();
/// assert_eq!(decode_text(utf16)?, "CODITECT");
/// # Ok::<(), license_core::encoding::TextError>(())
/// ```
///
/// # Errors
///
/// Returns [`TextError`] if the bytes are not text.
pub fn decode_text(mut bytes: Vec<u8>) -> Result<String, TextError> {
    if let Cow::Owned(text) = decode_text_slice(&bytes)? {
        return Ok(text);
    }
    let mark = bytes.len() - without_mark(&bytes).len();
    bytes.drain(..mark);
    String::from_utf8(bytes).map_err(|error| not_utf8(error.utf8_error(), mark))
}

/// Decodes like [`decode_text`], and borrows UTF-8.
///
/// The buffer of UTF-16 never grows, so that a secret leaves no copy in freed memory.
///
/// ```
/// use license_core::encoding::decode_text_slice;
///
/// assert_eq!(decode_text_slice("\u{feff}secret".as_bytes())?, "secret");
/// # Ok::<(), license_core::encoding::TextError>(())
/// ```
///
/// # Errors
///
/// Returns [`TextError`] if the bytes are not text.
pub fn decode_text_slice(bytes: &[u8]) -> Result<Cow<'_, str>, TextError> {
    match bytes {
        [0xff, 0xfe, units @ ..] => return utf16(units, 2, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, units @ ..] => return utf16(units, 2, u16::from_be_bytes).map(Cow::Owned),
        [first, 0, ..] if *first != 0 => {
            if let Ok(text) = utf16(bytes, 0, u16::from_le_bytes) {
                return Ok(Cow::Owned(text));
            }
        }
        [0, first, ..] if *first != 0 => {
            if let Ok(text) = utf16(bytes, 0, u16::from_be_bytes) {
                return Ok(Cow::Owned(text));
            }
        }
        _ => {}
    }
    utf8(bytes)
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, TextError> {
    let body = without_mark(bytes);
    let mark = bytes.len() - body.len();
    let nul = memchr::memchr(0, body);
    match (std::str::from_utf8(body), nul) {
        (Ok(text), None) if !is_binary(text) => Ok(Cow::Borrowed(text)),
        (text, nul) => Err(match (format(body, text.is_ok()), nul, text) {
            (Some(found), ..) => TextError::Binary { found },
            (None, Some(offset), _) => TextError::Nul {
                offset: mark + offset,
            },
            (None, None, Err(error)) => not_utf8(error, mark),
            // A text without a known format is for the parser to judge.
            (None, None, Ok(text)) => return Ok(Cow::Borrowed(text)),
        }),
    }
}

/// Returns whether a text can be a file of a binary format: it contains control characters that no
/// text has, or begins like a PDF document.
fn is_binary(text: &str) -> bool {
    let is_control = |byte: u8| byte < 0x20 && !matches!(byte, 0x1a | b'\t'..=b'\r');
    text.starts_with("%PDF-") || text.bytes().take(START).any(is_control)
}

fn not_utf8(error: std::str::Utf8Error, mark: usize) -> TextError {
    TextError::Encoding {
        encoding: "UTF-8",
        offset: mark + error.valid_up_to(),
    }
}

/// Returns a description of a binary format, by its first bytes.
fn format(bytes: &[u8], is_utf8: bool) -> Option<&'static str> {
    let is_format = |&&(start, _): &&(&[u8], &str)| bytes.starts_with(start);
    // Two letters alone do not distinguish a format from damaged text.
    let is_certain = |&&(start, _): &&(&[u8], &str)| start.len() > 2 || !is_utf8;
    let found = FORMATS.iter().filter(is_format).find(is_certain);
    found.map(|(_, name)| *name)
}

/// Decodes UTF-16 after a byte order mark of `mark` bytes.
fn utf16(bytes: &[u8], mark: usize, unit: fn([u8; 2]) -> u16) -> Result<String, TextError> {
    let (units, rest) = bytes.as_chunks::<2>();
    // A unit of two bytes has at most three bytes in UTF-8.
    let mut text = String::with_capacity(units.len().saturating_mul(3));
    let mut offset = mark;
    for decoded in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        let damage = TextError::Encoding {
            encoding: "UTF-16",
            offset,
        };
        match decoded {
            Ok('\0') => return Err(TextError::Nul { offset }),
            Ok(character) => {
                offset += 2 * character.len_utf16();
                text.push(character);
            }
            Err(_) => return Err(damage),
        }
    }
    if rest.is_empty() {
        Ok(text)
    } else {
        Err(TextError::Encoding {
            encoding: "UTF-16",
            offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf_8_and_utf_16_are_decoded_with_and_without_a_byte_order_mark() {
        let text = "LIC-1\r\nMüller 🚀\r\n";
        let marked = format!("\u{feff}{text}");
        for bytes in [
            text.into(),
            marked.clone().into_bytes(),
            encoded(text, u16::to_le_bytes),
            encoded(text, u16::to_be_bytes),
            encoded(&marked, u16::to_le_bytes),
            encoded(&marked, u16::to_be_bytes),
        ] {
            assert_eq!(decode_text_slice(&bytes).unwrap(), text);
            assert_eq!(decode_text(bytes).unwrap(), text);
        }
        assert_eq!(decode_text(Vec::new()).unwrap(), "");
    }

    #[test]
    fn other_bytes_are_refused_with_their_format_or_offset() {
        let message = |bytes: &[u8]| decode_text(bytes.to_vec()).unwrap_err().to_string();
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], "found a PNG image"),
            (b"GIF89a\x01\x00", "found a GIF image"),
            (b"GIF89a\x01abc", "found a GIF image"),
            (b"\x30\x82\x01\x0a\x02\x82", "found DER"),
            (b"PK\x03\x04\x14\0", "found a ZIP archive"),
            (b"abc\0def", "a NUL byte at offset 3"),
            (b"\xef\xbb\xbfabc\0def", "a NUL byte at offset 6"),
            (b"BMW\0", "a NUL byte at offset 3"),
            (b"abc\xc3\x28", "at offset 3 that is not UTF-8"),
            (b"\xff\xfea\0\x00\xd8b\0", "at offset 4 that is not UTF-16"),
            (b"\xff\xfea\0b", "at offset 4 that is not UTF-16"),
            (b"\xff\xfea\0\0\0", "a NUL byte at offset 4"),
            (b"\0\0\0\0", "a NUL byte at offset 0"),
        ] {
            let found = message(bytes);
            assert!(found.contains(expected), "{found}");
        }
    }
}
