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
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let text = &fixture::request()?;
/// use license_core::requests::MachineRequest;
///
/// match MachineRequest::parse(text)? {
///     MachineRequest::Activation(request) => {
///         println!("license {} on {}", request.license, request.machine);
///     }
///     other => println!("a {}", other.kind().label()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
pub struct ActivationRequest {
    /// The product.
    pub product: ProductCode,
    /// The license.
    pub license: LicenseId,
    /// The machine, with its components hashed. The hashes are pseudonymous.
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
///
/// ```
/// use license_core::{ProductCode, time};
/// use license_core::ids::Nonce;
/// use license_core::machine::Fingerprint;
/// use license_core::requests::{ClockRequest, MachineRequest};
///
/// let machine = Fingerprint::parse("fp1:id=0123456789abcdef01234567").ok_or("not a fingerprint")?;
/// let request = MachineRequest::Clock(ClockRequest {
///     product: ProductCode::parse("CODITECT")?,
///     machine,
///     nonce: Nonce::from_random([7; 16]),
///     mark: time::parse_instant("2031-01-01")?,
///     made_at: time::parse_instant("2027-03-01")?,
/// });
/// assert!(request.to_armor().starts_with("-----BEGIN LICENSE CLOCK REQUEST-----"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
pub struct ClockRequest {
    /// The product.
    pub product: ProductCode,
    /// The machine, with its components hashed. The hashes are pseudonymous.
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
///
/// ```
/// use license_core::ids::Nonce;
/// use license_core::requests::{ActivationRequest, DeactivationReceipt};
///
/// /// Returns whether the receipt is for the activation that the request led to.
/// fn is_for(receipt: &DeactivationReceipt, request: &ActivationRequest) -> bool {
///     receipt.nonce == request.nonce && receipt.secret.commitment() == request.commitment
/// }
/// ```
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
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let text = &fixture::request()?;
/// use license_core::requests::MachineRequest;
///
/// let request = MachineRequest::parse(text)?;
/// println!("{} for {}", request.kind().label(), request.product());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// use license_core::requests::{MachineRequest, MachineRequestKind};
    ///
    /// assert_eq!(MachineRequest::parse(text)?.kind(), MachineRequestKind::Activation);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn kind(&self) -> MachineRequestKind {
        match self {
            Self::Activation(_) => MachineRequestKind::Activation,
            Self::Clock(_) => MachineRequestKind::Clock,
            Self::Deactivation(_) => MachineRequestKind::Deactivation,
        }
    }

    /// Returns the product.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// use license_core::requests::MachineRequest;
    ///
    /// assert_eq!(MachineRequest::parse(text)?.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn product(&self) -> ProductCode {
        match self {
            Self::Activation(request) => request.product,
            Self::Clock(request) => request.product,
            Self::Deactivation(receipt) => receipt.product,
        }
    }
}
