//! Activation tokens, which activate a license on a machine.

use std::fmt;

use chrono::{DateTime, Utc};

use super::License;
use crate::claims::{ActivationClaims, TokenClaims};
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::trust::{TrustSet, VerifyError};

/// A verified activation of a license on a machine.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let activation = fixture::activation()?;
/// println!("license {} on {}", activation.license_id(), activation.machine());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Activation {
    token: Unverified<'static>,
    claims: ActivationClaims,
}

impl Unverified<'_> {
    /// Verifies an activation. Only the keys of the trust set are accepted.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, text) = (fixture::trust()?, fixture::activation_token());
    /// use license_core::Unverified;
    ///
    /// let activation = Unverified::parse(text)?.verify_activation(&trust)?;
    /// println!("activates license {}", activation.license_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, the key is not trusted, the
    /// signature does not verify, or a claim has a value that is not accepted.
    pub fn verify_activation(&self, trust: &TrustSet) -> Result<Activation, VerifyError> {
        let verified = self.verify_token(TokenKind::Activation, trust)?;
        Ok(Activation {
            claims: ActivationClaims::from_payload(&verified.payload)?,
            token: self.copy_signed_by(trust.get(self.unverified_key_id())),
        })
    }
}

impl Activation {
    /// Returns the id of the activation. A revocation list that contains this id ends the
    /// activation.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// assert_eq!(activation.id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// Returns the id of the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// assert_eq!(activation.license_id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c02");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn license_id(&self) -> &LicenseId {
        &self.claims.license
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// assert_eq!(activation.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Returns whether the activation belongs to this license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (activation, license, renewal) =
    /// #     (fixture::activation()?, fixture::license()?, fixture::renewal()?);
    /// assert!(activation.is_for(&renewal));
    /// assert!(!activation.is_for(&license));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_for(&self, license: &License) -> bool {
        self.license_id() == license.id() && self.product() == license.product()
    }

    /// Returns the time of issue.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// assert!(activation.issued_at() > license_core::time::parse_instant("2027-01-01")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the machine on which the license is activated.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// use license_core::machine::Machine;
    ///
    /// let other: Machine = "dongle 4711".parse()?;
    /// assert!(!activation.machine().matches(&other));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// Returns the nonce of the request that the activation answers.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// // A program compares this nonce with the nonce of its request.
    /// println!("{}", activation.nonce());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nonce(&self) -> Nonce {
        self.claims.nonce
    }

    /// Returns the commitment of the request that the activation answers.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// // A program compares this commitment with the commitment of its request.
    /// println!("{}", activation.commitment());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commitment(&self) -> Commitment {
        self.claims.commitment
    }

    /// Returns the token as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let activation = fixture::activation()?;
    /// assert!(activation.to_armor().starts_with("-----BEGIN LICENSE ACTIVATION-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }
}

/// Omits the token.
impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activation")
            .field("id", self.id())
            .field("license", self.license_id())
            .field("issued_at", &self.issued_at())
            .field("machine", self.machine())
            .finish_non_exhaustive()
    }
}
