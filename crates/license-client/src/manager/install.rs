//! Installs licenses, tokens, revocation lists and trust statements from the vendor.

mod checks;
mod plan;
mod shared;
mod tokens;

use license_core::license::{RevocationList, Validation};
use license_core::{Context, LicenseId, TokenKind, TrustSet, VerifiedLicenses};

use self::plan::InstallPlan;
use super::install_report::{InstallReport, InstalledBlock};
use super::trust_change::TrustChange;
use super::{LicenseManager, Moment};
use crate::activation::ActivationState;
use crate::installation::{Candidate, Installation, InstallationError, Keys, Plan, Replace};
use crate::paths::Paths;
use crate::problem::StateProblem;
use crate::revocations::{self, InstalledList};
use crate::sealed_file::Durability;
use crate::state::{Loaded, State};
use crate::state_dir::StateFile;
use crate::store::{Damaged, StoreLock};

/// Whether an installation changes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InstallMode {
    DryRun,
    Commit,
}

/// An installation. Checks everything before it writes anything.
struct InstallTransaction<'t> {
    manager: &'t LicenseManager,
    paths: &'t Paths,
    /// The candidate, with the keys that are trusted after the installation.
    candidate: &'t Candidate<'t>,
    /// The keys before any trust statement is applied.
    roots: &'t TrustSet,
    change: &'t TrustChange,
    state: State,
    activation_state: ActivationState,
    /// Whether damaged files are quarantined.
    damaged: Damaged,
}

impl LicenseManager {
    /// Installs a license file: licenses, validation tokens for installed licenses, revocation
    /// lists, answers to requests of this machine, and trust statements.
    ///
    /// Installs the whole file or nothing. Applies the trust statements first. Uses `context` to
    /// compare a new license with the installed license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let text = &vendor.issue("TEAM")?;
    /// # let (trust, matrix) = (&vendor.trust, &vendor.matrix);
    /// use license_client::license_core::VerifiedLicenses;
    /// use license_client::{Candidate, Context, Moment, Replace};
    ///
    /// // `text` is what the customer received: a license file, a token or an enterprise key.
    /// let verified = VerifiedLicenses::verify(text, trust, matrix)?;
    /// let candidate = Candidate { verified: &verified, trust, matrix };
    /// let context = Context::at(license_client::now());
    /// let report = manager.install(&candidate, &context, Replace::UnlessWorse, Moment::Now)?;
    /// println!("installed as {}", report.path.display());
    /// for block in &report.blocks {
    ///     println!("{} {}", block.kind, block.id);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if a part of the file may not be installed or cannot be
    /// written. In that case nothing changes.
    pub fn install(
        &self,
        candidate: &Candidate<'_>,
        context: &Context<'_>,
        replace: Replace,
        moment: Moment,
    ) -> Result<InstallReport, InstallationError> {
        self.install_in(InstallMode::Commit, candidate, context, replace, moment)
    }

    /// Checks whether a license file can be installed, and returns the report of
    /// [`install`](Self::install). Changes nothing, and waits for no lock.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let text = &vendor.issue("TEAM")?;
    /// # let (trust, matrix) = (&vendor.trust, &vendor.matrix);
    /// use license_client::license_core::VerifiedLicenses;
    /// use license_client::{Candidate, Context, Moment, Replace};
    ///
    /// let verified = VerifiedLicenses::verify(text, trust, matrix)?; let candidate = Candidate {
    /// verified: &verified, trust, matrix }; let context = Context::at(license_client::now()); let
    /// report = manager.check_install(&candidate, &context, Replace::UnlessWorse, Moment::Now)?;
    /// println!("would be installed as {}", report.path.display());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Self::install`], except those of a write.
    pub fn check_install(
        &self,
        candidate: &Candidate<'_>,
        context: &Context<'_>,
        replace: Replace,
        moment: Moment,
    ) -> Result<InstallReport, InstallationError> {
        self.install_in(InstallMode::DryRun, candidate, context, replace, moment)
    }

