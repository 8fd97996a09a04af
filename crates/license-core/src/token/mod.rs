//! Signed tokens: JWS Compact Serialization (RFC 7515) with a strict header, and their text armor.

mod armor;
mod compact;
mod error;
mod header;
mod minted;
mod size;

pub use armor::{Artefacts, Block};
pub use compact::Unverified;
pub(crate) use compact::Verified;
pub use error::{ParseError, VerifyError};
pub use header::TokenKind;
#[cfg(feature = "issue")]
pub(crate) use header::minted as minted_header;
pub(crate) use minted::MintedLicenses;
pub use size::{MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES, input_cap};
