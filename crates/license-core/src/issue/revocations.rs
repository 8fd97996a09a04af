//! A revocation list before it is signed.

use super::{IssueError, Sign, sign_token};
use crate::claims::{RevocationClaims, Revoked};
use crate::ids::ProductCode;
use crate::jose::TokenKind;
use crate::time::Timestamp;

/// The licenses of a product that no longer hold.
#[derive(Clone, Debug)]
pub struct RevocationsDraft {
    /// The vendor.
    pub issuer: String,
    /// The product.
    pub product: ProductCode,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// Its number: higher than that of every list that the same key has signed.
    pub seq: u64,
    /// By when the next list is issued.
    pub next_update: Timestamp,
    /// Each license once.
    pub revoked: Vec<Revoked>,
}

impl RevocationsDraft {
    /// Signs the list.
    ///
    /// # Errors
    /// [`IssueError`] if a name or reason is empty, the key refuses to sign, or the list is larger than any verifier reads.
    pub fn sign(&self, key: &(impl Sign + ?Sized)) -> Result<String, IssueError> {
        if self.issuer.is_empty() {
            return Err(IssueError::Empty { claim: "iss" });
        }
        if self.revoked.iter().any(|revoked| revoked.reason.is_empty()) {
            return Err(IssueError::Empty { claim: "reason" });
        }
        let claims = RevocationClaims {
            issuer: self.issuer.clone(),
            product: self.product,
            issued_at: self.issued_at,
            seq: self.seq,
            next_update: self.next_update,
            revoked: self.revoked.as_slice(),
            critical: Vec::new(),
        };
        sign_token(TokenKind::Revocations, &claims, key)
    }
}
