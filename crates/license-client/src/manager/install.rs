//! Installs licenses, tokens, revocation lists and trust statements from the vendor.

mod checks;
mod tokens;

use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::license::{RevocationList, Validation};
use license_core::{Context, LicenseId, TokenKind, TrustSet, VerifiedLicenses};

use super::install_report::{InstallReport, InstalledBlock};
use super::trust_change::TrustChange;
use super::{LicenseManager, Moment};
use crate::activation::ActivationState;
use crate::installation::{Candidate, Installation, InstallationError, Keys, LicenseLoss, Replace};
use crate::paths::Paths;
use crate::problem::StateProblem;
use crate::revocations::{self, InstalledList};
use crate::sealed_file::Durability;
use crate::state::State;
use crate::state_dir::StateFile;
use crate::store::{Damaged, StoreLock};

/// An installation that holds the lock of the store. Checks everything before it writes anything.
struct InstallTransaction<'t> {
    manager: &'t LicenseManager,
    paths: &'t Paths,
    lock: &'t StoreLock,
    /// The candidate, with the keys that are trusted after the installation.
    candidate: &'t Candidate<'t>,
    /// The keys before any trust statement is applied.
    roots: &'t TrustSet,
    change: &'t TrustChange,
    state: State,
    activation_state: ActivationState,
}

/// The file in which an artifact was stored.
struct Placement {
    path: PathBuf,
    /// The instant at which one of the two licenses supersedes the other, if both are stored.
    begins: Option<DateTime<Utc>>,
    /// Whether the validation tokens were already stored or are older than the stored ones.
    is_old: bool,
    /// The losses of replacing a valid license.
    loss: Option<LicenseLoss>,
    /// The license that was replaced and can be restored.
    replaced: Option<LicenseId>,
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
        let paths = self.writable_paths()?;
        let lock = paths.user().lock()?;
        let loaded = State::load_locked(&lock, paths.user(), self.seal());
        let (activation_state, problem) =
            ActivationState::load_locked(&lock, paths.user(), self.seal());
        let mut problems = loaded.problems;
        problems.extend(problem);
        if needs_state(candidate.verified)
            && let Some(at) = problems.iter().position(is_unreadable)
        {
            return Err(InstallationError::State(problems.swap_remove(at)));
        }
        let roots = candidate.trust;
        let change = self.trust_change(&lock, paths, candidate)?;
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
            lock: &lock,
            candidate,
            roots,
            change: &change,
            state: loaded.state,
            activation_state,
        };
        // Everything that can be refused is checked before anything is written.
        let lists = transaction.check_lists()?;
        let answers = transaction.check_answers()?;
        transaction.check_validations()?;
        let previous = transaction.state.validations.clone();
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
        // Everything that is written from here on is committed or rolled back together.
        let undo = lock.begin()?;
        let placement = transaction.store([context, now], replace)?;
        transaction.apply_answers()?;
        // Revocation lists are stored last, because they may revoke a license of the same file.
        transaction.store_lists()?;
        let newest = candidate.verified.newest_signature().max(change.newest());
        let is_lowered = moment == Moment::Now
            && self.update_high_water(&mut transaction.state.high_water, newest);
        let blocks = transaction.blocks(&placement, &lists, &answers, &previous);
        if !loaded.is_partial
            && let Err(error) = self.save(&transaction.state, &lock)
        {
            // A license works without the state. Other artifacts are stored only in the state.
            if needs_state(candidate.verified) {
                return Err(InstallationError::Store(error));
            }
            problems.push(StateProblem::NotSaved(error));
        }
        change.write_all(&lock)?;
        undo.commit()?;
        blocks.iter().for_each(InstalledBlock::emit);
        Ok(InstallReport {
            path: placement.path,
            begins: placement.begins,
            clock_repaired: is_lowered,
            is_old: placement.is_old,
            loss: placement.loss,
            replaced: placement.replaced,
            problems,
            lists,
            statements: change.results(paths),
            blocks,
        })
    }

    fn save(&self, state: &State, lock: &StoreLock) -> Result<(), crate::store::StoreError> {
        let (cache, quota) = (Durability::PowerLoss, Durability::Process);
        Ok(state.save(lock, self.seal(), cache, quota)?)
    }
}

