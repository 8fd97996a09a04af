//! Validation tokens: a license was good on a machine at a time.

use std::fmt;
use std::sync::Arc;

use super::License;
use crate::claims::{Status, ValidationClaims};
use crate::ids::ProductCode;
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::policy::Entitlements;
use crate::time::Timestamp;
use crate::trust::{TrustSet, TrustedKey, VerifyError};

/// Who signed a validation token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signer {
    /// A key of the trust set: its entitlements replace the license's.
    Vendor,
    /// The license's own `cnf` key: its entitlements may only narrow the license's.
    Server,
}

impl Unverified<'_> {
    /// Verifies a validation token for a license. The vendor's keys count for every license, and the
    /// key in the license's own `cnf` claim (RFC 7800) counts for that license only.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] as [`Unverified::verify`] does, and if the token belongs to another
    /// license.
    pub fn verify_validation(
        &self,
        trust: &TrustSet,
        license: &License,
    ) -> Result<Validation, VerifyError> {
        self.verify_validation_of(trust, std::slice::from_ref(license))
    }

    /// Verifies a validation token for one of these licenses. The signature is verified once.
    pub(super) fn verify_validation_of(
        &self,
        trust: &TrustSet,
        licenses: &[License],
    ) -> Result<Validation, VerifyError> {
        let kind = TokenKind::Validation;
        let is_server = |key: &&TrustedKey| key.id().as_str() == self.unverified_key_id();
        let confirms = |license: &&License| license.confirmation_key().filter(is_server).is_some();
        let server = licenses
            .iter()
            .find_map(|license| license.confirmation_key().filter(is_server));
        let (verified, signer) = match server {
            Some(key) if trust.get(key.id().as_str()).is_none() => {
                (self.verified_by(kind, key)?, Signer::Server)
            }
            _ => (self.verified(kind, trust)?, Signer::Vendor),
        };
        let claims = ValidationClaims::from_payload(&verified.payload)?;
        let validation = Validation {
            token: self.clone().into_owned(),
            entitlements: Arc::new(claims.entitlements()),
            claims,
            signer,
        };
        let may_speak_for = |license: &&License| signer == Signer::Vendor || confirms(license);
        let mut heard = licenses.iter().filter(may_speak_for);
        // The tokens of a license also count for its successor, even if that alone is installed.
        if !heard.any(|license| validation.concerns(license)) {
            return Err(VerifyError::OtherLicense);
        }
        Ok(validation)
    }
}

/// A validation token that a key trusted for its license has signed.
#[derive(Clone)]
#[must_use]
pub struct Validation {
    token: Unverified<'static>,
    claims: ValidationClaims,
    entitlements: Arc<Entitlements>,
    signer: Signer,
}

/// Without the token.
impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation")
            .field("id", &self.claims.id)
            .field("license", &self.claims.license)
            .field("issued_at", &self.claims.issued_at)
            .field("machine", &self.claims.machine)
            .field("status", &self.claims.status)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

impl Validation {
    /// The token in armor, as it was received.
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }

    /// Whether it speaks of this license.
    pub fn is_for(&self, license: &License) -> bool {
        self.claims.license == *license.id() && self.claims.product == license.product()
    }

    /// The product of the license.
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    pub(crate) fn is_signed_by(&self, key: &TrustedKey) -> bool {
        self.token.unverified_key_id() == key.id().as_str()
    }

    /// Whether it speaks of this license, or of one that it replaces.
    pub fn concerns(&self, license: &License) -> bool {
        let is_former = || license.supersedes().contains(&self.claims.license);
        self.is_for(license) || self.claims.product == license.product() && is_former()
    }

    /// The id of the statement.
    pub fn id(&self) -> &str {
        &self.claims.id
    }

    /// The license of which it speaks.
    pub fn license_id(&self) -> &LicenseId {
        &self.claims.license
    }

    /// When the license was validated.
    pub fn issued_at(&self) -> Timestamp {
        self.claims.issued_at
    }

    /// Until when the signer meant it to be used. Evaluation counts from [`Validation::issued_at`] alone: a
    /// suspension that lapsed by itself would be an invitation to wait.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.claims.expires_at
    }

    /// The machine on which it counts; none means any.
    pub fn machine(&self) -> Option<&Machine> {
        self.claims.machine.as_ref()
    }

    /// What the asking machine had sent to tell the answer from an older one.
    pub fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// What the signer says of the license.
    pub fn status(&self) -> Status {
        self.claims.status
    }

    /// The features and quotas that the signer grants.
    pub fn entitlements(&self) -> &Arc<Entitlements> {
        &self.entitlements
    }

    /// Who signed it.
    pub fn signer(&self) -> Signer {
        self.signer
    }
}
