//! Answers to a machine's requests before they are signed.

use super::{IssueError, Sign, sign_token};
use crate::claims::{ActivationClaims, ClockRepairClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::requests::{ActivationRequest, ClockRequest};
use crate::time::Timestamp;

/// The activation that a machine has asked for.
#[derive(Clone, Debug)]
pub struct ActivationDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The id of the activation.
    pub id: LicenseId,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// What the machine asked.
    pub request: &'a ActivationRequest,
}

impl ActivationDraft<'_> {
    /// Signs the activation.
    ///
    /// # Errors
    /// [`IssueError`] if the issuer is empty, or the key refuses to sign.
    pub fn sign(&self, key: &(impl Sign + ?Sized)) -> Result<String, IssueError> {
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

/// The repair of a clock that a machine has asked for.
#[derive(Clone, Debug)]
pub struct ClockRepairDraft<'a> {
    /// The vendor.
    pub issuer: String,
    /// The id of the statement.
    pub id: LicenseId,
    /// When it is issued, which is what the machine's mark is set back to.
    pub issued_at: Timestamp,
    /// What the machine asked.
    pub request: &'a ClockRequest,
}

impl ClockRepairDraft<'_> {
    /// Signs the statement.
    ///
    /// # Errors
    /// [`IssueError`] if the issuer is empty, or the key refuses to sign.
    pub fn sign(&self, key: &(impl Sign + ?Sized)) -> Result<String, IssueError> {
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

fn check_issuer(issuer: &str) -> Result<(), IssueError> {
    match issuer.trim().is_empty() {
        true => Err(IssueError::Empty { claim: "iss" }),
        false => Ok(()),
    }
}
