//! The license file of the administrator. It contains the validation tokens and activations too,
//! because the administrator's directory has no state.

use license_core::jose::MAX_FILE_BYTES;
use license_core::license::{Activation, CanonicalText};
use license_core::{FeatureMatrix, License, TrustSet, VerifiedLicenses};

use super::{Installation, InstallationError, combined_file};
use crate::activation::applies_to;
use crate::paths::Paths;
use crate::state_dir::StateFile;
use crate::store::StoreError;

/// The tokens that may be stored with licenses for all users.
pub(crate) struct SharedTokens<'t> {
    /// Validation tokens in armor.
    pub(crate) validations: &'t [String],
    pub(crate) activations: &'t [Activation],
    pub(crate) trust: &'t TrustSet,
    pub(crate) matrix: &'t FeatureMatrix,
}

impl SharedTokens<'_> {
    /// Returns the tokens that apply to these licenses, in armor. A file with a token for another
    /// license would not verify.
    pub(crate) fn for_licenses(&self, licenses: &[License]) -> Vec<String> {
        let (trust, matrix) = (self.trust, self.matrix);
        let is_valid = |armor: &&String| {
            VerifiedLicenses::verify_with_licenses(armor, trust, matrix, licenses).is_ok()
        };
        let validations = self.validations.iter().filter(is_valid).cloned();
        let is_for = |activation: &&Activation| {
            let id = activation.license_id();
            licenses.iter().any(|license| applies_to(license, id))
        };
        let activations = self.activations.iter().filter(is_for);
        let mut tokens: Vec<String> = validations
            .chain(activations.map(Activation::to_armor))
            .collect();
        tokens.dedup();
        tokens
    }
}

/// Returns the text of the installed license file with these tokens in place of its own. Returns
/// `None` if no license file is installed.
pub(crate) fn with_tokens(installed: &Installation, tokens: &SharedTokens<'_>) -> Option<String> {
    let CanonicalText::File(text) = installed.verified().canonical() else {
        return None;
    };
    let licenses = installed.verified().licenses();
    let all: Vec<&License> = licenses.iter().collect();
    let blocks = combined_file::blocks(text, &all)?;
    Some([blocks, tokens.for_licenses(licenses)].concat().concat())
}

/// Checks that a license file of this size can be read again.
pub(crate) fn check_size(size: usize, paths: &Paths) -> Result<(), InstallationError> {
    if size <= MAX_FILE_BYTES {
        return Ok(());
    }
    let path = paths.user().dir().file(StateFile::License);
    let cap = MAX_FILE_BYTES;
    Err(InstallationError::Store(StoreError::TooLarge { path, cap }))
}
