//! A revocation list before it is signed.

use serde::Serialize;

use super::{IssueError, Sign, sign_token};
use crate::token::TokenKind;
use crate::{LicenseId, ProductCode, Timestamp};

/// That a license no longer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The license.
    pub license: LicenseId,
    /// The first instant at which it no longer holds.
    pub at: Timestamp,
    /// Why; not empty.
    pub reason: String,
}

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

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    seq: u64,
    next_update: u64,
    revoked: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    jti: &'a str,
    at: u64,
    reason: &'a str,
}

impl<'a> From<&'a Revoked> for Entry<'a> {
    fn from(revoked: &'a Revoked) -> Self {
        Self {
            jti: revoked.license.as_str(),
            at: revoked.at.unix_seconds(),
            reason: &revoked.reason,
        }
    }
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
        let claims = Claims {
            iss: &self.issuer,
            aud: self.product.as_str(),
            iat: self.issued_at.unix_seconds(),
            seq: self.seq,
            next_update: self.next_update.unix_seconds(),
            revoked: self.revoked.iter().map(Entry::from).collect(),
        };
        sign_token(TokenKind::Revocations, &claims, key)
    }
}
