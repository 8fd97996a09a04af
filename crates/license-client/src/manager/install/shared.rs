//! The tokens in the license file for all users.

use license_core::VerifiedLicenses;
use license_core::license::Activation;

use super::InstallTransaction;
use crate::installation::shared::{self, SharedTokens};
use crate::installation::{InstallationError, Keys, Plan, ReplacedLicense};
use crate::manager;

impl InstallTransaction<'_> {
    /// Returns the activations that are stored now: those of this machine, or those in the license
    /// file for all users. If a license is installed for all users, also returns those of the
    /// replaced license, which may be restored.
    pub(super) fn stored_activations(&self) -> Vec<Activation> {
        if !self.is_shared() {
            return manager::verified(&self.activation_state, || self.candidate.trust.clone());
        }
        let mut all = self.installed_activations();
        if !self.candidate.verified.licenses().is_empty() {
            add_missing(&mut all, self.replaced_activations());
        }
        all
    }

    /// Returns the activations in the license file for all users.
    pub(super) fn installed_activations(&self) -> Vec<Activation> {
        let installed = self.installed().ok().flatten();
        let installed = installed.iter();
        installed
            .flat_map(|found| found.verified().activations())
            .cloned()
            .collect()
    }

    /// Returns the activations of the replaced license that have not ended.
    fn replaced_activations(&self) -> Vec<Activation> {
        let (trust, matrix) = (self.candidate.trust, self.candidate.matrix);
        let replaced = ReplacedLicense::read(self.paths, Keys::Given(trust), matrix);
        let replaced = replaced.ok().flatten();
        let mut activations = replaced.map_or_else(Vec::new, |replaced| replaced.activations);
        activations.retain(|activation| !self.manager.has_ended_for_all_users(activation.nonce()));
        activations
    }

    /// Returns the tokens to store with the licenses of a plan, in armor. Activations of a replaced
    /// license stay if they apply to its renewal.
    pub(super) fn shared_tokens(
        &self,
        plan: &Plan,
        validations: Option<&[String]>,
    ) -> Result<Vec<String>, InstallationError> {
        let (candidate, activations) = (self.candidate, self.all_activations());
        let text = candidate.text(plan);
        let (trust, matrix) = (candidate.trust, candidate.matrix);
        // A file with licenses of the installed keys verifies with these keys too.
        let keys = self.manager.trust().unwrap_or(trust);
        let licenses = VerifiedLicenses::verify(&text, keys, matrix).map_or_else(
            |_| candidate.verified.licenses().to_vec(),
            |found| found.licenses().to_vec(),
        );
        let tokens = SharedTokens {
            validations: validations.unwrap_or_default(),
            activations: &activations,
            trust,
            matrix,
        };
        let tokens = tokens.for_licenses(&licenses);
        let size = text.len() + tokens.iter().map(String::len).sum::<usize>();
        shared::check_size(size, self.paths)?;
        Ok(tokens)
    }

    /// Returns the text of the license file with the tokens of the candidate.
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError::NoLicense`] if no license file is installed for all users.
    pub(super) fn shared_text(&self) -> Result<String, InstallationError> {
        let installed = self.installed()?.ok_or(InstallationError::NoLicense)?;
        let activations = self.all_activations();
        let merged = self.merged_validations()?;
        let tokens = SharedTokens {
            validations: &merged,
            activations: &activations,
            trust: self.candidate.trust,
            matrix: self.candidate.matrix,
        };
        let text = shared::with_tokens(&installed, &tokens).ok_or(InstallationError::NoLicense)?;
        shared::check_size(text.len(), self.paths)?;
        Ok(text)
    }

    /// Returns the installed activations and those of the candidate, each once.
    fn all_activations(&self) -> Vec<Activation> {
        let mut all = self.stored_activations();
        add_missing(
            &mut all,
            self.candidate.verified.activations().iter().cloned(),
        );
        all
    }
}

fn add_missing(all: &mut Vec<Activation>, more: impl IntoIterator<Item = Activation>) {
    for new in more {
        if !all.iter().any(|known| known.id() == new.id()) {
            all.push(new);
        }
    }
}
