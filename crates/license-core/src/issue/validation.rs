//! A validation token before it is signed.

use serde_json::json;

use super::{IssueError, Sign, sign_token};
use crate::token::TokenKind;
use crate::{Entitlements, License, LicenseId, Quota, Status, Timestamp};

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
        let numbers = |(name, quota): (&str, Quota)| (name.to_owned(), quota.to_number().into());
        let quotas: serde_json::Map<_, serde_json::Value> =
            self.entitlements.quotas().map(numbers).collect();
        let mut claims = json!({
            "iss": self.issuer,
            "aud": self.license.product().as_str(),
            "jti": self.id.as_str(),
            "iat": self.issued_at.unix_seconds(),
            "lic": self.license.id().as_str(),
            "status": self.status.as_str(),
            "tier": self.entitlements.tier().as_str(),
            "features": self.entitlements.features().collect::<Vec<_>>(),
            "quotas": quotas,
        });
        if let Some(claims) = claims.as_object_mut() {
            let exp = self.expires_at.map(|at| at.unix_seconds().into());
            let machine = self.machine.as_deref().map(Into::into);
            let nonce = self.nonce.as_deref().map(Into::into);
            let optional = [("exp", exp), ("machine", machine), ("nonce", nonce)];
            let given = optional
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            claims.extend(given);
        }
        sign_token(TokenKind::Validation, &claims, key)
    }
}
