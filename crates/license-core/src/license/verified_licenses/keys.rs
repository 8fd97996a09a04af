//! The license keys that identify verified licenses.

use super::{VerifiedLicenses, VerifiedLicensesError};
use crate::key::LicenseKey;
use crate::license::License;
use crate::matrix::FeatureMatrix;

impl VerifiedLicenses {
    /// Checks that a key identifies one of the licenses.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// use license_core::{FeatureMatrix, LicenseKey};
    ///
    /// let key = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3730")?;
    /// verified.check_key(&key, FeatureMatrix::built_in())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifiedLicensesError::OtherLicense`] if the key identifies another license.
    pub fn check_key(
        &self,
        key: &LicenseKey,
        matrix: &FeatureMatrix,
    ) -> Result<(), VerifiedLicensesError> {
        if self
            .licenses
            .iter()
            .any(|license| is_identified_by(license, key, matrix))
        {
            return Ok(());
        }
        let key_of = |license: &License| key_of(license, key, matrix);
        let found = self.licenses.iter().filter_map(key_of).collect();
        Err(VerifiedLicensesError::OtherLicense { found })
    }
}

/// Returns whether a key identifies a license.
fn is_identified_by(license: &License, key: &LicenseKey, matrix: &FeatureMatrix) -> bool {
    // The license of an enterprise key has the short key as its id.
    let is_id = |key: &LicenseKey| key.license_id().as_ref() == Some(license.id());
    key.readings()
        .any(|key| license.is_identified_by(&key, matrix) || is_id(&key))
}

/// Returns the key of a license, preferably in the form of `key`.
fn key_of(license: &License, key: &LicenseKey, matrix: &FeatureMatrix) -> Option<String> {
    let standard = license.standard_key().map(|key| key.to_string());
    let enterprise = license
        .short_enterprise_key(matrix)
        .map(|key| key.to_string());
    match key {
        LicenseKey::Standard(_) => standard.or(enterprise),
        _ => enterprise.or(standard),
    }
}
