//! Drafts of validation tokens.

use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::{Serialize, Serializer};

use super::{Signer, SigningError, sign_token};
use crate::claims::{Status, ValidationClaims};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::license::License;
use crate::machine::Machine;
use crate::policy::Entitlements;
use crate::time;

/// Validity of a validation token for a license without check-in terms. The value is the check-in
/// interval of the built-in product.
const DEFAULT_VALIDITY: TimeDelta = TimeDelta::hours(24);

/// Draft of a validation token by the vendor or by a customer's own server. The JSON form is the
/// object of the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationDraft<'a> {
    /// The license.
    pub license: &'a License,
    /// The issuer: the vendor or the operator of the server.
    pub issuer: String,
    /// The id of the token.
    pub id: LicenseId,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The end of the token.
    pub expires_at: Option<DateTime<Utc>>,
    /// The digest of the machine for which the token is issued, or `None` for all machines.
    pub machine: Option<String>,
    /// The nonce of the request, if there is one.
    pub nonce: Option<String>,
    /// The status of the license.
    pub status: Status,
    /// The entitlements of the license from now on.
    pub entitlements: &'a Entitlements,
}

impl<'a> ValidationDraft<'a> {
    /// Creates the draft of a token for an active license on all machines, with the entitlements of
    /// the license. The token ends when the next check-in is due, or after 24 hours if the license
    /// has no check-in terms.
    pub fn for_license(
        license: &'a License,
        issuer: String,
        id: LicenseId,
        issued_at: DateTime<Utc>,
    ) -> Self {
        let check_in = license.check_in();
        let validity = check_in.map_or(DEFAULT_VALIDITY, |check_in| check_in.every());
        Self {
            license,
            issuer,
            id,
            issued_at,
            expires_at: Some(time::saturating_add(issued_at, validity)),
            machine: None,
            nonce: None,
            status: Status::Active,
            entitlements: license.entitlements(),
        }
    }

    /// Signs the token.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if the key fails to sign, or the token is larger than verifiers
    /// accept.
    pub fn sign(&self, key: &impl Signer) -> Result<String, SigningError> {
        sign_token(TokenKind::Validation, &self.claims(), key)
    }

    fn claims(&self) -> ValidationClaims {
        ValidationClaims {
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
        }
    }
}

/// Writes the claims.
impl Serialize for ValidationDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}
