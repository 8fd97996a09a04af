//! The key of a command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Origin, SettingValue};
use license_core::jose::Algorithm;
use license_issuer::signer::KeyLocation;

use super::Setting;

/// A key, with what is needed to open it.
#[derive(Clone, Debug)]
pub(crate) struct KeyChoice {
    pub(crate) location: SettingValue<KeyLocation>,
    pub(crate) passphrase_file: Option<SettingValue<PathBuf>>,
    pub(crate) alg: Option<SettingValue<Algorithm>>,
    pub(crate) module: Option<SettingValue<PathBuf>>,
    /// The origin of a passphrase file that is not used, because the key is set in another place.
    pub(crate) unused_passphrase: Option<Origin>,
}

impl KeyChoice {
    /// Returns the path of the key, if it is in a file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.location.value.file()
    }

    /// Returns the path of the passphrase file.
    pub(crate) fn passphrase_file(&self) -> Option<&Path> {
        self.passphrase_file
            .as_ref()
            .map(|file| file.value.as_path())
    }

    /// Returns the algorithm.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.alg.as_ref().map(|alg| alg.value)
    }

    /// Adds the origin of the key to a failure.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        self.location.origin.explain(Setting::Key.member(), failure)
    }

    /// Adds the origin of the passphrase file, or of a passphrase file that is not used, to a
    /// failure about the passphrase.
    pub(crate) fn explain_passphrase(&self, failure: Failure) -> Failure {
        match (&self.passphrase_file, &self.unused_passphrase) {
            (Some(file), _) => file
                .origin
                .explain(Setting::PassphraseFile.member(), failure),
            (None, Some(unused)) => {
                let failure = self.explain(failure);
                failure.hint(format!(
                    "add --passphrase-file FILE; the passphrase_file from {unused} counts only for the key that is set in the same place"
                ))
            }
            (None, None) => self.explain(failure),
        }
    }
}

/// Parses the algorithm of a setting.
pub(super) fn algorithm(found: SettingValue<OsString>) -> Result<SettingValue<Algorithm>, Failure> {
    let SettingValue { value, origin } = found;
    let text = value.to_str().map(str::to_ascii_uppercase);
    match text.as_deref().and_then(Algorithm::parse) {
        Some(value) => Ok(SettingValue { value, origin }),
        None => Err(origin.explain(
            Setting::Alg.member(),
            Failure::usage("expected RS256 or PS256, found another text")
                .hint("correct the value, or remove it"),
        )),
    }
}
