//! Decides what an installation changes, before anything is written.

use std::path::PathBuf;

use license_core::{Context, LicenseId};

use super::{InstallTransaction, armor};
use crate::installation::{InstallationError, Keys, Plan, Replace};
use crate::state_dir::StateFile;

/// The changes of an installation, and the file that its report names.
pub(super) struct InstallPlan {
    pub(super) path: PathBuf,
    /// Whether the file contains no license, and all its validation tokens were already stored or
    /// are older than the stored ones. `false` without a validation token.
    pub(super) is_old: bool,
    /// How a license is stored. `None` if there is none to store.
    pub(super) license: Option<Plan>,
    /// The validation tokens to keep in the state. `None` if the file has neither a license nor a
    /// validation token, or if it has a license and the tokens cannot be merged. Without a license,
    /// such tokens are an error.
    pub(super) validations: Option<Vec<String>>,
    /// The text of the license file for all users, if only its tokens change.
    pub(super) shared: Option<String>,
    /// The ids of the licenses and activations of this machine, and of those in the file that is
    /// installed.
    pub(super) ids: Vec<LicenseId>,
}

impl InstallTransaction<'_> {
    /// Returns the validation tokens that are stored now, in armor. If the license is installed for
    /// all users, they are in the license file.
    pub(super) fn previous_validations(&self) -> Vec<String> {
        if !self.is_shared() {
            return self.state.validations.clone();
        }
        let installed = self.installed().ok().flatten();
        let installed = installed.iter();
        armor(installed.flat_map(|found| found.verified().validations())).collect()
    }

    /// Decides what is written.
    pub(super) fn plan(
        &mut self,
        contexts: [Context<'_>; 2],
        replace: Replace,
        previous: &[String],
    ) -> Result<InstallPlan, InstallationError> {
        if self.candidate.verified.licenses().is_empty() {
            self.plan_tokens(previous)
        } else {
            self.plan_license(contexts, replace)
        }
    }

    /// Plans the installation of tokens, lists and statements without a license.
    fn plan_tokens(&mut self, previous: &[String]) -> Result<InstallPlan, InstallationError> {
        let (candidate, dir) = (self.candidate, self.paths.user().dir());
        let verified = candidate.verified;
        let has_validations = !verified.validations().is_empty();
        let mut is_old = false;
        let mut validations = None;
        if has_validations {
            self.state.set_validations(self.merged_validations()?);
            let stored = &self.state.validations;
            let is_new = |block: String| stored.contains(&block) && !previous.contains(&block);
            is_old = !armor(verified.validations()).any(is_new);
            validations = Some(stored.clone());
        }
        let has_tokens = has_validations || !verified.activations().is_empty();
        let shared = (self.is_shared() && has_tokens).then(|| self.shared_text());
        let file = match (verified.validations(), verified.activations()) {
            _ if shared.is_some() => StateFile::License,
            ([_, ..], _) => StateFile::Cache,
            (_, [_, ..]) => StateFile::Activation,
            _ if !verified.revocations().is_empty() => StateFile::Revocations,
            _ if !verified.clock_repairs().is_empty() => StateFile::Cache,
            _ => StateFile::TrustStatements,
        };
        Ok(InstallPlan {
            path: dir.file(file),
            is_old,
            license: None,
            validations,
            shared: shared.transpose()?,
            ids: self.ids(),
        })
    }

    /// Plans the installation of a license.
    fn plan_license(
        &self,
        contexts: [Context<'_>; 2],
        replace: Replace,
    ) -> Result<InstallPlan, InstallationError> {
        let (candidate, paths) = (self.candidate, self.paths);
        let lists = self.all_lists();
        let activations = self.stored_activations();
        let deactivated = self.state.deactivated.clone();
        let recorded = self.state.recorded.by_keys(candidate.trust);
        let [given, current] = contexts.map(|context| {
            let context = context.revocations(&lists).activations(&activations);
            context
                .deactivated(&deactivated)
                .recorded_revocations(&recorded)
        });
        let keys = Keys::new(self.manager.trust());
        let stored = (&*self.state.validations, self.damaged);
        let mut plan = candidate.plan(paths, keys, [&given, &current], replace, stored)?;
        let validations = self.merged_validations().ok();
        if self.is_shared() {
            plan.tokens = self.shared_tokens(&plan, validations.as_deref())?;
        }
        Ok(InstallPlan {
            path: paths.user().dir().file(candidate.file()),
            is_old: false,
            license: Some(plan),
            validations,
            shared: None,
            ids: self.ids(),
        })
    }
}
