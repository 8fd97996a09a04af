//! A license to install: compares it with the installed license and stores it.

use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::license::CanonicalText;
use license_core::{Context, FeatureMatrix, License, LicenseId, TrustSet, VerifiedLicenses};

use super::combined_file::CombinedFile;
use super::comparison::{Comparison, Contexts, later_loss, worth};
use super::license_files::InstalledFile;
use super::{
    Installation, InstallationError, Keys, LicenseLoss, ReplacedLicense, add_validations, jwks,
    replaced,
};
use crate::paths::Paths;
use crate::state_dir::StateFile;
use crate::store::{Damaged, StoreLock};

/// Whether a license may replace a valid license that allows more.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// # let text = &vendor.issue("TEAM")?;
/// # let (trust, matrix) = (&vendor.trust, &vendor.matrix);
/// use license_client::license_core::VerifiedLicenses;
/// use license_client::{Candidate, Context, InstallationError, Moment, Replace};
///
/// // `text` is what the customer received.
/// let verified = VerifiedLicenses::verify(text, trust, matrix)?;
/// let candidate = Candidate { verified: &verified, trust, matrix };
/// let context = Context::at(license_client::now());
/// match manager.install(&candidate, &context, Replace::UnlessWorse, Moment::Now) {
///     Ok(report) => println!("installed as {}", report.path.display()),
///     // Ask the user first, then install with `Replace::Always`.
///     Err(InstallationError::Worse { new, .. }) => println!("the new license is {new}"),
///     Err(InstallationError::Loss(loss)) => println!("the new license allows less: {loss}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replace {
    /// A valid license stays if the new license is not valid or allows less, because replacing it
    /// could stop software in production.
    UnlessWorse,
    /// The valid license is replaced. It can be restored, unless a license that an earlier
    /// installation replaced allows more and is kept instead.
    Always,
}

/// A verified license to install, and the keys that verify it.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let text = &vendor.issue("PRO")?;
/// # let (trust, matrix) = (&vendor.trust, &vendor.matrix);
/// use license_client::Candidate;
/// use license_client::license_core::VerifiedLicenses;
///
/// // `text` is what the customer received. `trust` contains the public keys of the vendor, and
/// // `matrix` is the product.
/// let verified = VerifiedLicenses::verify(text, trust, matrix)?;
/// let candidate = Candidate { verified: &verified, trust, matrix };
/// assert_eq!(candidate.verified.licenses().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The license.
    pub verified: &'a VerifiedLicenses,
    /// The keys that verified the license. A manager without embedded keys applies the installed
    /// trust statements, and the statements in the license file, to these keys.
    pub trust: &'a TrustSet,
    /// The feature matrix of the product.
    pub matrix: &'a FeatureMatrix,
}

/// How a license is stored: with which installed licenses, and what becomes of the others.
#[derive(Default)]
pub(crate) struct Plan {
    /// The license file with the candidate and the installed licenses that stay. `None` if the
    /// candidate simply replaces the installed license.
    combined: Option<CombinedFile>,
    /// The file with the replaced license, if the license could be restored.
    replaced: Option<(InstalledFile, LicenseId)>,
    /// The losses of replacing a valid license, now or when the new license starts.
    pub(crate) loss: Option<LicenseLoss>,
    /// Tokens in armor that are stored with the licenses.
    pub(crate) tokens: Vec<String>,
}

impl Plan {
    /// Returns the instant at which the new license supersedes the installed one, if both are
    /// stored.
    pub(crate) fn begins(&self) -> Option<DateTime<Utc>> {
        self.combined.as_ref()?.begins
    }

    /// Returns the license that is replaced and can be restored.
    pub(crate) fn replaced(&self) -> Option<&LicenseId> {
        self.replaced.as_ref().map(|(_, license)| license)
    }
}

