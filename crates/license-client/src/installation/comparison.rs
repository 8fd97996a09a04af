//! Compares a new license with the installed license that it would replace.

use license_core::diff::{Change, Difference, Effect, Succession};
use license_core::evaluate::Outcome;
use license_core::{Code, Context, Decision, FeatureMatrix, License, VerifiedLicenses};

use super::{InstallationError, LicenseLoss};

/// Changes that take nothing away here: both licenses have started, and a later notice of the end
/// shortens no license.
const NO_LOSSES: [&str; 2] = ["not_before", "renewal_notify_days"];

/// Gains that outweigh all losses: a higher tier, and the end of a trial.
const DECISIVE_GAINS: [&str; 2] = ["tier", "trial"];

/// The decisions on both licenses.
pub(super) struct Comparison {
    new: [Decision; 2],
    installed: [Decision; 2],
    difference: Option<Difference>,
}

impl Comparison {
    /// Evaluates both licenses, in the context and for any application. Only the second decision
    /// shows that a license is valid for its named users, or for some versions.
    pub(super) fn new(
        new: &VerifiedLicenses,
        installed: &VerifiedLicenses,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Self {
        let contexts = [context.clone(), context.clone().any_application()];
        // The installed license may supersede the new one.
        let evaluate_new = |context: &Context<'_>| {
            let with_installed = context.clone().installed(installed.licenses());
            new.evaluate(matrix, &with_installed)
        };
        let [first, second] = &contexts;
        let new = [evaluate_new(first), evaluate_new(second)];
        let installed = [first, second].map(|context| installed.evaluate(matrix, context));
        let difference = match (&installed, &new) {
            ([_, installed], [_, new]) if is_valid(installed) => {
                let licenses = installed.license().zip(new.license());
                licenses.map(|(installed, new)| Difference::from_licenses(installed, new, matrix))
            }
            _ => None,
        };
        Self {
            new,
            installed,
            difference,
        }
    }

    /// Refuses to replace a valid license with one that is not valid or allows less.
    ///
    /// A license of a higher tier, one that supersedes the installed license, and one that replaces
    /// a trial are not refused because of a loss.
    pub(super) fn refuse_if_worse(&self) -> Result<(), InstallationError> {
        for (new, installed) in self.new.iter().zip(&self.installed) {
            let is_invalid = !is_valid(new) && is_valid(installed);
            if new.code() == Code::Superseded || is_invalid {
                let (new, installed) = (new.code(), installed.code());
                return Err(InstallationError::Worse { new, installed });
            }
        }
        let difference = self.difference.as_ref();
        let is_refused = difference.is_some_and(|difference| {
            let is_decisive = |change: &Change| DECISIVE_GAINS.contains(&change.what());
            !continues(difference) && !difference.with_effect(Effect::Gain).any(is_decisive)
        });
        match self.loss() {
            Some(loss) if is_refused => Err(InstallationError::Loss(loss)),
            _ => Ok(()),
        }
    }

    /// Returns the losses of the new license, if the installed license is valid.
    pub(super) fn loss(&self) -> Option<LicenseLoss> {
        let is_loss = |change: &&Change| !NO_LOSSES.contains(&change.what());
        let losses = self.difference.as_ref()?.with_effect(Effect::Loss);
        let losses: Vec<Change> = losses.filter(is_loss).cloned().collect();
        let [_, new] = &self.new;
        let (installed, new) = (self.replaced()?.tier(), new.license()?.tier());
        (!losses.is_empty()).then_some(LicenseLoss {
            installed,
            new,
            losses,
        })
    }

    /// Returns the installed license, if it is valid and could be restored. A license that the new
    /// one supersedes cannot be restored.
    pub(super) fn restorable(&self) -> Option<&License> {
        let difference = self.difference.as_ref()?;
        self.replaced().filter(|_| !continues(difference))
    }

    fn replaced(&self) -> Option<&License> {
        let [_, installed] = &self.installed;
        installed.license()
    }
}

fn is_valid(decision: &Decision) -> bool {
    decision.outcome() != Outcome::Denied
}

/// Returns whether the new license is the installed one, or supersedes it.
fn continues(difference: &Difference) -> bool {
    matches!(
        difference.succession(),
        Succession::Same | Succession::Replaces
    )
}
