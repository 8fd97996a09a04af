//! Kinds of machine requests.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

use super::{ActivationSecret, MachineRequestError};
use crate::encoding::armor::MachineRequestKind;
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::{Fingerprint, MachineDigest};
use crate::time::serde_rfc3339;

/// A request to activate a license on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
pub struct ActivationRequest {
    /// The product.
    pub product: ProductCode,
    /// The license.
    pub license: LicenseId,
    /// The machine, with its components hashed.
    pub machine: Fingerprint,
    /// The nonce that identifies the answer to this request.
    pub nonce: Nonce,
    /// The SHA-256 of a secret that stays on the machine until deactivation.
    pub commitment: Commitment,
    /// The time of creation, by the clock of the machine.
    #[serde(with = "serde_rfc3339")]
    pub made_at: DateTime<Utc>,
}

/// A request to lower the clock high-water mark of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
pub struct ClockRequest {
    /// The product.
    pub product: ProductCode,
    /// The machine, with its components hashed.
    pub machine: Fingerprint,
    /// The nonce that identifies the answer to this request.
    pub nonce: Nonce,
    /// The clock high-water mark: the latest instant that the machine has seen.
    #[serde(with = "serde_rfc3339")]
    pub mark: DateTime<Utc>,
    /// The time of creation, by the clock of the machine.
    #[serde(with = "serde_rfc3339")]
    pub made_at: DateTime<Utc>,
}

/// Proof that a license was deactivated on a machine.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeactivationReceipt {
    /// The product.
    pub product: ProductCode,
    /// The license.
    pub license: LicenseId,
    /// The machine.
    pub machine: MachineDigest,
    /// The nonce of the request that the activation answered.
    pub nonce: Nonce,
    /// The secret whose SHA-256 is the commitment in the request.
    #[serde(with = "super::secret")]
    pub secret: ActivationSecret,
    /// The time of the deactivation, by the clock of the machine.
    #[serde(with = "serde_rfc3339")]
    pub made_at: DateTime<Utc>,
}

/// A request or deactivation receipt of a machine. `FromStr` parses an armor block or readback
/// lines, and the JSON form is the object inside the armor block, without `ver` and `check`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MachineRequest {
    /// A block `LICENSE ACTIVATION REQUEST`.
    Activation(ActivationRequest),
    /// A block `LICENSE CLOCK REQUEST`.
    Clock(ClockRequest),
    /// A block `LICENSE DEACTIVATION`.
    Deactivation(DeactivationReceipt),
}

impl FromStr for MachineRequest {
    type Err = MachineRequestError;

    fn from_str(text: &str) -> Result<Self, MachineRequestError> {
        Self::parse(text)
    }
}

impl MachineRequest {
    /// Returns the kind.
    pub const fn kind(&self) -> MachineRequestKind {
        match self {
            Self::Activation(_) => MachineRequestKind::Activation,
            Self::Clock(_) => MachineRequestKind::Clock,
            Self::Deactivation(_) => MachineRequestKind::Deactivation,
        }
    }

    /// Returns the product.
    pub const fn product(&self) -> ProductCode {
        match self {
            Self::Activation(request) => request.product,
            Self::Clock(request) => request.product,
            Self::Deactivation(receipt) => receipt.product,
        }
    }
}
