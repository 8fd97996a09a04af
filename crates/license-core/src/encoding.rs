//! Text encodings: base64url, hexadecimal digits, strict JSON, block labels and pasted text.

pub(crate) mod armor;
pub(crate) mod base64url;
pub mod hex;
pub(crate) mod pasted;
pub(crate) mod strict_json;
