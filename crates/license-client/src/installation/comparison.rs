//! Compares a new license with the installed license that it would replace.

use license_core::diff::{Change, Difference, Effect, Succession};
use license_core::evaluate::Outcome;
use license_core::{Code, Context, Decision, FeatureMatrix, License, LicenseId, VerifiedLicenses};

use super::{DroppedLicense, InstallationError, LicenseLoss};

/// Changes that take nothing away here: the license in effect stays until the new one starts, and a
/// later notice of the end shortens no license.
const NO_LOSSES: [&str; 2] = ["not_before", "renewal_notify_days"];

/// The change of the end of a license.
const END: &str = "expires_at";

/// Gains that outweigh all losses: a higher tier, and the end of a trial.
const DECISIVE_GAINS: [&str; 2] = ["tier", "trial"];

/// The contexts in which licenses are compared.
pub(super) struct Contexts<'c> {
    /// The context of the command.
    pub(super) given: Context<'c>,
    /// The same instant for any application.
    pub(super) lenient: Context<'c>,
    /// The current time for any application. It differs if the given time is hypothetical.
    pub(super) now: Context<'c>,
}

impl<'c> Contexts<'c> {
    pub(super) fn new(given: &Context<'c>, now: &Context<'c>) -> Self {
        Self {
            given: given.clone(),
            lenient: given.clone().any_application(),
            now: now.clone().any_application(),
        }
    }
}

/// The decisions on both licenses in one context.
struct Pair {
    new: Decision,
    installed: Decision,
}

impl Pair {
    fn new(
        new: &VerifiedLicenses,
        installed: &VerifiedLicenses,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
    ) -> Self {
        // The installed license may supersede the new one.
        let with_installed = context.clone().installed(installed.licenses());
        Self {
            new: new.evaluate(matrix, &with_installed),
            installed: installed.evaluate(matrix, context),
        }
    }

    fn is_worse(&self) -> bool {
        !is_valid(&self.new) && is_valid(&self.installed)
    }
}

/// The decisions on both licenses.
pub(super) struct Comparison {
    given: Pair,
    lenient: Pair,
    now: Pair,
    difference: Option<Difference>,
    /// Whether renewals of the new license, which are stored with it, continue it at least until
    /// the end of the installed license.
    is_continued: bool,
    /// The labels of the tiers of the installed license and of the new license.
    tier_labels: Option<[Box<str>; 2]>,
    /// The installed licenses that are lost in addition to the one that the new license is
    /// compared with.
    dropped: Vec<DroppedLicense>,
    /// The other licenses that are no longer installed, and are no loss.
    replaced: Vec<LicenseId>,
}

