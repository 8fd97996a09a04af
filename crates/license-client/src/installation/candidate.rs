//! A license to install: what it is compared with, and how it is stored.

use std::path::PathBuf;

use license_core::{Bundle, Canonical, Code, Context, Matrix, Outcome, Timestamp, TrustSet};

use super::early::Early;
use super::{Installation, InstallationError, Keys, add_validations};
use crate::home::Home;
use crate::paths::StateFile;
use crate::store::{Damaged, StoreLock};

/// Whether a license that holds may be replaced by one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may not: that would stop software in production.
    UnlessWorse,
    /// It may.
    Always,
}

/// A verified license to install, and what it was verified with.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The license.
    pub bundle: &'a Bundle,
    /// The keys that it was verified with. For a `Host` without keys of its own (`Host::trusting`)
    /// these are the keys from which trust statements, installed and in the bundle, led to the keys
    /// that it was verified with.
    pub trust: &'a TrustSet,
    /// The product.
    pub matrix: &'a Matrix,
}

/// Where a license is kept now.
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    /// When it begins, if what is installed goes on until then.
    pub(crate) begins: Option<Timestamp>,
}

impl Candidate<'_> {
    /// Replaces what is installed by this license and its keys, and returns the path of the license.
    ///
    /// Revocation lists that came with it are left to `Host::install`, which knows the lists seen
    /// before. The process may die at any moment: what is found afterwards verifies.
    ///
    /// # Errors
    /// [`InstallationError::Worse`] if it does not hold in this context, what is installed does, and `replace` does
    /// not allow that; others if the state directory can't be written.
    pub fn install(
        &self,
        home: &Home,
        context: &Context<'_>,
        replace: Replace,
    ) -> Result<PathBuf, InstallationError> {
        let lock = home.user().lock()?;
        let keys = Keys::Installed;
        let early = self.beside(home, keys, context, replace, &[])?;
        let stored = self.install_locked(&lock, home, keys, self.trust, early)?;
        Ok(stored.path)
    }

    /// Keeps the keys of what comes after the license beside those of the license, where installed keys count.
    pub(crate) fn add_keys(
        &self,
        lock: &StoreLock,
        home: &Home,
        keys: Keys<'_>,
        roots: &TrustSet,
    ) -> Result<(), InstallationError> {
        let own = keys.roots_before(home);
        let all = own.joined(roots);
        if all.len() > own.len() {
            lock.write(StateFile::Trust, jwks(&all).as_bytes())?;
        }
        Ok(())
    }

    /// Replaces what is installed, together with what stays beside it as [`Self::beside`] returned.
    pub(crate) fn install_locked(
        &self,
        lock: &StoreLock,
        home: &Home,
        before: Keys<'_>,
        roots: &TrustSet,
        early: Option<Early>,
    ) -> Result<Stored, InstallationError> {
        let keys = both(&before.roots_before(home), roots);
        let write = |file, text: &str| lock.write(file, text.as_bytes());
        write(StateFile::Trust, &jwks(&keys))?;
        let (file, other, text) = match self.bundle.canonical() {
            Canonical::File(text) => {
                let text = early.as_ref().map_or(text, |early| &early.text);
                (StateFile::License, StateFile::Key, text.clone())
            }
            Canonical::EnterpriseKey(key) => {
                (StateFile::Key, StateFile::License, format!("{key}\n"))
            }
        };
        write(file, &text)?;
        lock.remove(other)?;
        if keys.len() > roots.len() && early.is_none() {
            write(StateFile::Trust, &jwks(roots))?;
        }
        Ok(Stored {
            path: home.user().dir().file(file),
            begins: early.and_then(|early| early.begins),
        })
    }

    /// What is stored together with it: where one of the two replaces the other only later, or what is installed has still to begin.
    ///
    /// # Errors
    /// [`InstallationError::Worse`] if it would take the place of what is better.
    pub(crate) fn beside(
        &self,
        home: &Home,
        before: Keys<'_>,
        context: &Context<'_>,
        replace: Replace,
        kept: &[String],
    ) -> Result<Option<Early>, InstallationError> {
        let Some(installed) = self.installed(home, before, replace) else {
            return Ok(None);
        };
        let early = self.early(&installed, &self.keys_of_both(home, before), context);
        if early.as_ref().is_none_or(|early| early.begins.is_none()) {
            self.refuse_if_worse(installed, &before.before(home), context, kept)?;
        }
        Ok(early)
    }

    /// What both are verified with, if both are kept.
    fn keys_of_both(&self, home: &Home, before: Keys<'_>) -> TrustSet {
        let mut rotation = before.with_kept(home, both(&before.roots_before(home), self.trust));
        if matches!(before, Keys::Installed) {
            for token in self.bundle.unverified_trust_statements() {
                // Whoever installs it has let it count by then.
                let _ = rotation.apply(token);
            }
        }
        rotation.keys().clone()
    }

    /// What it would take the place of, if that matters.
    fn installed(&self, home: &Home, keys: Keys<'_>, replace: Replace) -> Option<Installation> {
        // What is installed and damaged is what one installs anew for.
        let own = Home::at(home.user().dir().clone());
        let read = || Installation::read(&own, keys, self.matrix, Damaged::Quarantine);
        let installed = (replace == Replace::UnlessWorse).then(|| read().ok().flatten());
        installed.flatten()
    }

    fn early(
        &self,
        installed: &Installation,
        keys: &TrustSet,
        context: &Context<'_>,
    ) -> Option<Early> {
        let now = self.bundle.evaluate(self.matrix, context).evaluated_at();
        let early = Early::of(self.bundle, &installed.bundle, now)?;
        // What is stored verifies as a whole or not at all.
        let verifies = Bundle::verify(&early.text, keys, self.matrix).is_ok();
        verifies.then_some(early)
    }

    /// Refuses what would replace a license that holds by one that does not.
    fn refuse_if_worse(
        &self,
        mut installed: Installation,
        own_keys: &TrustSet,
        context: &Context<'_>,
        kept: &[String],
    ) -> Result<(), InstallationError> {
        // What the vendor said last counts for both.
        installed.add_validations(kept, own_keys, self.matrix);
        let mut new = self.bundle.clone();
        add_validations(&mut new, kept, &self.trust.joined(own_keys), self.matrix);
        // What is installed may replace it.
        let beside = context.clone().installed(installed.bundle.licenses());
        let new = new.evaluate(self.matrix, &beside);
        let installed = installed.bundle.evaluate(self.matrix, context);
        if new.code() == Code::Superseded {
            let (new, installed) = (new.code(), installed.code());
            return Err(InstallationError::Worse { new, installed });
        }
        if new.outcome() == Outcome::Denied && installed.outcome() != Outcome::Denied {
            let (new, installed) = (new.code(), installed.code());
            return Err(InstallationError::Worse { new, installed });
        }
        Ok(())
    }
}

/// The old keys stay until the new license stands, so that there is no moment without a license that verifies, but where one key has changed
/// its algorithm.
fn both(before: &TrustSet, new: &TrustSet) -> TrustSet {
    let mut keys = before.clone();
    match keys.extend(new) {
        Ok(()) => keys,
        Err(_) => new.clone(),
    }
}

fn jwks(trust: &TrustSet) -> String {
    format!("{:#}\n", trust.to_jwks())
}