    fn install_in(
        &self,
        mode: InstallMode,
        candidate: &Candidate<'_>,
        context: &Context<'_>,
        replace: Replace,
        moment: Moment,
    ) -> Result<InstallReport, InstallationError> {
        let paths = self.writable_paths()?;
        let is_shared = paths.user().dir().is_shared();
        let (lock, damaged) = match mode {
            InstallMode::Commit => (Some(paths.user().lock()?), Damaged::Quarantine),
            InstallMode::DryRun => (None, Damaged::Leave),
        };
        let lock = lock.as_ref();
        let (loaded, activation_state) = self.load_for_install(paths, lock);
        let mut problems = loaded.problems;
        if needs_state(candidate.verified)
            && let Some(at) = problems.iter().position(is_unreadable)
        {
            return Err(InstallationError::State(problems.swap_remove(at)));
        }
        let roots = candidate.trust;
        let change = self.trust_change(lock, paths, candidate)?;
        let candidate = &Candidate {
            trust: change.keys(),
            ..*candidate
        };
        if candidate.verified.licenses().is_empty() && replace == Replace::UnlessWorse {
            let activations = |keys: &TrustSet| {
                let stored = super::verified(&activation_state, || keys.clone());
                [stored.as_slice(), candidate.verified.activations()].concat()
            };
            let matrix = candidate.matrix;
            change.refuse_orphans(paths, matrix, context, &loaded.state, activations)?;
        }
        let mut transaction = InstallTransaction {
            manager: self,
            paths,
            candidate,
            roots,
            change: &change,
            state: loaded.state,
            activation_state,
            damaged,
        };
        // Everything that can be refused is checked before anything is written.
        let lists = transaction.check_lists()?;
        let answers = transaction.check_answers()?;
        transaction.check_validations()?;
        let previous = transaction.previous_validations();
        let mark = transaction.state.high_water.mark();
        let (context, now) = match moment {
            Moment::Now => {
                let context = context.clone().high_water(mark);
                (context.clone(), context)
            }
            Moment::Hypothetical => {
                let now = Context::at(self.clock().now()).high_water(mark);
                (context.clone(), now)
            }
        };
        let mut plan = transaction.plan([context, now], replace, &previous)?;
        let loss = plan
            .license
            .as_mut()
            .and_then(|license| license.loss.take());
        // Everything that is written from here on is committed or rolled back together.
        let undo = lock.map(StoreLock::begin).transpose()?;
        if let Some(lock) = lock {
            transaction.write(lock, &plan)?;
        }
        let newest = candidate.verified.newest_signature().max(change.newest());
        let is_lowered = moment == Moment::Now
            && !is_shared
            && self.update_high_water(&mut transaction.state.high_water, newest);
        let blocks = transaction.blocks(&plan, &lists, &answers, &previous);
        if let Some((lock, undo)) = lock.zip(undo) {
            if !loaded.is_partial
                && !is_shared
                && let Err(error) = self.save(&transaction.state, lock)
            {
                // A license works without the state. Other artifacts are stored only in the state.
                if needs_state(candidate.verified) {
                    return Err(InstallationError::Store(error));
                }
                problems.push(StateProblem::NotSaved(error));
            }
            change.write_all(lock)?;
            undo.commit()?;
            blocks.iter().for_each(InstalledBlock::emit);
        }
        let license = plan.license.as_ref();
        Ok(InstallReport {
            begins: license.and_then(Plan::begins),
            clock_repaired: is_lowered,
            is_old: plan.is_old,
            loss,
            replaced: license.and_then(Plan::replaced).cloned(),
            problems,
            lists,
            statements: change.results(paths),
            blocks,
            path: plan.path,
        })
    }

    /// Reads the state, under the lock if there is one. The directory of the administrator has no
    /// state.
    fn load_for_install(
        &self,
        paths: &Paths,
        lock: Option<&StoreLock>,
    ) -> (Loaded, ActivationState) {
        let (store, seal) = (paths.user(), self.seal());
        if store.dir().is_shared() {
            return Default::default();
        }
        let (mut loaded, (activations, problem)) = match lock {
            Some(lock) => (
                State::load_locked(lock, store, seal),
                ActivationState::load_locked(lock, store, seal),
            ),
            None => (
                State::load(store, seal, Damaged::Leave),
                ActivationState::load(store, seal, Damaged::Leave),
            ),
        };
        loaded.problems.extend(problem);
        (loaded, activations)
    }

    fn save(&self, state: &State, lock: &StoreLock) -> Result<(), crate::store::StoreError> {
        let (cache, quota) = (Durability::PowerLoss, Durability::Process);
        Ok(state.save(lock, self.seal(), cache, quota)?)
    }
}