impl Comparison {
    /// Evaluates both licenses in all contexts. Only the context for any application shows that a
    /// license is valid for others, such as its named users, or after an activation or check-in.
    ///
    /// `staying` are the installed licenses that are stored together with the new one.
    pub(super) fn new(
        new: &VerifiedLicenses,
        installed: &VerifiedLicenses,
        staying: &[LicenseId],
        matrix: &FeatureMatrix,
        contexts: &Contexts<'_>,
    ) -> Self {
        let pair = |context| Pair::new(new, installed, matrix, context);
        let mut comparison = Self {
            given: pair(&contexts.given),
            lenient: pair(&contexts.lenient),
            now: pair(&contexts.now),
            difference: None,
            is_continued: false,
            tier_labels: None,
            dropped: Vec::new(),
            replaced: Vec::new(),
        };
        let decisive = comparison.decisive();
        let licenses = decisive.installed.license().zip(decisive.new.license());
        let label = |license: &License| matrix.tier_label(&license.tier()).into();
        let compared = licenses.map(|(installed, new)| {
            let difference = Difference::from_licenses(installed, new, matrix);
            (difference, [installed, new].map(label))
        });
        let (difference, tier_labels) = compared.unzip();
        let stored = stored(new, installed, staying);
        let is_continued = licenses.is_some_and(|(installed, new)| {
            is_continued_until_end(new, &stored, installed, matrix)
        });
        let mut stays: Vec<&LicenseId> = staying.iter().collect();
        // The difference contains the losses of a valid license. A license that starts later is
        // lost as a whole.
        let compared = decisive.installed.license();
        stays.extend(
            compared
                .filter(|_| is_valid(&decisive.installed))
                .map(License::id),
        );
        let decisive = decisive.new.license();
        let removed = removed(new, installed, &stays, matrix, &contexts.lenient);
        let covers = |removed: &RemovedLicense<'_>| {
            removed.loss.is_none()
                || decisive.is_some_and(|new| covers(new, removed.license, matrix))
        };
        let (replaced, dropped): (Vec<_>, Vec<_>) = removed.into_iter().partition(covers);
        let id = |removed: RemovedLicense<'_>| removed.license.id().clone();
        let replaced = replaced.into_iter().map(id).collect();
        let dropped = dropped.into_iter().filter_map(|dropped| dropped.loss);
        let dropped = dropped.collect();
        comparison.difference = difference;
        comparison.is_continued = is_continued;
        comparison.tier_labels = tier_labels;
        comparison.dropped = dropped;
        comparison.replaced = replaced;
        comparison
    }

    /// Refuses to replace a valid license with one that is not valid or allows less.
    ///
    /// A license of a higher tier, one that supersedes the installed license, and one that replaces
    /// a trial are not refused because of a loss. The installed license itself gains nothing, so it
    /// is refused if others would no longer be installed.
    pub(super) fn refuse_if_worse(&self) -> Result<(), InstallationError> {
        for pair in [&self.given, &self.lenient] {
            if pair.new.code() == Code::Superseded || pair.is_worse() {
                return Err(self.worse(pair));
            }
        }
        let difference = self.difference.as_ref();
        let is_refused = difference.is_none_or(|difference| {
            let is_decisive = |change: &Change| DECISIVE_GAINS.contains(&change.what());
            match difference.succession() {
                Succession::Same => !self.dropped.is_empty(),
                Succession::Replaces => false,
                _ => !difference.with_effect(Effect::Gain).any(is_decisive),
            }
        });
        match self.loss() {
            Some(loss) if is_refused => Err(InstallationError::Loss(loss)),
            // A license that is valid now is not lost because of a hypothetical time.
            _ if self.now.is_worse() && !difference.is_some_and(continues) => {
                Err(self.worse(&self.now))
            }
            _ => Ok(()),
        }
    }

    fn worse(&self, pair: &Pair) -> InstallationError {
        let is_here = is_valid(&self.given.installed);
        let installed = if is_here { pair } else { &self.given };
        InstallationError::Worse {
            new: pair.new.code(),
            installed: installed.installed.code(),
        }
    }

    /// Returns the losses of the new license: what the installed license allows beyond it, if that
    /// license can be valid, and other licenses that are no longer installed.
    pub(super) fn loss(&self) -> Option<LicenseLoss> {
        let Pair { new, installed } = self.decisive();
        let difference = self.difference.iter().filter(|_| is_valid(installed));
        let is_lost = |change: &Change| !(self.is_continued && change.what() == END);
        let losses: Vec<Change> = difference.flat_map(losses).filter(is_lost).collect();
        if losses.is_empty() && self.dropped.is_empty() {
            return None;
        }
        let [installed_label, new_label] = self.tier_labels.clone()?;
        Some(LicenseLoss {
            installed: installed.license()?.tier(),
            installed_label,
            new: new.license()?.tier(),
            new_label,
            losses,
            dropped: self.dropped.clone(),
        })
    }

    /// Returns the installed licenses that could be restored. A license that the new one supersedes
    /// cannot be restored.
    pub(super) fn restorable(&self) -> impl Iterator<Item = &LicenseId> {
        let installed = self.decisive().installed.license();
        let is_replaced = self
            .difference
            .as_ref()
            .is_some_and(|difference| !continues(difference));
        let replaced = installed.filter(|_| is_replaced).map(License::id);
        let dropped = self.dropped.iter().map(|dropped| &dropped.id);
        replaced.into_iter().chain(dropped).chain(&self.replaced)
    }

    /// Returns the decisions at the given time, or at the current time if only then the installed
    /// license can be valid.
    fn decisive(&self) -> &Pair {
        if !is_valid(&self.lenient.installed) && is_valid(&self.now.installed) {
            &self.now
        } else {
            &self.lenient
        }
    }
}

/// Returns what the license in effect allows beyond a new license that supersedes it at a later
/// time.
pub(super) fn later_loss(
    new: &VerifiedLicenses,
    installed: &VerifiedLicenses,
    matrix: &FeatureMatrix,
    context: &Context<'_>,
) -> Option<LicenseLoss> {
    let decision = installed.evaluate(matrix, &context.clone().any_application());
    let current = decision.license().filter(|_| is_valid(&decision))?;
    let renewals = new.licenses().iter();
    let renewals = renewals.filter(|new| new.supersedes().contains(current.id()));
    let renewal = renewals.min_by_key(|renewal| renewal.not_before())?;
    let losses = losses(&Difference::from_licenses(current, renewal, matrix));
    let label = |license: &License| matrix.tier_label(&license.tier()).into();
    (!losses.is_empty()).then(|| LicenseLoss {
        installed: current.tier(),
        installed_label: label(current),
        new: renewal.tier(),
        new_label: label(renewal),
        losses,
        dropped: Vec::new(),
    })
}

