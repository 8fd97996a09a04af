//! Names and numbers that identify things: product, tier, company, nonce, commitment.

mod name;
mod nonce;

pub use name::{Company, NameError, ProductCode, Tier};
#[cfg(feature = "requests")]
pub(crate) use nonce::SECRET_BYTES;
pub use nonce::{Commitment, Nonce};
