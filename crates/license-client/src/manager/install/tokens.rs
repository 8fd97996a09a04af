//! The validation tokens that an installation stores, and the ids of what is installed.

use license_core::chrono::{DateTime, Utc};
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::{Activation, Validation};
use license_core::machine::Machine;
use license_core::{LicenseId, VerifiedLicenses};

use super::InstallTransaction;
use crate::installation::{self, InstallationError};
use crate::manager;
use crate::state_dir::StateFile;
use crate::store::StoreError;
use crate::validations::{self, Selection};

impl InstallTransaction<'_> {
    /// Checks the validation tokens. If the input contains no license, its tokens must be for this
    /// machine. A token of a customer's own license server must not be too large, or dated more
    /// than a day in the future.
    pub(super) fn check_validations(&self) -> Result<(), InstallationError> {
        let verified = self.candidate.verified;
        if verified.licenses().is_empty() {
            for machine in verified
                .validations()
                .iter()
                .filter_map(Validation::machine)
            {
                self.manager.check_machine("validation token", machine)?;
            }
        }
        let now = self.latest_time(verified);
        Ok(validations::check_server_tokens(
            verified.validations(),
            now,
        )?)
    }

    /// Returns the validation tokens to store: the statements of the vendor, and the newest tokens
    /// of license servers.
    ///
    /// Tokens for licenses that are not installed stay, because such a license may be installed
    /// again. Tokens in the license file are stored too, because the user can remove them from that
    /// file.
    pub(super) fn merged_validations(&self) -> Result<Vec<String>, InstallationError> {
        let candidate = self.candidate;
        let mut all = candidate.verified.clone();
        match self.installed() {
            Ok(Some(installed)) => all.extend(installed.verified()),
            Ok(None) if all.licenses().is_empty() => return Err(InstallationError::NoLicense),
            Err(error) if all.licenses().is_empty() => return Err(error),
            _ => {}
        }
        let (trust, matrix) = (candidate.trust, candidate.matrix);
        let others =
            installation::add_validations(&mut all, &self.state.validations, trust, matrix);
        let machine = self.manager.machine();
        let is_here = |named: &Machine| machine.is_some_and(|here| named.matches(here));
        // A license file can contain tokens for other machines.
        let is_foreign = |token: &Validation| {
            let is_new = candidate.verified.validations().contains(token);
            is_new && !token.machine().is_none_or(is_here)
        };
        let mut verified = all.validations().to_vec();
        verified.retain(|token| !is_foreign(token));
        let selection = Selection {
            verified: &verified,
            others: &others,
            trust,
            machine,
            now: self.latest_time(&all),
        };
        selection.armored().map_err(|_| self.no_room())
    }

    fn no_room(&self) -> InstallationError {
        let path = self.paths.user().dir().file(StateFile::Cache);
        let cap = MAX_FILE_BYTES;
        InstallationError::Store(StoreError::TooLarge { path, cap })
    }

    /// Returns the latest of the clock, the high-water mark and the dates that the vendor signed.
    fn latest_time(&self, verified: &VerifiedLicenses) -> DateTime<Utc> {
        let clock = self.manager.reading().clock;
        let seen = clock.max(self.state.high_water.mark());
        verified
            .newest_signature()
            .map_or(seen, |signed| seen.max(signed))
    }

    /// Returns the ids of the licenses and activations of this machine, including those of the
    /// candidate.
    pub(super) fn ids(&self) -> Vec<LicenseId> {
        let candidate = self.candidate;
        let mut ids: Vec<LicenseId> = installation::ids(candidate.verified).cloned().collect();
        let installed = self.installed().ok().flatten();
        ids.extend(installed.iter().flat_map(|installed| installed.ids()));
        let stored = manager::verified(&self.activation_state, || candidate.trust.clone());
        ids.extend(stored.iter().map(Activation::id).cloned());
        ids
    }
}
