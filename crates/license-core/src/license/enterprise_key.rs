//! Verification of an enterprise key.

use std::borrow::Cow;

use super::License;
use crate::claims::LicenseClaims;
use crate::key::{EnterpriseKey, LicenseId};
use crate::matrix::FeatureMatrix;
use crate::trust::{TrustSet, TrustedKey, VerifyError};

impl EnterpriseKey {
    /// Verifies an enterprise key.
    ///
    /// The text does not name the key that signed it. The signature is therefore checked with each
    /// trusted key and its algorithm, until one key verifies it.
    ///
    /// The features, quotas and renewal terms come from the enterprise tier of the feature matrix.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// let LicenseKey::Enterprise(key) = LicenseKey::parse(TEXT)? else {
    ///     return Err("expected a full enterprise key".into());
    /// };
    /// let license = key.verify(&trust, FeatureMatrix::built_in())?;
    /// assert_eq!((license.customer(), license.seats()), ("ACME", Some(100)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::Signature`] if no trusted key has signed the enterprise key, and
    /// [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn verify(&self, trust: &TrustSet, matrix: &FeatureMatrix) -> Result<License, VerifyError> {
        let reading = self.signed_reading(trust);
        let key = reading.signer(trust).ok_or(VerifyError::Signature)?;
        let claims = reading.unverified_claims(matrix)?;
        let signature = reading.signature().to_vec();
        Ok(License::new(claims, key.id().clone(), signature))
    }

    /// Returns the trusted key that has signed the enterprise key.
    fn signer<'t>(&self, trust: &'t TrustSet) -> Option<&'t TrustedKey> {
        let signed = self.signed_text().as_bytes();
        trust
            .iter()
            .find(|key| key.verify(signed, self.signature()))
    }

    /// Returns the reading of the key that a trusted key has signed, or the first reading.
    pub(crate) fn signed_reading(&self, trust: &TrustSet) -> Cow<'_, Self> {
        let other = self.other_reading();
        match other.filter(|other| other.signer(trust).is_some()) {
            Some(other) => Cow::Owned(other),
            None => Cow::Borrowed(self),
        }
    }

    /// Returns the claims that the enterprise key represents, which are not authenticated.
    ///
    /// The features, quotas and renewal terms come from the enterprise tier of the feature matrix.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// let LicenseKey::Enterprise(key) = LicenseKey::parse(TEXT)? else {
    ///     return Err("expected a full enterprise key".into());
    /// };
    /// let claims = key.unverified_claims(FeatureMatrix::built_in())?;
    /// assert_eq!(claims.tier.as_str(), "ENT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn unverified_claims(&self, matrix: &FeatureMatrix) -> Result<LicenseClaims, VerifyError> {
        let terms = self.unverified_terms();
        let tier = matrix
            .enterprise_tier()
            .ok_or(VerifyError::NoEnterpriseTier)?;
        let seats = u64::from(terms.seats.get());
        let entitlements = matrix.entitlements_with_seats(tier, seats);
        let id = LicenseId::from_key(&self.short());
        let customer = terms.company.as_str().to_owned();
        let mut claims = LicenseClaims::new(id, terms.product, customer, &entitlements);
        claims.expires_at = terms.expiry.ends_at();
        claims.seats = Some(seats);
        claims.renewal = tier.renewal();
        claims.company = Some(terms.company);
        Ok(claims)
    }
}
