//! Verification of imported files before their entries are planned.

use std::collections::BTreeMap;

use license_core::jose::input_cap;
use license_core::key::EnterpriseKey;
use license_core::license::{CanonicalText, Rotation, VerifiedLicensesError};
use license_core::{
    Code, FeatureMatrix, License, LicenseFile, TokenKind, TrustSet, Unverified, VerifiedLicenses,
};

use super::ImportedItem;
use super::lines::parse_line;
use super::members::{members_match, with_unsigned_members};
use crate::ledger::{LedgerEntryKind, NewLedgerEntry};
use crate::records;

/// The maximum size of an export, which has a line for each entry.
pub const MAX_EXPORT_BYTES: usize = 1 << 30;

/// The reason why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A license, key or token of the file does not verify.
    #[error("the file does not verify")]
    Verify(#[source] VerifiedLicensesError),
    /// The entry of a license cannot be written.
    #[error("the entry of a license cannot be written")]
    Entry(#[source] serde_json::Error),
    /// A file of licenses is too long.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The maximum number of bytes.
        limit: usize,
        /// The number of bytes of the file.
        found: usize,
    },
    /// A line of an export is not an entry.
    #[error("expected a ledger entry in line {line}, found other text")]
    Line {
        /// The number of the line, from 1.
        line: u64,
    },
    /// The members of an exported entry are not those of its signed artifact.
    #[error("line {line} does not match its signed artifact")]
    Mismatch {
        /// The number of the line, from 1.
        line: u64,
    },
}

/// Reads and verifies files for an import.
///
/// The signatures of licenses, enterprise keys, validation tokens, activations, clock repairs and
/// trust statements are verified.
pub struct ImportVerifier<'a> {
    trust: &'a TrustSet,
    matrix: &'a FeatureMatrix,
    /// Verified licenses by id. Validation tokens that are read later belong to these licenses.
    licenses: BTreeMap<String, License>,
    /// The content of each file, in the order of the file.
    files: Vec<Vec<ImportedItem>>,
}

