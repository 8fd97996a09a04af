//! Licenses that an argument names, from a file, the command line or the ledger.

use license_cli_support::{Exit, Failure, Source, show_name};
use license_core::claims::LicenseClaims;
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::VerifiedLicensesError;
use license_core::{
    FeatureMatrix, License, LicenseFile, LicenseKey, TokenKind, TrustSet, Unverified,
    VerifiedLicenses,
};
use license_issuer::ledger::LedgerReader;

use super::lookup::{FIND_HINT, find_license};
use crate::failures;
use crate::inputs::now;

/// Text of a license.
pub(super) struct LicenseText {
    /// Source of the text, for messages.
    source: Source,
    text: String,
}

impl LicenseText {
    /// Finds the license that an argument names: a file, standard input, a token, a key, or the id
    /// of a license in the ledger.
    ///
    /// A key without a signature is looked up in the ledger. `stdin` is the content of standard
    /// input if it was read before.
    pub(super) fn find(
        source: &Source,
        stdin: Option<&str>,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<Self, Failure> {
        let named = match source {
            Source::File(path) if path.symlink_metadata().is_err() => path.to_str(),
            _ => None,
        };
        let text = match named {
            None => match stdin {
                Some(text) => text.to_owned(),
                None => source.read_text(MAX_FILE_BYTES, decode_text)?,
            },
            Some(name) if is_token_or_key(name) => name.to_owned(),
            Some(name) => {
                let recorded = recorded_artifact(name, ledger)?;
                recorded.ok_or_else(|| not_found(name, ledger.is_some()))?
            }
        };
        let source = match named {
            Some(name) if is_token_or_key(name) => Source::File("the license argument".into()),
            _ => source.clone(),
        };
        let recorded = match LicenseKey::parse(&text) {
            Ok(LicenseKey::Enterprise(_)) | Err(_) => None,
            Ok(key) => recorded_artifact(&key.to_string(), ledger)?,
        };
        Ok(Self {
            text: recorded.unwrap_or(text),
            source,
        })
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// Returns whether a text is a token or a full enterprise key.
fn is_token_or_key(text: &str) -> bool {
    matches!(LicenseKey::parse(text), Ok(LicenseKey::Enterprise(_)))
        || Unverified::parse(text).is_ok()
}

/// Returns the artifact of the license that an id or key names in the ledger.
fn recorded_artifact(
    name: &str,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Option<String>, Failure> {
    let Some(ledger) = ledger else {
        return Ok(None);
    };
    let row = find_license(ledger, name, now())?;
    Ok(row.map(|row| row.entry.artifact))
}

/// Returns the failure of a name that is neither a file nor in the ledger.
fn not_found(name: &str, has_ledger: bool) -> Failure {
    let shown = show_name(name);
    let (message, hint) = if has_ledger {
        (
            format!("expected a file, or an id or key in the ledger, found {shown}"),
            FIND_HINT,
        )
    } else {
        (
            format!("expected a license file, found {shown}; there is no ledger to search"),
            "use a license file, token or full enterprise key, or choose a ledger with --ledger",
        )
    };
    Failure::new(Exit::Usage, "NOT_FOUND", message).hint(hint)
}

/// License to compare.
pub(super) enum ComparedLicense {
    Verified(License),
    /// Claims and key id of a license whose signature was not verified.
    Unverified(Box<LicenseClaims>, Option<String>),
}

impl ComparedLicense {
    pub(super) fn read(
        text: &LicenseText,
        trust: Option<&TrustSet>,
        matrix: &FeatureMatrix,
    ) -> Result<Self, Failure> {
        let refused = |error: VerifiedLicensesError| failures::not_verifiable(&text.source, &error);
        check_product(&text.text, matrix)?;
        match trust {
            Some(trust) => {
                let verified =
                    VerifiedLicenses::verify(&text.text, trust, matrix).map_err(refused)?;
                check_count(verified.licenses().len(), &text.source)?;
                let license = verified.licenses().first().cloned();
                let license = license.ok_or_else(|| refused(VerifiedLicensesError::NoLicense))?;
                Ok(Self::Verified(license))
            }
            None => {
                let found = unverified_licenses(&text.text, matrix).map_err(refused)?;
                check_count(found.len(), &text.source)?;
                let found = found.into_iter().next();
                let (claims, key) =
                    found.ok_or_else(|| refused(VerifiedLicensesError::NoLicense))?;
                Ok(Self::Unverified(Box::new(claims), key))
            }
        }
    }

    pub(super) fn claims(&self) -> &LicenseClaims {
        match self {
            Self::Verified(license) => license.claims(),
            Self::Unverified(claims, _) => claims,
        }
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        match self {
            Self::Verified(license) => Some(license.key_id().as_str()),
            Self::Unverified(_, key) => key.as_deref(),
        }
    }
}

/// Refuses an enterprise key of another product, because the key would get the features of this
/// product.
fn check_product(text: &str, matrix: &FeatureMatrix) -> Result<(), Failure> {
    match LicenseKey::parse(text) {
        Ok(LicenseKey::Enterprise(key)) if key.unverified_terms().product != matrix.product() => {
            Err(failures::other_product(
                key.unverified_terms().product,
                matrix,
            ))
        }
        _ => Ok(()),
    }
}

fn check_count(found: usize, source: &Source) -> Result<(), Failure> {
    match found {
        0 | 1 => Ok(()),
        found => Err(
            Failure::usage(format!("{source}: expected one license, found {found}"))
                .hint("use a file with one license, or a license id in the ledger"),
        ),
    }
}

/// Returns the claims and key ids of licenses without verifying the signatures.
fn unverified_licenses(
    text: &str,
    matrix: &FeatureMatrix,
) -> Result<Vec<(LicenseClaims, Option<String>)>, VerifiedLicensesError> {
    if LicenseKey::is_likely(text) {
        return match LicenseKey::parse(text).map_err(VerifiedLicensesError::Key)? {
            LicenseKey::Enterprise(key) => {
                let claims = key
                    .unverified_claims(matrix)
                    .map_err(VerifiedLicensesError::Verify)?;
                Ok(vec![(claims, None)])
            }
            LicenseKey::Standard(key) => Err(VerifiedLicensesError::NeedsLicenseFile {
                tier: Some(key.tier()),
            }),
            _ => Err(VerifiedLicensesError::NeedsLicenseFile { tier: None }),
        };
    }
    let artifacts = LicenseFile::parse(text).map_err(VerifiedLicensesError::Parse)?;
    let licenses = artifacts.blocks_of_kind(TokenKind::License).map(|block| {
        let claims = block.token.unverified_license_claims();
        let key = Some(block.token.unverified_key_id().to_owned());
        Ok((claims.map_err(VerifiedLicensesError::Verify)?, key))
    });
    licenses.collect()
}
