//! Requests and deactivation receipts that a machine without a network sends to its vendor.
//!
//! Requests and receipts are not signed, because a machine has no key that the vendor knows. A
//! nonce and the commitment to a secret tie an answer to the machine that sent the request. A
//! deactivation receipt proves the deactivation by revealing the secret.
//!
//! A license server has a key, so it signs its request to certify this key.

mod compact;
mod error;
mod kinds;
pub mod readback;
mod secret;
mod server_request;
mod text;

#[cfg(test)]
mod tests;

pub use crate::encoding::armor::MachineRequestKind;
pub use error::MachineRequestError;
pub use kinds::{ActivationRequest, ClockRequest, DeactivationReceipt, MachineRequest};
pub use secret::ActivationSecret;
pub use server_request::ServerRequest;
