//! Activation tokens, which activate a license on a machine.

use std::fmt;

use chrono::{DateTime, Utc};

use super::License;
use crate::claims::ActivationClaims;
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::trust::{TrustSet, VerifyError};

/// A verified activation of a license on a machine.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Activation {
    token: Unverified<'static>,
    claims: ActivationClaims,
}

impl Unverified<'_> {
    /// Verifies an activation. Only the keys of the trust set are accepted.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim
    /// has a value that is not accepted.
    pub fn verify_activation(&self, trust: &TrustSet) -> Result<Activation, VerifyError> {
        let verified = self.verify_token(TokenKind::Activation, trust)?;
        Ok(Activation {
            claims: ActivationClaims::from_payload(&verified.payload)?,
            token: self.clone().into_owned(),
        })
    }
}

impl Activation {
    /// Returns the id of the activation. A revocation list that contains this id ends the
    /// activation.
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// Returns the id of the license.
    pub fn license_id(&self) -> &LicenseId {
        &self.claims.license
    }

    /// Returns the product code.
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Returns whether the activation belongs to this license.
    pub fn is_for(&self, license: &License) -> bool {
        self.license_id() == license.id() && self.product() == license.product()
    }

    /// Returns the time of issue.
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the machine.
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// Returns the nonce of the answered request.
    pub fn nonce(&self) -> Nonce {
        self.claims.nonce
    }

    /// Returns the commitment in the answered request.
    pub fn commitment(&self) -> Commitment {
        self.claims.commitment
    }

    /// Returns the token as an armor block.
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
