//! Text encodings: base64url, hexadecimal, strict JSON, armor labels, pasted text and values.

pub(crate) mod armor;
pub(crate) mod base64url;
pub mod hex;
pub(crate) mod pasted;
pub(crate) mod strict_json;
pub(crate) mod value;

pub use pasted::{FoundText, Position};
pub use strict_json::JsonError;
pub use value::ValueError;