impl InstallTransaction<'_> {
    /// Returns whether the license is installed for all users.
    fn is_shared(&self) -> bool {
        self.paths.user().dir().is_shared()
    }

    fn installed(&self) -> Result<Option<Installation>, InstallationError> {
        let (trust, matrix) = (self.candidate.trust, self.candidate.matrix);
        Installation::read(self.paths, Keys::Given(trust), matrix, self.damaged)
    }

    /// Writes the license, or the tokens and the keys, and then the other artifacts.
    fn write(&mut self, lock: &StoreLock, plan: &InstallPlan) -> Result<(), InstallationError> {
        match &plan.license {
            Some(license) => self.write_license(lock, license, plan)?,
            None => {
                let keys = Keys::new(self.manager.trust());
                self.candidate
                    .add_keys(lock, self.paths, keys, self.roots)?;
                self.change.write_additions(lock)?;
                if let Some(text) = &plan.shared {
                    lock.write(StateFile::License, text.as_bytes())?;
                }
            }
        }
        self.apply_answers(lock)?;
        // Revocation lists are stored last, because they may revoke a license of the same file.
        self.store_lists(lock, &plan.ids)
    }

    fn write_license(
        &mut self,
        lock: &StoreLock,
        license: &Plan,
        plan: &InstallPlan,
    ) -> Result<(), InstallationError> {
        let (candidate, paths) = (self.candidate, self.paths);
        let lists = self.all_lists();
        let keys = Keys::new(self.manager.trust());
        self.change.write_additions(lock)?;
        candidate.install_locked(lock, paths, keys, self.roots, license)?;
        lock.clear_quarantine(&[StateFile::License, StateFile::Key]);
        // A license file can be edited. The state also keeps its validation tokens, so that a
        // suspension does not disappear with the file.
        if let Some(validations) = &plan.validations {
            self.state.set_validations(validations.iter().cloned());
        }
        let _ = self.state.record_lists(&lists, &plan.ids);
        Ok(())
    }

    /// Applies the answers that were checked. The nonce of a clock repair is recorded in the same
    /// file as the high-water mark, which the repair lowers.
    fn apply_answers(&mut self, lock: &StoreLock) -> Result<(), InstallationError> {
        let verified = self.candidate.verified;
        if self.is_shared() {
            return Ok(());
        }
        for answer in verified.activations() {
            self.activation_state.store(answer);
        }
        for repair in verified.clock_repairs() {
            self.state.repaired.push(repair.nonce());
            let reading = self.manager.reading();
            self.state.high_water.repair(repair.issued_at(), reading);
        }
        if verified.activations().is_empty() {
            return Ok(());
        }
        Ok(self.activation_state.save(lock, self.manager.seal())?)
    }

    fn blocks(
        &self,
        plan: &InstallPlan,
        lists: &[InstalledList],
        answers: &[bool],
        previous: &[String],
    ) -> Vec<InstalledBlock> {
        let block = |kind, id: String, is_new| InstalledBlock { kind, id, is_new };
        let verified = self.candidate.verified;
        let licenses = verified.licenses().iter();
        let licenses =
            licenses.map(|license| block(TokenKind::License, license.id().to_string(), true));
        let validations = verified.validations().iter().map(|token| {
            let is_new = !plan.is_old && !previous.contains(&token.to_armor());
            block(TokenKind::Validation, token.id().to_owned(), is_new)
        });
        let lists = lists.iter().map(|list| {
            let seq = list.list.seq().to_string();
            block(TokenKind::Revocations, seq, list.is_new)
        });
        let activations = verified.activations().iter().zip(answers);
        let activations = activations
            .map(|(answer, is_new)| block(TokenKind::Activation, answer.id().to_string(), *is_new));
        let repairs = verified.clock_repairs().iter();
        let repairs =
            repairs.map(|repair| block(TokenKind::ClockRepair, repair.id().to_string(), true));
        let later = lists.chain(activations).chain(repairs);
        licenses.chain(validations).chain(later).collect()
    }

    /// Returns the stored revocation lists and the lists of the candidate. They apply both to the
    /// new license and to the installed one.
    fn all_lists(&self) -> Vec<RevocationList> {
        let (candidate, seen) = (self.candidate, Default::default());
        let product = candidate.matrix.product();
        let (stored, _) =
            revocations::read_all(self.paths, candidate.trust, product, &seen, Damaged::Leave);
        [stored.as_slice(), candidate.verified.revocations()].concat()
    }

    /// Writes the revocation lists of the candidate. Records their numbers, and what they say about
    /// the installed licenses and activations.
    fn store_lists(
        &mut self,
        lock: &StoreLock,
        installed: &[LicenseId],
    ) -> Result<(), InstallationError> {
        let lists = self.candidate.verified.revocations();
        if lists.is_empty() {
            return Ok(());
        }
        revocations::write(lock, self.paths.user(), self.candidate.trust, lists)?;
        let _ = self.state.record_lists(lists, installed);
        Ok(())
    }
}

/// Returns whether the license file contains anything that is stored only in the state of this
/// machine.
fn needs_state(verified: &VerifiedLicenses) -> bool {
    let is_check_in = verified.licenses().is_empty() && !verified.validations().is_empty();
    let answers = !verified.activations().is_empty() || !verified.clock_repairs().is_empty();
    is_check_in || answers || !verified.revocations().is_empty()
}

fn is_unreadable(problem: &StateProblem) -> bool {
    matches!(problem, StateProblem::Store(_))
}

fn armor<'a>(
    validations: impl IntoIterator<Item = &'a Validation>,
) -> impl Iterator<Item = String> {
    validations.into_iter().map(Validation::to_armor)
}
