//! Verification of a license file or enterprise key as a whole.

use super::{CanonicalText, VerifiedLicenses, VerifiedLicensesError};
use crate::encoding::pasted::without_wrapping;
use crate::jose::{ParseError, TokenKind, Unverified};
use crate::key::LicenseKey;
use crate::license::{ArmorBlock, License, LicenseFile};
use crate::matrix::FeatureMatrix;
use crate::trust::{TrustSet, VerifyError};

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
        let key = LicenseKey::parse(text);
        match key.map_err(|error| VerifiedLicensesError::not_a_key(text, error))? {
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
                canonical: CanonicalText::EnterpriseKey(key.signed_reading(trust).to_string()),
            }),
            key => Err(needs_file(&key)),
        }
    }

    fn verify_file(
        text: &str,
        trust: &TrustSet,
        known: &[License],
    ) -> Result<Self, VerifiedLicensesError> {
        let file = LicenseFile::parse(text).map_err(VerifiedLicensesError::Parse)?;
        // Neither is for installation, and a verifier must not ignore a block silently.
        for kind in [TokenKind::Lease, TokenKind::ServerRequest] {
            verify_each(&file, kind, |token| token.check_kind(TokenKind::License))?;
        }
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
        // The signature has decided how a token with long dashes is read.
        let is_verified = |token: &Unverified<'_>| {
            let armor = token.to_armor();
            validations
                .iter()
                .any(|validation| validation.to_armor() == armor)
                || token.verify(trust).is_ok()
        };
        let armor = stored.map(|token| token.reading(is_verified).to_armor());
        let canonical = CanonicalText::File(armor.collect());
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

/// Returns the error for a key without a signature.
fn needs_file(key: &LicenseKey) -> VerifiedLicensesError {
    let tier = match key {
        LicenseKey::Standard(key) => Some(key.tier()),
        _ => None,
    };
    VerifiedLicensesError::NeedsLicenseFile { tier }
}
