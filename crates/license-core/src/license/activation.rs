//! Activation tokens: a license is bound to a machine.

use std::fmt;

use super::License;
use crate::claims::ActivationClaims;
use crate::ids::ProductCode;
use crate::ids::{Commitment, Nonce};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::Timestamp;
use crate::trust::TrustSet;
use crate::trust::VerifyError;

/// A license's activation on a machine, which a trusted key has signed. There is no other way to get one.
#[derive(Clone)]
#[must_use]
pub struct Activation {
    token: Unverified<'static>,
    claims: ActivationClaims,
}

impl Unverified<'_> {
    /// Checks the signature of an activation over the bytes received, then reads the claims. Only the vendor's keys count.
    ///
    /// # Errors
    /// [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim is not what it must be.
    pub fn verify_activation(&self, trust: &TrustSet) -> Result<Activation, VerifyError> {
        let verified = self.verified(TokenKind::Activation, trust)?;
        Ok(Activation {
            claims: ActivationClaims::from_payload(&verified.payload)?,
            token: self.clone().into_owned(),
        })
    }
}

impl Activation {
    /// The id of the activation: a revocation list that names it ends it.
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// The license.
    pub fn license_id(&self) -> &LicenseId {
        &self.claims.license
    }

    /// The product.
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Whether it is of this license.
    pub fn is_for(&self, license: &License) -> bool {
        self.license_id() == license.id() && self.product() == license.product()
    }

    /// When it was issued.
    pub fn issued_at(&self) -> Timestamp {
        self.claims.issued_at
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// The nonce of the request that it answers.
    pub fn nonce(&self) -> Nonce {
        self.claims.nonce
    }

    /// What the machine committed itself to.
    pub fn commitment(&self) -> Commitment {
        self.claims.commitment
    }

    /// The token in armor, as it was received.
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }
}

/// Without the token.
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