/// Returns the changes that take something away from the customer.
fn losses(difference: &Difference) -> Vec<Change> {
    let losses = difference.with_effect(Effect::Loss);
    let losses = losses.filter(|change| !NO_LOSSES.contains(&change.what()));
    losses.cloned().collect()
}

/// An installed license that is no longer installed, although the new licenses do not supersede it.
struct RemovedLicense<'l> {
    license: &'l License,
    /// The loss, if the license is valid or starts later.
    loss: Option<DroppedLicense>,
}

/// Returns the installed licenses that are neither part of the new licenses, nor superseded, nor in
/// `stays`.
fn removed<'l>(
    new: &VerifiedLicenses,
    installed: &'l VerifiedLicenses,
    stays: &[&LicenseId],
    matrix: &FeatureMatrix,
    context: &Context<'_>,
) -> Vec<RemovedLicense<'l>> {
    let is_replaced = |old: &License| {
        let mut new = new.licenses().iter();
        new.any(|new| new.id() == old.id() || new.supersedes().contains(old.id()))
    };
    let others = [new.licenses(), installed.licenses()].concat();
    let context = context.clone().installed(&others);
    let removed = |license: &'l License| {
        let mut alone = installed.clone();
        alone.retain_licenses(|other| other.id() == license.id());
        let decision = alone.evaluate(matrix, &context);
        let starts_later = decision.code() == Code::NotYetValid;
        let starts = license.not_before().filter(|_| starts_later);
        let is_loss = starts_later || is_valid(&decision);
        let loss = is_loss.then(|| DroppedLicense::new(license, starts, matrix));
        (decision.code() != Code::Superseded).then_some(RemovedLicense { license, loss })
    };
    let candidates = installed.licenses().iter();
    let candidates = candidates.filter(|old| !stays.contains(&old.id()) && !is_replaced(old));
    candidates.filter_map(removed).collect()
}

/// Returns the new licenses, and the installed ones that stay with them.
fn stored(
    new: &VerifiedLicenses,
    installed: &VerifiedLicenses,
    staying: &[LicenseId],
) -> VerifiedLicenses {
    let mut kept = installed.clone();
    kept.retain_licenses(|license| staying.contains(license.id()));
    let mut stored = new.clone();
    stored.extend(&kept);
    stored
}

/// Returns whether stored renewals continue the new license until the end of the installed one, and
/// allow everything that the new license allows.
fn is_continued_until_end(
    new: &License,
    stored: &VerifiedLicenses,
    installed: &License,
    matrix: &FeatureMatrix,
) -> bool {
    let renewals = stored.continuations_of(new).into_iter();
    let renewals = renewals.take_while(|renewal| covers(renewal, new, matrix));
    let last = renewals.last();
    last.is_some_and(|last| match (last.expires_at(), installed.expires_at()) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(end), Some(installed)) => end >= installed,
    })
}

/// Returns whether the new license allows everything that the old one allows.
fn covers(new: &License, old: &License, matrix: &FeatureMatrix) -> bool {
    losses(&Difference::from_licenses(old, new, matrix)).is_empty()
}

/// Returns how much licenses can allow at the given time, at the current time, or when they start,
/// to be compared: whether they can be valid, and the rank of their tier.
pub(super) fn worth(
    licenses: &VerifiedLicenses,
    matrix: &FeatureMatrix,
    contexts: &Contexts<'_>,
    others: &[License],
) -> (bool, Option<usize>) {
    let worth = |context: Context<'_>| {
        let decision = licenses.evaluate(matrix, &context.installed(others));
        if !is_valid(&decision) {
            return (false, None);
        }
        let tier = decision.entitlements().tier();
        let rank = matrix.tiers().iter().position(|terms| terms.name() == tier);
        (true, rank)
    };
    let both = || [contexts.lenient.clone(), contexts.now.clone()].into_iter();
    let starts = licenses.licenses().iter().filter_map(License::not_before);
    let at_starts = starts.flat_map(|start| {
        let earlier = both().filter(move |context| context.clock() < start);
        earlier.map(move |context| context.at_instant(start))
    });
    both().chain(at_starts).map(worth).max().unwrap_or_default()
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
