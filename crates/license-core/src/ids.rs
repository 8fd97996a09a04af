//! Identifiers: product code, tier, company code, nonce and commitment.

mod name;
mod nonce;

pub use name::{Company, NameError, ProductCode, Tier};
pub(crate) use nonce::SECRET_BYTES;
pub use nonce::{Commitment, Nonce};
