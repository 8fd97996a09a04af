//! What a license says, proved or not.

use std::sync::Arc;

use super::{CheckIn, LicenseId, Renewal, UsageType, claims};
use crate::key::{EnterpriseKey, StandardKey};
use crate::token::{TokenKind, Unverified, VerifyError};
use crate::trust::TrustedKey;
use crate::{Company, Entitlements, Machine, Matrix, ProductCode, Tier, Timestamp};

/// What a license says: to be shown and compared.
///
/// It grants nothing: anybody can have written it. What a trusted key has signed is a [`License`](crate::License), and only that is
/// evaluated.
#[derive(Debug)]
#[non_exhaustive]
pub struct Facts {
    /// The license id.
    pub id: LicenseId,
    /// The vendor. An enterprise key does not say.
    pub issuer: Option<Box<str>>,
    /// The product.
    pub product: ProductCode,
    /// The customer.
    pub customer: Box<str>,
    /// Rises with every token that the vendor issues.
    pub serial: Option<u64>,
    /// The licenses that it replaces.
    pub supersedes: Box<[LicenseId]>,
    /// When it was issued. An enterprise key does not say.
    pub issued_at: Option<Timestamp>,
    /// The first instant at which it holds.
    pub not_before: Option<Timestamp>,
    /// The first instant at which it no longer holds; none for a perpetual license.
    pub expires_at: Option<Timestamp>,
    /// Tier, features and quotas.
    pub entitlements: Arc<Entitlements>,
    /// Named or concurrent users.
    pub seats: Option<u64>,
    /// Machines that may be activated.
    pub devices: Option<u64>,
    /// Whether it holds only on machines that the vendor has activated it for.
    pub must_activate: bool,
    /// The kind of use that it is for; none is any.
    pub usage_type: Option<UsageType>,
    /// Whether it is a trial.
    pub trial: bool,
    /// How often it must be validated; none is never.
    pub check_in: Option<CheckIn>,
    /// When to warn before the end, and for how long it holds after it.
    pub renewal: Option<Renewal>,
    /// Versions built up to here are covered; none is all.
    pub maintenance_until: Option<Timestamp>,
    /// What the application's version must meet.
    pub max_version: Option<semver::VersionReq>,
    /// The machines that it is locked to; none is any.
    pub machines: Option<Box<[Machine]>>,
    /// The users that it names; none is any.
    pub users: Option<Arc<[Box<str>]>>,
    /// The company's short code.
    pub company: Option<Company>,
    /// The public key of the customer's own license server.
    pub confirmation: Option<Box<TrustedKey>>,
    /// The claims that a verifier must understand or refuse it.
    pub critical: Box<[Box<str>]>,
    /// The vendor's own data.
    pub extension: Option<Box<serde_json::Value>>,
}

impl Facts {
    /// Reads the claims of a payload as a verifier does.
    #[cfg(feature = "issue")]
    pub(crate) fn of_payload(payload: &[u8]) -> Result<Self, VerifyError> {
        claims::license(payload)
    }

    /// The tier.
    pub fn tier(&self) -> Tier {
        self.entitlements.tier()
    }

    /// The first instant at which it holds, if that is another than when it was issued.
    pub fn starts_at(&self) -> Option<Timestamp> {
        self.not_before
            .filter(|start| Some(*start) != self.issued_at)
    }

    /// The standard key that names it; an enterprise key has none.
    pub fn standard_key(&self) -> Option<StandardKey> {
        self.issued_at?;
        Some(claims::standard_key(self))
    }
}

impl Unverified<'_> {
    /// What a license token says, read as strictly as after its signature has held. Anybody can have written it.
    ///
    /// # Errors
    /// [`VerifyError`] if it is no license token, or a claim is not what it must be.
    pub fn unverified_facts(&self) -> Result<Facts, VerifyError> {
        claims::license(&self.unverified_payload(TokenKind::License)?)
    }
}

impl EnterpriseKey {
    /// What the key stands for. What it does not say itself comes from the matrix: the features, quotas and renewal terms of its
    /// enterprise tier. Anybody can have written it.
    ///
    /// # Errors
    /// [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn unverified_facts(&self, matrix: &Matrix) -> Result<Facts, VerifyError> {
        let terms = self.unverified_terms();
        let tier = matrix
            .enterprise_tier()
            .ok_or(VerifyError::NoEnterpriseTier)?;
        let seats = u64::from(terms.seats.get());
        Ok(Facts {
            id: LicenseId::of_key(&self.short()),
            issuer: None,
            product: terms.product,
            customer: terms.company.as_str().into(),
            serial: None,
            supersedes: Box::default(),
            issued_at: None,
            not_before: None,
            expires_at: terms.expiry.ends_at(),
            entitlements: Arc::new(matrix.entitlements_with_seats(tier, seats)),
            seats: Some(seats),
            devices: None,
            must_activate: false,
            usage_type: None,
            trial: false,
            check_in: None,
            renewal: tier.renewal(),
            maintenance_until: None,
            max_version: None,
            machines: None,
            users: None,
            company: Some(terms.company),
            confirmation: None,
            critical: Box::default(),
            extension: None,
        })
    }
}