impl<'a> ImportVerifier<'a> {
    /// Creates a verifier with the keys of the signers.
    #[must_use]
    pub fn new(trust: &'a TrustSet, matrix: &'a FeatureMatrix) -> Self {
        Self {
            trust,
            matrix,
            licenses: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    /// Returns the verified content of the files that were read, for
    /// [`plan_import`](super::plan_import).
    #[must_use]
    pub fn into_files(self) -> Vec<Vec<ImportedItem>> {
        self.files
    }

    /// Reads an export, a license file, a token or a full enterprise key.
    ///
    /// # Errors
    ///
    /// Returns an error if a part of the text does not verify. Nothing of the text is then
    /// imported.
    pub fn read(&mut self, text: &str) -> Result<(), ImportError> {
        let limit = input_cap(text.as_bytes());
        if text.trim_start().starts_with('{') {
            return self.read_export(text);
        }
        if text.len() > limit {
            let found = text.len();
            return Err(ImportError::TooLong { limit, found });
        }
        let known: Vec<_> = self.licenses.values().cloned().collect();
        let items = self.verify_artifacts(text, &known)?;
        self.files.push(items);
        Ok(())
    }

    /// Verifies the tokens in a license file, or a full enterprise key, and returns their entries
    /// and the revocation lists.
    ///
    /// `known` are licenses from other texts. The validation tokens in this text may belong to
    /// them.
    fn verify_artifacts(
        &mut self,
        text: &str,
        known: &[License],
    ) -> Result<Vec<ImportedItem>, ImportError> {
        let verified = VerifiedLicenses::verify_with_licenses(text, self.trust, self.matrix, known)
            .map_err(ImportError::Verify)?;
        let ids = verified.licenses().iter();
        self.licenses
            .extend(ids.map(|license| (license.id().as_str().to_owned(), license.clone())));
        if let (CanonicalText::EnterpriseKey(key), [license]) =
            (verified.canonical(), verified.licenses())
            && let Ok(key) = EnterpriseKey::parse(key)
        {
            let tier = license.tier().to_string();
            let kid = license.key_id().as_str();
            let entry = records::enterprise_key(&key, kid, Some(&tier));
            return Ok(vec![ImportedItem::Entry(entry)]);
        }
        let artifacts = LicenseFile::parse(text).map_err(VerifiedLicensesError::Parse);
        let artifacts = artifacts.map_err(ImportError::Verify)?;
        let tokens = |kind| {
            artifacts
                .blocks_of_kind(kind)
                .map(|block| block.token.signed_reading(self.trust).as_str())
        };
        let licenses = verified.licenses().iter().zip(tokens(TokenKind::License));
        let entries =
            licenses.map(|(license, token)| records::license(license, token, self.matrix));
        let mut entries = entries
            .collect::<Result<Vec<_>, _>>()
            .map_err(ImportError::Entry)?;
        for validation in verified.validations() {
            let mut licenses = verified.licenses().iter().chain(known);
            if let Some(license) = licenses.find(|license| validation.is_for(license)) {
                entries.push(records::check_in(license, validation, validation.as_str()));
            }
        }
        let activations = verified.activations().iter();
        let activations = activations.zip(tokens(TokenKind::Activation));
        entries
            .extend(activations.map(|(activation, token)| records::activation(activation, token)));
        let repairs = verified.clock_repairs().iter();
        let repairs = repairs.zip(tokens(TokenKind::ClockRepair));
        entries.extend(repairs.filter_map(|(repair, token)| records::clock_repair(repair, token)));
        let lists = verified.revocations().iter().cloned().map(Box::new);
        let entries = entries.into_iter().map(ImportedItem::Entry);
        Ok(entries.chain(lists.map(ImportedItem::List)).collect())
    }

    /// Reads an export.
    ///
    /// Verifies the signatures of licenses, enterprise keys, validation tokens, activations, clock
    /// repairs and trust statements, and that the members of their entries match.
    ///
    /// Accepts other entries without verification, because they contain no signature: signing keys,
    /// revocations, reinstatements, records of revocation lists, releases and usage. Also accepts
    /// validation tokens of licenses that are not in the import, and trust statements of keys that
    /// are not in the trust set.
    fn read_export(&mut self, text: &str) -> Result<(), ImportError> {
        let lines = (1..).zip(text.lines());
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let mut entries = lines
            .map(|(line, text)| {
                let entry = parse_line(text).ok_or(ImportError::Line { line })?;
                Ok((line, entry))
            })
            .collect::<Result<Vec<(u64, NewLedgerEntry)>, ImportError>>()?;
        // Licenses are verified first, because validation tokens belong to them.
        let later = [
            LedgerEntryKind::CheckIn,
            LedgerEntryKind::Activation,
            LedgerEntryKind::ClockRepair,
        ];
        for kinds in [
            &[LedgerEntryKind::License, LedgerEntryKind::EnterpriseKey][..],
            &later,
        ] {
            for (line, entry) in &mut entries {
                if kinds.contains(&entry.kind) {
                    self.verify_entry(*line, entry)?;
                }
            }
        }
        for (line, entry) in &mut entries {
            if entry.kind == LedgerEntryKind::TrustStatement {
                self.verify_statement(*line, entry)?;
            }
        }
        let entries = entries.into_iter().map(|(_, entry)| entry);
        self.files.push(entries.map(ImportedItem::Entry).collect());
        Ok(())
    }

    /// Replaces the members of an exported entry with those of its verified artifact, and the
    /// artifact with its verified reading.
    ///
    /// Keeps the members that an artifact does not contain.
    fn verify_entry(
        &mut self,
        line: u64,
        exported: &mut NewLedgerEntry,
    ) -> Result<(), ImportError> {
        let license = self.licenses.get(&exported.subject).cloned();
        let is_check_in = exported.kind == LedgerEntryKind::CheckIn;
        if is_check_in && license.is_none() {
            return Ok(());
        }
        let known: Vec<_> = license.filter(|_| is_check_in).into_iter().collect();
        let verified = self.verify_artifacts(&exported.artifact, &known)?;
        match verified.as_slice() {
            [ImportedItem::Entry(verified)] if members_match(exported, verified) => {
                exported.body = with_unsigned_members(verified, exported);
                exported.artifact.clone_from(&verified.artifact);
                Ok(())
            }
            _ => Err(ImportError::Mismatch { line }),
        }
    }

    /// Replaces the members of an exported trust statement with those of its verified token, unless
    /// a key that signed the statement is not in the trust set.
    ///
    /// Each statement is verified with the whole trust set. The other statements of the export do
    /// not matter: the record of a statement is valid even if an earlier statement retired the key.
    fn verify_statement(
        &self,
        line: u64,
        exported: &mut NewLedgerEntry,
    ) -> Result<(), ImportError> {
        let token = Unverified::parse(&exported.artifact).map_err(VerifiedLicensesError::Parse);
        let token = token.map_err(ImportError::Verify)?;
        let mut rotation = Rotation::new(self.trust.clone());
        match rotation.apply(&token) {
            Err(error) if error.code() == Code::UntrustedKey => return Ok(()),
            Err(error) => {
                let (line, source) = (None, error.into());
                let error = VerifiedLicensesError::Statement { line, source };
                return Err(ImportError::Verify(error));
            }
            Ok(_) => {}
        }
        match rotation.statements().last().map(records::trust_statement) {
            Some(verified) if members_match(exported, &verified) => {
                exported.body = verified.body;
                exported.artifact = verified.artifact;
                Ok(())
            }
            _ => Err(ImportError::Mismatch { line }),
        }
    }
}
