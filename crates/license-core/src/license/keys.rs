//! The license keys that identify a license.

use chrono::TimeDelta;

use super::License;
use crate::key::{EnterpriseTerms, KeyExpiry, LicenseKey, ShortEnterpriseKey, StandardKey};
use crate::matrix::FeatureMatrix;
use crate::time;

impl License {
    /// Returns the standard key of the license, or `None` if the license is an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let key = license.standard_key().ok_or("an enterprise key")?;
    /// assert_eq!(key.to_string(), "CODITECT-PRO-D4424EFC5184-3730");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn standard_key(&self) -> Option<StandardKey> {
        let is_token = self.issued_at().is_some();
        is_token.then(|| self.claims().standard_key())
    }

    /// Returns the short enterprise key of the license.
    ///
    /// Returns `None` unless the license has the enterprise tier, a company and seats, and is
    /// perpetual or ends at midnight UTC.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::enterprise()?;
    /// use license_core::FeatureMatrix;
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let key = license.short_enterprise_key(matrix).ok_or("not an ENT license")?;
    /// assert!(key.to_string().starts_with("CODITECT-ENT-ACME-100-20271231-"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn short_enterprise_key(&self, matrix: &FeatureMatrix) -> Option<ShortEnterpriseKey> {
        let is_enterprise = matrix
            .enterprise_tier()
            .is_some_and(|tier| tier.name() == self.tier());
        let seats = u32::try_from(self.seats()?).ok()?;
        let expiry = match self.expires_at() {
            None => KeyExpiry::Perpetual,
            // The latest timestamp is not midnight, and its date encodes "perpetual" in a key.
            Some(end) if end == time::MAX => return None,
            Some(end) => {
                let day = time::saturating_sub(end, TimeDelta::seconds(1)).date_naive();
                (time::end_of_day(day) == end).then_some(KeyExpiry::LastDay(day))?
            }
        };
        let terms = EnterpriseTerms {
            product: self.product(),
            company: self.company()?,
            seats: seats.try_into().ok()?,
            expiry,
        };
        is_enterprise.then(|| ShortEnterpriseKey::new(terms, &self.inner.signature))
    }

    /// Returns whether a key identifies this license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// // The key that a customer reads out over the phone.
    /// let key = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3730")?;
    /// assert!(license.is_identified_by(&key, FeatureMatrix::built_in()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_identified_by(&self, key: &LicenseKey, matrix: &FeatureMatrix) -> bool {
        match key {
            LicenseKey::Standard(key) => self.standard_key() == Some(*key),
            LicenseKey::EnterpriseShort(key) => self.short_enterprise_key(matrix) == Some(*key),
            LicenseKey::Enterprise(key) => self.short_enterprise_key(matrix) == Some(key.short()),
        }
    }
}
