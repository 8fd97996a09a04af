//! Drafts of revocation lists.

use chrono::{DateTime, Utc};

use super::{Signer, SigningError, sign_token};
use crate::claims::{RevocationClaims, RevocationEntry};
use crate::ids::ProductCode;
use crate::jose::TokenKind;

/// Draft of a revocation list.
#[derive(Clone, Debug)]
pub struct RevocationListDraft {
    /// The vendor.
    pub issuer: String,
    /// The product.
    pub product: ProductCode,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The number of the list, which is higher than the numbers of all earlier lists of the same
    /// key.
    pub seq: u64,
    /// The date by which the next list is issued.
    pub next_update: DateTime<Utc>,
    /// The revoked licenses and activations, each listed once.
    pub revoked: Vec<RevocationEntry>,
}

impl RevocationListDraft {
    /// Signs the list.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the issuer or a reason is empty, the key fails to sign, or the
    /// list is larger than verifiers accept.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        if self.issuer.is_empty() {
            return Err(SigningError::Empty { claim: "iss" });
        }
        if self.revoked.iter().any(|revoked| revoked.reason.is_empty()) {
            return Err(SigningError::Empty { claim: "reason" });
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
