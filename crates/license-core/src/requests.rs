//! What a machine without a network sends to its vendor: requests, and receipts of what it has given up.
//!
//! Nobody signs a letter: a machine has no key that a vendor would know. What makes an answer this machine's own is the nonce that it made
//! and the commitment to a secret that it keeps; what makes a receipt true is the secret itself.

mod bytes;
mod error;
mod kinds;
mod secret;
pub mod spoken;
mod text;

#[cfg(test)]
mod tests;

pub use error::LetterError;
pub use kinds::{ActivationRequest, ClockRequest, Letter, Receipt};
pub use secret::Secret;
