//! The letters themselves.

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::encoding::armor::LetterKind;
use crate::ids::ProductCode;
use crate::ids::{Commitment, Nonce};
use crate::key::LicenseId;
use crate::machine::{Fingerprint, MachineDigest};
use crate::time::Timestamp;

/// A request to activate a license on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(with = "super::secret")]
    pub secret: Secret,
    /// When it was given up, by the machine's clock.
    pub made_at: Timestamp,
}

/// Anything that a machine sends.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Letter {
    /// `LICENSE ACTIVATION REQUEST`.
    Activation(ActivationRequest),
    /// `LICENSE CLOCK REQUEST`.
    Clock(ClockRequest),
    /// `LICENSE DEACTIVATION`.
    Deactivation(Receipt),
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
