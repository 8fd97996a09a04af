//! Signed tokens: JWS Compact Serialization (RFC 7515) with a strict header, and their text armor.

mod armor;
mod compact;
mod error;
mod header;

pub use armor::{Artefacts, Block};
pub use compact::Unverified;
pub(crate) use compact::Verified;
pub use error::{ParseError, VerifyError};
pub use header::TokenKind;

/// The most bytes of one token.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// The most bytes of a file of several tokens.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
