//! Verification of a license file or enterprise key as a whole.

mod additions;
mod error;

use std::fmt;

use chrono::{DateTime, Utc};

pub use error::VerifiedLicensesError;

use super::{
    Activation, ArmorBlock, ClockRepair, License, LicenseFile, RecordedRevocation, RevocationList,
    Validation, ValidationSigner,
};
use crate::encoding::pasted::without_wrapping;
use crate::ids::Nonce;
use crate::jose::{ParseError, TokenKind, Unverified};
use crate::key::{LicenseId, LicenseKey};
use crate::matrix::FeatureMatrix;
use crate::trust::{TrustSet, VerifyError};

/// The verified content of a license file or of an enterprise key.
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

/// The canonical text of verified licenses, for storage.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let trust = fixture::trust()?;
/// # let matrix = license_core::FeatureMatrix::built_in();
/// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
/// use license_core::CanonicalText;
///
/// match verified.canonical() {
///     CanonicalText::File(text) => println!("a file of {} bytes", text.len()),
///     CanonicalText::EnterpriseKey(_) => println!("an enterprise key"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum CanonicalText {
    /// Tokens in armor blocks.
    File(String),
    /// A full enterprise key.
    EnterpriseKey(String),
}

/// Omits the text, which is a bearer credential.
impl fmt::Debug for CanonicalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::EnterpriseKey(_) => "EnterpriseKey",
        })
    }
}

impl VerifiedLicenses {
    /// Verifies a license file, a bare token or a full enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const FILE: &str = fixture::FILE;
    /// use license_core::{FeatureMatrix, VerifiedLicenses};
    ///
    /// let verified = VerifiedLicenses::verify(FILE, &trust, FeatureMatrix::built_in())?;
    /// assert_eq!((verified.licenses().len(), verified.validations().len()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifiedLicensesError`] if any part is damaged or not signed by a trusted key, or
    /// if the text contains no license. Returns [`VerifiedLicensesError::NeedsLicenseFile`] for a
    /// key without a signature.
    pub fn verify(
        text: &str,
        trust: &TrustSet,
        matrix: &FeatureMatrix,
    ) -> Result<Self, VerifiedLicensesError> {
        let verified = Self::verify_with_licenses(text, trust, matrix, &[])?;
        if verified.licenses.is_empty() {
            return Err(VerifiedLicensesError::NoLicense);
        }
        Ok(verified)
    }

    /// Verifies a text that does not have to contain a license.
    ///
    /// The text can contain licenses, validation tokens, revocation lists, activations, clock
    /// repairs and trust statements in any combination. A validation token must belong to a license
    /// in the text or in `known`. Trust statements are not verified.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// # const TOKEN: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/validation.jwt"
    /// # ));
    /// use license_core::{FeatureMatrix, VerifiedLicenses};
    ///
    /// // A validation token arrives alone, because its license is already installed.
    /// let (matrix, known) = (FeatureMatrix::built_in(), [license]);
    /// let verified = VerifiedLicenses::verify_with_licenses(TOKEN, &trust, matrix, &known)?;
    /// assert!(verified.licenses().is_empty());
    /// assert_eq!(verified.validations().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`VerifiedLicenses::verify`]. A text without a license is an error
    /// only if it has validation tokens and `known` is empty.
    pub fn verify_with_licenses(
        text: &str,
        trust: &TrustSet,
        matrix: &FeatureMatrix,
        known: &[License],
    ) -> Result<Self, VerifiedLicensesError> {
        if without_wrapping(text).is_empty() {
            return Err(VerifiedLicensesError::Parse(ParseError::Empty));
        }
        if !LicenseKey::is_likely(text) {
            return Self::verify_file(text, trust, known);
        }
        match LicenseKey::parse(text).map_err(VerifiedLicensesError::Key)? {
            LicenseKey::Enterprise(key) => Ok(Self {
                licenses: vec![
                    key.verify(trust, matrix)
                        .map_err(VerifiedLicensesError::Verify)?,
                ],
                validations: Vec::new(),
                revocations: Vec::new(),
                activations: Vec::new(),
                clock_repairs: Vec::new(),
                statements: Vec::new(),
                deactivated: Vec::new(),
                recorded: Vec::new(),
                canonical: CanonicalText::EnterpriseKey(key.to_string()),
            }),
            key => Err(needs_file(&key)),
        }
    }

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