impl InstallTransaction<'_> {
    fn installed(&self) -> Result<Option<Installation>, InstallationError> {
        let (trust, matrix) = (self.candidate.trust, self.candidate.matrix);
        Installation::load(self.paths, trust, matrix)
    }

    /// Writes the license, or the validation tokens and the keys.
    fn store(
        &mut self,
        contexts: [Context<'_>; 2],
        replace: Replace,
    ) -> Result<Placement, InstallationError> {
        let (candidate, user) = (self.candidate, self.paths.user());
        let keys = Keys::new(self.manager.trust());
        let verified = candidate.verified;
        if !verified.licenses().is_empty() {
            return self.store_license(contexts, replace);
        }
        let mut is_old = false;
        if !verified.validations().is_empty() {
            let validations = self.merged_validations()?;
            let before = std::mem::take(&mut self.state.validations);
            self.state.set_validations(validations);
            let stored = &self.state.validations;
            let is_new = |block: String| stored.contains(&block) && !before.contains(&block);
            is_old = !armor(verified.validations()).any(is_new);
        }
        candidate.add_keys(self.lock, self.paths, keys, self.roots)?;
        self.change.write_additions(self.lock)?;
        let file = match (verified.validations(), verified.activations()) {
            ([_, ..], _) => StateFile::Cache,
            (_, [_, ..]) => StateFile::Activation,
            _ if !verified.revocations().is_empty() => StateFile::Revocations,
            _ if !verified.clock_repairs().is_empty() => StateFile::Cache,
            _ => StateFile::TrustStatements,
        };
        Ok(Placement {
            path: user.dir().file(file),
            begins: None,
            is_old,
            loss: None,
            replaced: None,
        })
    }

    fn store_license(
        &mut self,
        contexts: [Context<'_>; 2],
        replace: Replace,
    ) -> Result<Placement, InstallationError> {
        let (candidate, paths) = (self.candidate, self.paths);
        let lists = self.all_lists();
        let activations = super::verified(&self.activation_state, || candidate.trust.clone());
        let deactivated = self.state.deactivated.clone();
        let recorded = self.state.recorded.by_keys(candidate.trust);
        let [context, now] = contexts.map(|context| {
            let context = context.revocations(&lists).activations(&activations);
            context
                .deactivated(&deactivated)
                .recorded_revocations(&recorded)
        });
        let keys = Keys::new(self.manager.trust());
        let tokens = &self.state.validations;
        let mut plan = candidate.plan(paths, keys, [&context, &now], replace, tokens)?;
        let loss = plan.loss.take();
        let validations = self.merged_validations();
        let installed = self.ids();
        self.change.write_additions(self.lock)?;
        let stored = candidate.install_locked(self.lock, paths, keys, self.roots, plan)?;
        self.lock
            .clear_quarantine(&[StateFile::License, StateFile::Key]);
        // A license file can be edited. The state also keeps its validation tokens, so that a
        // suspension does not disappear with the file.
        if let Ok(validations) = validations {
            self.state.set_validations(validations);
        }
        let _ = self.state.record_lists(&lists, &installed);
        Ok(Placement {
            path: stored.path,
            begins: stored.begins,
            is_old: false,
            loss,
            replaced: stored.replaced,
        })
    }

    /// Applies the answers that were checked. The nonce of a clock repair is recorded in the same
    /// file as the high-water mark, which the repair lowers.
    fn apply_answers(&mut self) -> Result<(), InstallationError> {
        let verified = self.candidate.verified;
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
        Ok(self.activation_state.save(self.lock, self.manager.seal())?)
    }

    fn blocks(
        &self,
        placement: &Placement,
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
            let is_new = !placement.is_old && !previous.contains(&token.to_armor());
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
    fn store_lists(&mut self) -> Result<(), InstallationError> {
        let lists = self.candidate.verified.revocations();
        if lists.is_empty() {
            return Ok(());
        }
        let installed = self.ids();
        revocations::write(self.lock, self.paths.user(), self.candidate.trust, lists)?;
        let _ = self.state.record_lists(lists, &installed);
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