impl Candidate<'_> {
    /// Replaces the installed license with this license and its keys, and returns the path of the
    /// license.
    ///
    /// Does not install revocation lists. Only the manager's `install` does, because the manager
    /// knows the lists that were seen before. If the process crashes, the license on disk still
    /// verifies.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let text = &vendor.issue("PRO")?;
    /// # let (trust, matrix) = (&vendor.trust, &vendor.matrix);
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::license_core::VerifiedLicenses;
    /// use license_client::{Candidate, Context, Paths, Replace, StateDir};
    ///
    /// // `text` is what the customer received.
    /// let verified = VerifiedLicenses::verify(text, trust, matrix)?;
    /// let candidate = Candidate { verified: &verified, trust, matrix };
    /// let paths = Paths::at(StateDir::at(scratch.path().join("state")));
    /// let context = Context::at(license_client::now());
    /// let path = candidate.install(&paths, &context, Replace::UnlessWorse)?;
    /// assert!(path.ends_with("license.lic"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `replace` is [`Replace::UnlessWorse`] and the installed license is valid, returns
    /// [`InstallationError::Worse`] if this license is not valid, and [`InstallationError::Loss`]
    /// if this license allows less. Returns other errors if the state directory cannot be written.
    pub fn install(
        &self,
        paths: &Paths,
        context: &Context<'_>,
        replace: Replace,
    ) -> Result<PathBuf, InstallationError> {
        let paths = paths.with_known_user().map_err(Clone::clone)?;
        let lock = paths.user().lock()?;
        let keys = Keys::Installed;
        let damaged = Damaged::Quarantine;
        let plan = self.plan(paths, keys, [context, context], replace, (&[], damaged))?;
        self.install_locked(&lock, paths, keys, self.trust, &plan)?;
        Ok(paths.user().dir().file(self.file()))
    }

    /// Returns the file in which the license is stored.
    pub(crate) fn file(&self) -> StateFile {
        match self.verified.canonical() {
            CanonicalText::File(_) => StateFile::License,
            CanonicalText::EnterpriseKey(_) => StateFile::Key,
        }
    }

    /// Returns the text to store, with the installed licenses that stay and with the tokens of the
    /// plan.
    pub(crate) fn text(&self, plan: &Plan) -> String {
        let text = match self.verified.canonical() {
            CanonicalText::File(text) => text,
            CanonicalText::EnterpriseKey(key) => return format!("{key}\n"),
        };
        let combined = plan.combined.as_ref();
        let mut text = combined.map_or(text, |combined| &combined.text).clone();
        for token in &plan.tokens {
            if !text.contains(token) {
                text.push_str(token);
            }
        }
        text
    }

    /// Adds the keys of separate tokens to the installed keys. Does nothing if `keys` already
    /// contains all of them.
    pub(crate) fn add_keys(
        &self,
        lock: &StoreLock,
        paths: &Paths,
        keys: Keys<'_>,
        roots: &TrustSet,
    ) -> Result<(), InstallationError> {
        let own = keys.roots_before(paths);
        let all = own.joined(roots);
        if all.len() > own.len() {
            lock.write(StateFile::Trust, jwks(&all).as_bytes())?;
        }
        Ok(())
    }

    /// Replaces the installed license as [`Self::plan`] has decided.
    pub(crate) fn install_locked(
        &self,
        lock: &StoreLock,
        paths: &Paths,
        before: Keys<'_>,
        roots: &TrustSet,
        plan: &Plan,
    ) -> Result<(), InstallationError> {
        let installed = before.roots_before(paths);
        if let Some((file, _)) = &plan.replaced {
            let is_installed = matches!(before, Keys::Installed);
            replaced::store(lock, file, is_installed.then_some(&installed))?;
        }
        let keys = union(&installed, roots);
        let write = |file, text: &str| lock.write(file, text.as_bytes());
        write(StateFile::Trust, &jwks(&keys))?;
        let file = self.file();
        let other = match file {
            StateFile::Key => StateFile::License,
            _ => StateFile::Key,
        };
        write(file, &self.text(plan))?;
        lock.remove(other)?;
        if keys.len() > roots.len() && plan.combined.is_none() {
            write(StateFile::Trust, &jwks(roots))?;
        }
        Ok(())
    }

    /// Decides how the candidate is stored. Compares licenses in the given context, and in the
    /// context of the current time.
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError::Worse`] or [`InstallationError::Loss`] if the candidate would
    /// replace a better license.
    pub(crate) fn plan(
        &self,
        paths: &Paths,
        before: Keys<'_>,
        [context, now]: [&Context<'_>; 2],
        replace: Replace,
        (stored_validations, damaged): (&[String], Damaged),
    ) -> Result<Plan, InstallationError> {
        let Some(mut installed) = self.installed(paths, before, damaged) else {
            return Ok(Plan::default());
        };
        let keys = self.combined_keys(paths, before);
        let combined = match replace {
            Replace::UnlessWorse => self.combined_file(&installed, &keys, context),
            Replace::Always => None,
        };
        let mut plan = Plan {
            combined,
            ..Plan::default()
        };
        if plan.begins().is_some() {
            let (new, installed) = (self.verified, &installed.verified);
            plan.loss = later_loss(new, installed, self.matrix, context);
            return Ok(plan);
        }
        let installed_keys = before.for_replaced_license(paths);
        let contexts = Contexts::new(context, now);
        let staying = plan.combined.as_ref().map_or(&[][..], |all| &all.kept);
        installed.add_validations(stored_validations, &installed_keys, self.matrix);
        let mut new = self.verified.clone();
        let keys = self.trust.joined(&installed_keys);
        add_validations(&mut new, stored_validations, &keys, self.matrix);
        let comparison =
            Comparison::new(&new, &installed.verified, staying, self.matrix, &contexts);
        if replace == Replace::UnlessWorse {
            comparison.refuse_if_worse()?;
        }
        plan.loss = comparison.loss();
        let restorable = comparison.restorable().cloned().collect();
        let license = self.best_of(restorable, &installed.verified, &contexts);
        let kept = ReplacedLicense::read(paths, before, self.matrix);
        if let Ok(Some(mut kept)) = kept {
            let (verified, keys) = (&mut kept.verified, &kept.trust);
            add_validations(verified, stored_validations, keys, self.matrix);
            if self.leaves(verified, &installed.verified, &contexts) {
                return Ok(plan);
            }
        }
        plan.replaced = license.and_then(|id| Some((installed.into_file_with(&id)?, id)));
        Ok(plan)
    }

    /// Returns the keys that verify both licenses, if both are stored.
    fn combined_keys(&self, paths: &Paths, before: Keys<'_>) -> TrustSet {
        let mut rotation = before.rotated(paths, union(&before.roots_before(paths), self.trust));
        if matches!(before, Keys::Installed) {
            for token in self.verified.unverified_trust_statements() {
                // A failure was already reported when the statements were verified for the
                // installation.
                let _ = rotation.apply(token);
            }
        }
        rotation.keys().clone()
    }

    /// Returns the license of the user that the candidate would replace.
    fn installed(&self, paths: &Paths, keys: Keys<'_>, damaged: Damaged) -> Option<Installation> {
        // A damaged license is replaced without a comparison.
        let user_only = Paths::at(paths.user().dir().clone());
        let installed = Installation::read(&user_only, keys, self.matrix, damaged);
        installed.ok().flatten()
    }

    fn combined_file(
        &self,
        installed: &Installation,
        keys: &TrustSet,
        context: &Context<'_>,
    ) -> Option<CombinedFile> {
        let now = self.verified.evaluate(self.matrix, context).evaluated_at();
        let combined = CombinedFile::new(self.verified, &installed.verified, now)?;
        // The stored file verifies either as a whole or not at all.
        let verifies = VerifiedLicenses::verify(&combined.text, keys, self.matrix).is_ok();
        verifies.then_some(combined)
    }

    /// Returns the license that allows most, and the first of equal ones.
    fn best_of(
        &self,
        licenses: Vec<LicenseId>,
        installed: &VerifiedLicenses,
        contexts: &Contexts<'_>,
    ) -> Option<LicenseId> {
        let others = [self.verified.licenses(), installed.licenses()].concat();
        let worth = |id: &LicenseId| {
            let mut alone = installed.clone();
            alone.retain_licenses(|license| license.id() == id);
            worth(&alone, self.matrix, contexts, &others)
        };
        // Of equal licenses, `max_by_key` returns the last one.
        licenses.into_iter().rev().max_by_key(worth)
    }

    /// Returns whether the license that is kept stays, because it is better than the installed
    /// license and is not installed now.
    fn leaves(
        &self,
        kept: &VerifiedLicenses,
        installed: &VerifiedLicenses,
        contexts: &Contexts<'_>,
    ) -> bool {
        let new = self.verified.licenses();
        let others = [new, installed.licenses()].concat();
        let is_new = |license: &License| new.iter().any(|new| new.id() == license.id());
        let worth = |licenses| worth(licenses, self.matrix, contexts, &others);
        // Licenses that stay installed are not lost.
        let mut removed = installed.clone();
        removed.retain_licenses(|license| !is_new(license));
        !kept.licenses().iter().all(is_new) && worth(kept) > worth(&removed)
    }
}

/// Combines both sets of keys. The old keys stay until the new license is written, so that the
/// license on disk verifies at every moment. If a key has changed its algorithm, returns only the
/// new keys.
fn union(before: &TrustSet, new: &TrustSet) -> TrustSet {
    let mut keys = before.clone();
    match keys.extend(new) {
        Ok(()) => keys,
        Err(_) => new.clone(),
    }
}
