//! Drafts of answers to machine requests.

use chrono::{DateTime, Utc};

use super::{Signer, SigningError, sign_token};
use crate::claims::{ActivationClaims, ClockRepairClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::requests::{ActivationRequest, ClockRequest};

/// Draft of an activation.
#[derive(Clone, Debug)]
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
        let claims = ActivationClaims {
            issuer: self.issuer.clone(),
            product: self.request.product,
            id: self.id.clone(),
            issued_at: self.issued_at,
            license: self.request.license.clone(),
            machine: Machine::Fingerprint(self.request.machine.clone()),
            nonce: self.request.nonce,
            commitment: self.request.commitment,
            critical: Vec::new(),
        };
        sign_token(TokenKind::Activation, &claims, key)
    }
}

/// Draft of a clock repair.
#[derive(Clone, Debug)]
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
        let claims = ClockRepairClaims {
            issuer: self.issuer.clone(),
            product: self.request.product,
            id: self.id.clone(),
            issued_at: self.issued_at,
            machine: Machine::Fingerprint(self.request.machine.clone()),
            nonce: self.request.nonce,
            critical: Vec::new(),
        };
        sign_token(TokenKind::ClockRepair, &claims, key)
    }
}

fn check_issuer(issuer: &str) -> Result<(), SigningError> {
    if issuer.trim().is_empty() {
        return Err(SigningError::Empty { claim: "iss" });
    }
    Ok(())
}
