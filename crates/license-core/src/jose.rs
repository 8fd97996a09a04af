//! Signed tokens: JWS compact serialization (RFC 7515) with a strict header.

mod compact;
mod error;
mod header;
mod signature;
mod size;

pub use compact::Unverified;
pub(crate) use compact::check_length;
pub use error::ParseError;
pub use header::TokenKind;
#[cfg(feature = "issue")]
pub(crate) use header::header_segment;
#[cfg(feature = "issue")]
pub(crate) use signature::PrivateKey;
pub(crate) use signature::SignatureVerifier;
pub use signature::{Algorithm, Backend};
#[cfg(feature = "issue")]
pub use signature::{KeyBits, RandomError, RandomSource};
pub use size::{MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES, input_cap};
