//! A validation token before it is signed.

use super::{IssueError, Sign, sign_token};
use crate::claims::{Status, ValidationClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::license::License;
use crate::machine::Machine;
use crate::policy::Entitlements;
use crate::time::Timestamp;

/// How long a statement about a license that never has to be validated is meant to be used: as long as the built-in
/// product's licenses last between two check-ins.
const SECONDS_WITHOUT_TERM: u64 = 24 * 3600;

/// What a vendor, or a customer's own server, is to say of a license at an instant.
#[derive(Clone, Debug)]
pub struct ValidationDraft<'a> {
    /// The license.
    pub license: &'a License,
    /// Who says it.
    pub issuer: String,
    /// The id of this statement.
    pub id: LicenseId,
    /// When it is said.
    pub issued_at: Timestamp,
    /// Until when it is meant to be used.
    pub expires_at: Option<Timestamp>,
    /// The fingerprint digest of the machine on which it counts; none is any.
    pub machine: Option<String>,
    /// What the asking machine sent.
    pub nonce: Option<String>,
    /// What is said of the license.
    pub status: Status,
    /// What the license allows from now on.
    pub entitlements: &'a Entitlements,
}

impl<'a> ValidationDraft<'a> {
    /// That a license is active on any machine and allows what was bought, until its next check-in is due; for 24 hours if
    /// it never has to be validated.
    pub fn of_license(
        license: &'a License,
        issuer: String,
        id: LicenseId,
        issued_at: Timestamp,
    ) -> Self {
        let seconds = license
            .check_in()
            .map_or(SECONDS_WITHOUT_TERM, |terms| terms.every_seconds());
        Self {
            license,
            issuer,
            id,
            issued_at,
            expires_at: Some(issued_at.plus(seconds)),
            machine: None,
            nonce: None,
            status: Status::Active,
            entitlements: license.entitlements(),
        }
    }

    /// Signs the statement.
    ///
    /// # Errors
    /// [`IssueError`] if the key refuses to sign, or the token is larger than any verifier reads.
    pub fn sign(&self, key: &impl Sign) -> Result<String, IssueError> {
        let claims = ValidationClaims {
            issuer: self.issuer.clone(),
            product: self.license.product(),
            id: self.id.as_str().to_owned(),
            issued_at: self.issued_at,
            license: self.license.id().clone(),
            status: self.status,
            tier: self.entitlements.tier(),
            features: self.entitlements.shared_features(),
            quotas: self.entitlements.shared_quotas(),
            expires_at: self.expires_at,
            machine: self.machine.as_deref().map(Machine::parse),
            nonce: self.nonce.clone(),
        };
        sign_token(TokenKind::Validation, &claims, key)
    }
}
