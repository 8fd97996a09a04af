//! The license files of one directory: a license file and an enterprise key can be there together.

use std::cell::Cell;
use std::path::PathBuf;

use license_core::license::CanonicalText;
use license_core::{FeatureMatrix, License, LicenseId, TrustSet, VerifiedLicenses};

use super::keys::UsableKeys;
use super::{InstallationError, read_text};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store};

/// A license file or enterprise key, as the last read verified it.
#[derive(Debug)]
pub(crate) struct InstalledFile {
    pub(super) path: PathBuf,
    pub(super) verified: VerifiedLicenses,
    /// The keys that verified the licenses.
    pub(super) keys: TrustSet,
}

/// The files of one directory that verify, and the problems with the other files.
#[derive(Default)]
pub(super) struct DirectoryFiles {
    pub(super) files: Vec<InstalledFile>,
    pub(super) problems: Vec<InstallationError>,
}

/// The content of one file. `None` if the file does not exist.
type ReadResult = Result<Option<InstalledFile>, InstallationError>;

impl InstalledFile {
    /// Returns whether the file contains the license.
    pub(super) fn contains(&self, id: &LicenseId) -> bool {
        let mut licenses = self.verified.licenses().iter();
        licenses.any(|license| license.id() == id)
    }

    /// Returns the text to store.
    pub(super) fn text(&self) -> String {
        match self.verified.canonical() {
            CanonicalText::File(text) => text.clone(),
            CanonicalText::EnterpriseKey(key) => format!("{key}\n"),
        }
    }

    /// Returns these licenses of `all` that are in this file, with all other artifacts of `all`.
    pub(super) fn select_from(&self, all: &VerifiedLicenses) -> VerifiedLicenses {
        let mut selected = all.clone();
        selected.retain_licenses(|license: &License| self.contains(license.id()));
        selected
    }
}

impl DirectoryFiles {
    /// Reads and verifies the license file and the enterprise key in one directory.
    ///
    /// A file that cannot be used does not hide the other one.
    pub(super) fn read(
        store: &Store,
        keys: impl Fn() -> Result<UsableKeys, InstallationError>,
        matrix: &FeatureMatrix,
        damaged: Damaged,
    ) -> Self {
        let mut all = Self::default();
        let problem_with_keys = Cell::new(None);
        let trust = || {
            let usable = keys()?;
            problem_with_keys.set(usable.problem);
            Ok(usable.keys)
        };
        // An installation writes the new file before it removes the other file, so both can exist
        // for a moment.
        for file in [StateFile::License, StateFile::Key] {
            let read = || read_file(store, file, trust, matrix);
            // The keys and the license are separate files. Another process may have replaced both
            // between the two reads, so a license that does not verify is read once more.
            let found = match read() {
                Err(InstallationError::License { .. }) => read(),
                answer => answer,
            };
            match found {
                Ok(found) => all.files.extend(found),
                // The other file needs the same keys.
                Err(error @ (InstallationError::NoKeys | InstallationError::Trust { .. })) => {
                    all.problems.push(error);
                    break;
                }
                Err(error) => all.problems.push(match damaged {
                    Damaged::Quarantine => {
                        error.quarantine(store, || read().is_err_and(|error| error.is_damaged()))
                    }
                    Damaged::Leave => error,
                }),
            }
        }
        // A license that does not verify may need the keys that cannot be used.
        let problems = problem_with_keys.into_inner().into_iter();
        all.problems = problems.chain(all.problems).collect();
        all
    }
}

/// Reads and verifies one file.
fn read_file(
    store: &Store,
    file: StateFile,
    trust: impl Fn() -> Result<TrustSet, InstallationError>,
    matrix: &FeatureMatrix,
) -> ReadResult {
    let Some(text) = read_text(store, file)? else {
        return Ok(None);
    };
    let keys = trust()?;
    if keys.is_empty() {
        return Err(InstallationError::NoKeys);
    }
    let path = store.dir().file(file);
    match VerifiedLicenses::verify(&text, &keys, matrix) {
        Ok(verified) => Ok(Some(InstalledFile {
            path,
            verified,
            keys,
        })),
        Err(source) => Err(InstallationError::License {
            path,
            source: Box::new(source),
            quarantined: None,
        }),
    }
}
