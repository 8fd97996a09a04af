//! What a machine without a network sends to its vendor: requests, and receipts of what it has given up.
//!
//! Nobody signs a letter: a machine has no key that a vendor would know. What makes an answer this machine's own is the nonce that it made
//! and the commitment to a secret that it keeps; what makes a receipt true is the secret itself.

mod bytes;
mod error;
mod proof;
mod text;

#[cfg(test)]
mod tests;

pub use error::LetterError;
pub use proof::{Commitment, Nonce, Secret};

use crate::{Fingerprint, LicenseId, MachineDigest, ProductCode, Timestamp};

/// A request to activate a license on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationRequest {
    /// The product.
    pub product: ProductCode,
    /// The license.
    pub license: LicenseId,
    /// The machine, with its components hashed.
    pub machine: Fingerprint,
    /// Tells the answer to this request from all others.
    pub nonce: Nonce,
    /// SHA-256 of a secret that stays on the machine until it is deactivated.
    pub commitment: Commitment,
    /// When it was made, by the machine's clock.
    pub made_at: Timestamp,
}

/// A request to set back what a machine remembers of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRequest {
    /// The product.
    pub product: ProductCode,
    /// The machine, with its components hashed.
    pub machine: Fingerprint,
    /// Tells the answer to this request from all others.
    pub nonce: Nonce,
    /// The latest instant that the machine has seen.
    pub mark: Timestamp,
    /// When it was made, by the machine's clock.
    pub made_at: Timestamp,
}

/// The proof that a machine has given up its activation.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The product.
    pub product: ProductCode,
    /// The license.
    pub license: LicenseId,
    /// The machine.
    pub machine: MachineDigest,
    /// The nonce of the request that the activation answered.
    pub nonce: Nonce,
    /// What the machine committed itself to.
    pub secret: Secret,
    /// When it was given up, by the machine's clock.
    pub made_at: Timestamp,
}

/// Anything that a machine sends.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Letter {
    /// `LICENSE ACTIVATION REQUEST`.
    Activation(ActivationRequest),
    /// `LICENSE CLOCK REQUEST`.
    Clock(ClockRequest),
    /// `LICENSE DEACTIVATION`.
    Deactivation(Receipt),
}

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LetterKind {
    /// A request to activate a license.
    Activation,
    /// A request to repair what a machine remembers of time.
    Clock,
    /// A receipt of a deactivation.
    Deactivation,
}

impl LetterKind {
    const ALL: [Self; 3] = [Self::Activation, Self::Clock, Self::Deactivation];

    /// The label of its armor, as in `-----BEGIN LICENSE ACTIVATION REQUEST-----`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Activation => "LICENSE ACTIVATION REQUEST",
            Self::Clock => "LICENSE CLOCK REQUEST",
            Self::Deactivation => "LICENSE DEACTIVATION",
        }
    }

    /// What it is, for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "an activation request",
            Self::Clock => "a clock request",
            Self::Deactivation => "a deactivation receipt",
        }
    }

    pub(crate) fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// The byte that says so in the compact form.
    const fn number(self) -> u8 {
        match self {
            Self::Activation => 1,
            Self::Clock => 2,
            Self::Deactivation => 3,
        }
    }
}

impl Letter {
    /// What it is about.
    pub const fn kind(&self) -> LetterKind {
        match self {
            Self::Activation(_) => LetterKind::Activation,
            Self::Clock(_) => LetterKind::Clock,
            Self::Deactivation(_) => LetterKind::Deactivation,
        }
    }

    /// The product that it is about.
    pub const fn product(&self) -> ProductCode {
        match self {
            Self::Activation(request) => request.product,
            Self::Clock(request) => request.product,
            Self::Deactivation(receipt) => receipt.product,
        }
    }
}
