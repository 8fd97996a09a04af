//! Text encodings: base64url, hexadecimal, strict JSON, armor labels, pasted text and values.

pub(crate) mod armor;
pub(crate) mod base64url;
pub mod hex;
pub(crate) mod kind;
pub(crate) mod layout;
pub(crate) mod markup;
pub(crate) mod pasted;
pub(crate) mod qr_text;
pub(crate) mod quoted;
pub(crate) mod strict_json;
mod text;
pub(crate) mod value;

pub use kind::TextKind;
pub use layout::{write_lines, write_pem};
pub use pasted::{FoundText, Position, trim_blanks};
pub use qr_text::QrTextError;
pub use strict_json::{JsonError, StrictJsonError, from_strict_json};
pub use text::{TextError, decode_text, decode_text_slice};
pub use value::ValueError;

/// Returns the number of bytes for which a condition holds.
pub(crate) fn count_bytes(bytes: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    // A count of at most 128 fits into a byte, which lets the compiler vectorize the loop.
    let count = |block: &[u8]| {
        let ones = block.iter().map(|&byte| u8::from(holds(byte)));
        ones.sum::<u8>()
    };
    let blocks = bytes.chunks(128);
    blocks.map(|block| usize::from(count(block))).sum()
}
