//! Text encodings: base64url, hexadecimal, strict JSON, armor labels and pasted text.

pub(crate) mod armor;
pub(crate) mod base64url;
pub mod hex;
pub(crate) mod pasted;
pub(crate) mod strict_json;
