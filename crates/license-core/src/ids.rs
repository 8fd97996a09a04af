//! Identifiers: product code, tier, company code, nonce and commitment.

mod name;
mod nonce;

pub use name::{Company, NameError, ProductCode, Tier};
#[cfg(feature = "requests")]
pub(crate) use nonce::SECRET_BYTES;
pub use nonce::{Commitment, Nonce};