    fn verify_file(
        text: &str,
        trust: &TrustSet,
        known: &[License],
    ) -> Result<Self, VerifiedLicensesError> {
        let file = LicenseFile::parse(text).map_err(VerifiedLicensesError::Parse)?;
        let licenses = verify_each(&file, TokenKind::License, |token| token.verify(trust))?;
        let all = [&licenses, known].concat();
        let stored_kinds = [TokenKind::License, TokenKind::Validation];
        if all.is_empty() && file.blocks_of_kind(TokenKind::Validation).next().is_some() {
            return Err(VerifiedLicensesError::NoLicense);
        }
        let validations = verify_each(&file, TokenKind::Validation, |token| {
            token.verify_validation_of(trust, &all)
        })?;
        let revocations = verify_each(&file, TokenKind::Revocations, |token| {
            token.verify_revocations(trust)
        })?;
        let activations = verify_each(&file, TokenKind::Activation, |token| {
            token.verify_activation(trust)
        })?;
        let clock_repairs = verify_each(&file, TokenKind::ClockRepair, |token| {
            token.verify_clock_repair(trust)
        })?;
        let tokens = file.blocks().iter().map(|block| &block.token);
        let stored = tokens.filter(|token| stored_kinds.contains(&token.unverified_kind()));
        let statements = file.blocks_of_kind(TokenKind::TrustStatement);
        let statements = statements.map(|block| block.token.clone().into_owned());
        let canonical = CanonicalText::File(stored.map(Unverified::to_armor).collect());
        Ok(Self {
            licenses,
            validations,
            revocations,
            activations,
            clock_repairs,
            statements: statements.collect(),
            deactivated: Vec::new(),
            recorded: Vec::new(),
            canonical,
        })
    }

    /// Returns the licenses. The list can be empty only after
    /// [`VerifiedLicenses::verify_with_licenses`].
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
    /// use license_core::{FeatureMatrix, Rotation, VerifiedLicenses};
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

    /// Returns the text to store: the licenses and validation tokens. Other tokens are stored
    /// separately.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
    /// use license_core::CanonicalText;
    ///
    /// assert!(matches!(verified.canonical(), CanonicalText::File(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn canonical(&self) -> &CanonicalText {
        &self.canonical
    }
}

/// Iterates over the licenses.
impl<'a> IntoIterator for &'a VerifiedLicenses {
    type Item = &'a License;
    type IntoIter = std::slice::Iter<'a, License>;

    fn into_iter(self) -> Self::IntoIter {
        self.licenses.iter()
    }
}

/// Verifies all blocks of one kind. If the file has several blocks, an error contains the line
/// number of the block.
fn verify_each<T>(
    file: &LicenseFile<'_>,
    kind: TokenKind,
    verify: impl Fn(&Unverified<'_>) -> Result<T, VerifyError>,
) -> Result<Vec<T>, VerifiedLicensesError> {
    let has_several = file.blocks().len() > 1;
    let verified = |block: &ArmorBlock<'_>| {
        verify(&block.token).map_err(|error| {
            if has_several {
                VerifiedLicensesError::Block {
                    line: block.line,
                    source: error,
                }
            } else {
                VerifiedLicensesError::Verify(error)
            }
        })
    };
    file.blocks_of_kind(kind).map(verified).collect()
}

/// Returns whether a key identifies a license.
fn is_identified_by(license: &License, key: &LicenseKey, matrix: &FeatureMatrix) -> bool {
    // The license of an enterprise key has the short key as its id.
    license.is_identified_by(key, matrix) || key.license_id().as_ref() == Some(license.id())
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

/// Returns the error for a key without a signature.
fn needs_file(key: &LicenseKey) -> VerifiedLicensesError {
    let tier = match key {
        LicenseKey::Standard(key) => Some(key.tier()),
        _ => None,
    };
    VerifiedLicensesError::NeedsLicenseFile { tier }
}
