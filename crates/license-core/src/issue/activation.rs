//! Drafts of answers to machine requests.

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, Serializer};

use super::{Signer, SigningError, sign_token};
use crate::claims::{ActivationClaims, ClockRepairClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::requests::{ActivationRequest, ClockRequest};

/// Draft of an activation. The JSON form is the object of the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The id of the activation.
    pub id: LicenseId,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The request of the machine.
    pub request: &'a ActivationRequest,
}

impl ActivationDraft<'_> {
    /// Signs the activation.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer is empty, or the key fails to sign.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        check_issuer(&self.issuer)?;
        sign_token(TokenKind::Activation, &self.claims(), key)
    }

    fn claims(&self) -> ActivationClaims {
        ActivationClaims {
            issuer: self.issuer.clone(),
            product: self.request.product,
            id: self.id.clone(),
            issued_at: self.issued_at,
            license: self.request.license.clone(),
            machine: Machine::Fingerprint(self.request.machine.clone()),
            nonce: self.request.nonce,
            commitment: self.request.commitment,
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for ActivationDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

/// Draft of a clock repair. The JSON form is the object of the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRepairDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The id of the clock repair.
    pub id: LicenseId,
    /// The issue date, to which the clock high-water mark of the machine is lowered.
    pub issued_at: DateTime<Utc>,
    /// The request of the machine.
    pub request: &'a ClockRequest,
}

impl ClockRepairDraft<'_> {
    /// Signs the clock repair.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer is empty, or the key fails to sign.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        check_issuer(&self.issuer)?;
        sign_token(TokenKind::ClockRepair, &self.claims(), key)
    }

    fn claims(&self) -> ClockRepairClaims {
        ClockRepairClaims {
            issuer: self.issuer.clone(),
            product: self.request.product,
            id: self.id.clone(),
            issued_at: self.issued_at,
            machine: Machine::Fingerprint(self.request.machine.clone()),
            nonce: self.request.nonce,
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for ClockRepairDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

fn check_issuer(issuer: &str) -> Result<(), SigningError> {
    if issuer.trim().is_empty() {
        return Err(SigningError::Empty { claim: "iss" });
    }
    Ok(())
}
