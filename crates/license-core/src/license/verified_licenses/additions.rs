//! Artifacts that are added after the verification of a license file.

use super::VerifiedLicenses;
use crate::ids::Nonce;
use crate::key::LicenseId;
use crate::license::{Activation, RecordedRevocation, RevocationList};

impl VerifiedLicenses {
    /// Adds activations from another source.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// # let activation = fixture::activation()?;
    /// verified.add_activations([activation]);
    /// assert_eq!(verified.activations().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_activations(&mut self, activations: impl IntoIterator<Item = Activation>) {
        self.activations.extend(activations);
    }

    /// Adds licenses that this machine has deactivated, each with the nonce of its activation.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// # let activation = fixture::activation()?;
    /// // The license no longer counts as activated by this activation.
    /// verified.add_deactivated([(activation.license_id().clone(), activation.nonce())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_deactivated(&mut self, deactivated: impl IntoIterator<Item = (LicenseId, Nonce)>) {
        self.deactivated.extend(deactivated);
    }

    /// Adds revocation lists from another source.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// # let list = fixture::list()?;
    /// verified.add_revocations([list]);
    /// assert_eq!(verified.revocations().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_revocations(&mut self, lists: impl IntoIterator<Item = RevocationList>) {
        self.revocations.extend(lists);
    }

    /// Adds revocations that this machine has recorded.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// # let list = fixture::list()?;
    /// use license_core::RecordedRevocation;
    /// use license_core::{Code, Context};
    ///
    /// let license = verified.licenses()[0].id().clone();
    /// verified.add_recorded_revocations(RecordedRevocation::new(&list, &license));
    /// let decision = verified.evaluate(matrix, &Context::at(list.issued_at()));
    /// assert_eq!(decision.code(), Code::Revoked);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_recorded_revocations(
        &mut self,
        recorded: impl IntoIterator<Item = RecordedRevocation>,
    ) {
        self.recorded.extend(recorded);
    }

    /// Adds the content of `other`, except clock repairs and trust statements. The canonical text
    /// does not change.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// let other = verified.clone();
    /// verified.extend(&other);
    /// assert_eq!(verified.licenses().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend(&mut self, other: &Self) {
        self.licenses.extend_from_slice(&other.licenses);
        self.validations.extend_from_slice(&other.validations);
        self.revocations.extend_from_slice(&other.revocations);
        self.activations.extend_from_slice(&other.activations);
        self.deactivated.extend_from_slice(&other.deactivated);
        self.recorded.extend_from_slice(&other.recorded);
    }
}
