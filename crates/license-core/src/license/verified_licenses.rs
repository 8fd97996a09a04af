//! The verified content of a license file or of an enterprise key.

mod canonical_text;
mod error;
mod keys;
mod verify;

use chrono::{DateTime, Utc};

pub use canonical_text::CanonicalText;
pub use error::VerifiedLicensesError;

use super::{
    Activation, ClockRepair, License, RecordedRevocation, RevocationList, Validation,
    ValidationSigner,
};
use crate::ids::Nonce;
use crate::jose::Unverified;
use crate::key::LicenseId;

/// The verified content of a license file or of an enterprise key.
///
/// [`VerifiedLicenses::evaluate`] and [`VerifiedLicenses::explain`] use all artifacts of the file.
/// [`License::evaluate`] and [`License::explain`] see one license. They do not use the revocation
/// lists, validation tokens, activations and newer licenses of the file, so a license that the file
/// itself revokes can be valid for them.
///
/// ```
/// use license_core::{Context, FeatureMatrix, TrustSet, VerifiedLicenses, time};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const FILE: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/files/valid-pro.lic"
/// # ));
/// // The vendor's public keys, and the customer's license file.
/// let (trust, matrix) = (TrustSet::parse(JWKS)?, FeatureMatrix::built_in());
/// let licenses = VerifiedLicenses::verify(FILE, &trust, matrix)?;
/// let now = time::parse_instant("2027-01-15T09:00:00Z")?;
/// assert!(licenses.evaluate(matrix, &Context::at(now)).allows("cloud_sync"));
/// // To decide, use `licenses.evaluate`. `license.evaluate` sees no other artifact of the file.
/// for license in &licenses {
///     println!("{} {}", license.id(), license.tier());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct VerifiedLicenses {
    licenses: Vec<License>,
    validations: Vec<Validation>,
    revocations: Vec<RevocationList>,
    activations: Vec<Activation>,
    clock_repairs: Vec<ClockRepair>,
    statements: Vec<Unverified<'static>>,
    /// The licenses that this machine has deactivated, with the nonces of their activations.
    deactivated: Vec<(LicenseId, Nonce)>,
    /// The revocations that this machine has recorded.
    recorded: Vec<RecordedRevocation>,
    canonical: CanonicalText,
}

impl VerifiedLicenses {
    /// Returns the licenses. The list can be empty only after
    /// [`VerifiedLicenses::verify_with_licenses`].
    ///
    /// To decide, use [`VerifiedLicenses::evaluate`]: [`License::evaluate`] does not see the other
    /// artifacts of the file, such as revocation lists.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// assert_eq!(verified.licenses()[0].customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn licenses(&self) -> &[License] {
        &self.licenses
    }

    /// Returns the validation tokens.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// assert_eq!(verified.validations().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validations(&self) -> &[Validation] {
        &self.validations
    }

    /// Returns the revocation lists, which may belong to any product.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// assert!(verified.revocations().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revocations(&self) -> &[RevocationList] {
        &self.revocations
    }

    /// Returns the activations, which may belong to any license and machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// assert!(verified.activations().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn activations(&self) -> &[Activation] {
        &self.activations
    }

    /// Returns the clock repairs, which may belong to any machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// assert!(verified.clock_repairs().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock_repairs(&self) -> &[ClockRepair] {
        &self.clock_repairs
    }

    /// Returns the trust statements in the order of the file. They are not verified and have no
    /// effect.
    ///
    /// [`Rotation`](crate::license::Rotation) verifies and applies them.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TEXT: &str = fixture::STATEMENT;
    /// use license_core::{FeatureMatrix, VerifiedLicenses};
    /// use license_core::license::Rotation;
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let verified = VerifiedLicenses::verify_with_licenses(TEXT, &trust, matrix, &[])?;
    /// let mut rotation = Rotation::new(trust);
    /// for token in verified.unverified_trust_statements() {
    ///     rotation.apply(token)?;
    /// }
    /// assert_eq!(rotation.statements().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unverified_trust_statements(&self) -> &[Unverified<'static>] {
        &self.statements
    }

    /// Returns the licenses that this machine has deactivated, each with the nonce of its
    /// activation.
    pub(crate) fn deactivated(&self) -> &[(LicenseId, Nonce)] {
        &self.deactivated
    }

    /// Returns the revocations that this machine has recorded.
    pub(crate) fn recorded(&self) -> &[RecordedRevocation] {
        &self.recorded
    }

    /// Removes the licenses that are not selected. The other artifacts and the canonical text do
    /// not change.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// verified.retain_licenses(|license| license.expires_at().is_none());
    /// assert!(verified.licenses().is_empty(), "no license is perpetual");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain_licenses(&mut self, is_selected: impl FnMut(&License) -> bool) {
        self.licenses.retain(is_selected);
    }

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

    /// Removes the activations and returns them. A program that stores activations elsewhere does
    /// not accept those of a license file that its user can edit.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let mut verified =
    /// #     license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// # verified.add_activations([fixture::activation()?]);
    /// assert_eq!(verified.take_activations().len(), 1);
    /// assert!(verified.activations().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_activations(&mut self) -> Vec<Activation> {
        std::mem::take(&mut self.activations)
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
    /// use license_core::license::RecordedRevocation;
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

    /// Returns the latest time of issue of the licenses, validation tokens, revocation lists and
    /// activations that the vendor signed.
    ///
    /// Validation tokens of a customer's own license server do not count. A server whose clock is
    /// wrong must not move the clock of a machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// // A clock that is behind this instant is wrong.
    /// let newest = verified.newest_signature().ok_or("no signature")?;
    /// assert_eq!(newest.date_naive().to_string(), "2027-01-15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn newest_signature(&self) -> Option<DateTime<Utc>> {
        let licenses = self.licenses.iter().filter_map(License::issued_at);
        let validations = self.validations.iter();
        let by_vendor =
            validations.filter(|validation| validation.signer() == ValidationSigner::Vendor);
        let validations = by_vendor.map(Validation::issued_at);
        let lists = self.revocations.iter().map(RevocationList::issued_at);
        let activations = self.activations.iter().map(Activation::issued_at);
        let later = lists.chain(activations);
        licenses.chain(validations).chain(later).max()
    }

    /// Returns the licenses that continue a license, in the order in which they start. Each of them
    /// [continues](License::is_continued_by) the one before it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// let license = &verified.licenses()[0];
    /// assert!(verified.continuations_of(license).is_empty(), "no renewal is in the file");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn continuations_of<'l>(&'l self, license: &'l License) -> Vec<&'l License> {
        let next = |last: &&'l License| {
            let mut licenses = self.licenses.iter();
            licenses.find(|newer| last.is_continued_by(newer))
        };
        // Each license ends later than the one before it, so this ends.
        std::iter::successors(next(&license), next).collect()
    }

    /// Returns the text to store: the licenses and validation tokens. Other tokens are stored
    /// separately.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// use license_core::license::CanonicalText;
    ///
    /// assert!(matches!(verified.canonical(), CanonicalText::File(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn canonical(&self) -> &CanonicalText {
        &self.canonical
    }
}

/// Iterates over the licenses.
///
/// To decide, use [`VerifiedLicenses::evaluate`]: [`License::evaluate`] does not see the other
/// artifacts of the file, such as revocation lists.
impl<'a> IntoIterator for &'a VerifiedLicenses {
    type Item = &'a License;
    type IntoIter = std::slice::Iter<'a, License>;

    fn into_iter(self) -> Self::IntoIter {
        self.licenses.iter()
    }
}
