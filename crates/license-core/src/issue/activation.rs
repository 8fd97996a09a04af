//! Answers to a machine's requests before they are signed.

use serde_json::json;

use super::{IssueError, Sign, sign_token};
use crate::letter::{ActivationRequest, ClockRequest};
use crate::token::TokenKind;
use crate::{LicenseId, Timestamp};

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
        let claims = json!({
            "iss": self.issuer,
            "aud": self.request.product.as_str(),
            "jti": self.id.as_str(),
            "iat": self.issued_at.unix_seconds(),
            "lic": self.request.license.as_str(),
            "machine": self.request.machine.to_string(),
            "nonce": self.request.nonce.to_string(),
            "commitment": self.request.commitment.to_string(),
        });
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
        let claims = json!({
            "iss": self.issuer,
            "aud": self.request.product.as_str(),
            "jti": self.id.as_str(),
            "iat": self.issued_at.unix_seconds(),
            "machine": self.request.machine.to_string(),
            "nonce": self.request.nonce.to_string(),
        });
        sign_token(TokenKind::ClockRepair, &claims, key)
    }
}

fn check_issuer(issuer: &str) -> Result<(), IssueError> {
    match issuer.trim().is_empty() {
        true => Err(IssueError::Empty { claim: "iss" }),
        false => Ok(()),
    }
}
