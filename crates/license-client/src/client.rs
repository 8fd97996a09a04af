//! The client that an application links.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use license_core::session::ProjectError;
use license_core::usage_report::UsageCounts;
use license_core::{
    Code, Context, Decision, FeatureMatrix, Outcome, QuotaUse, TrustSet, with_causes,
};
use thiserror::Error;

use crate::clock::now;
use crate::installation::{Installation, InstallationError};
use crate::manager::{LicenseManager, Moment, Snapshot, UsageAccount, depends_on_machine};
use crate::paths::Paths;
use crate::problem::{ListProblem, StateProblem};
use crate::session::Session;
use crate::state_dir::StateFile;
use crate::store::StoreError;

/// How often the installed files are checked for changes. A check takes a few microseconds.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the installed files are read even if they have not changed, so that the time is
/// recorded.
const READ_INTERVAL: Duration = Duration::from_secs(600);

/// Evaluates the installed license on this machine.
///
/// A missing or damaged license never keeps a program from starting. The base tier is then in
/// effect, and [`Client::problem`] returns the reason. A license that is installed, renewed or
/// removed while the program runs takes effect within a second.
///
/// A client can be shared between threads, and it starts no threads.
#[derive(Debug)]
pub struct Client {
    manager: LicenseManager,
    trust: TrustSet,
    matrix: FeatureMatrix,
    current: RwLock<Current>,
}

/// The result of the last read.
#[derive(Debug)]
struct Current {
    snapshot: Arc<Snapshot>,
    file_versions: Vec<Option<FileVersion>>,
    read_at: Instant,
    checked_at: Instant,
    /// Whether a file could not be read. Such a failure may be temporary.
    is_uncertain: bool,
}

/// Identifies one version of a file: modification time, length, and position on disk.
///
/// The position is needed because some systems give all files the same time, and reuse the position
/// of a removed file.
type FileVersion = (Option<SystemTime>, u64, FilePosition);

/// The inode number, and the time of the last change to the inode in seconds and nanoseconds. No
/// program can set this time.
#[cfg(unix)]
type FilePosition = (u64, i64, i64);
#[cfg(not(unix))]
type FilePosition = ();

impl Client {
    /// Opens the installed license of the current user, for the default product.
    pub fn open(trust: &TrustSet) -> Self {
        let matrix = FeatureMatrix::built_in();
        Self::from_manager(
            LicenseManager::for_current_user(matrix.product()),
            trust,
            matrix,
        )
    }

    /// Opens the license that is installed in these paths, for the product of `matrix`.
    pub fn open_at(paths: impl Into<Paths>, trust: &TrustSet, matrix: &FeatureMatrix) -> Self {
        Self::from_manager(LicenseManager::at(matrix.product(), paths), trust, matrix)
    }

    /// Opens the installed license of a manager.
    ///
    /// The client and its manager verify only with the keys in `trust`.
    pub fn from_manager(manager: LicenseManager, trust: &TrustSet, matrix: &FeatureMatrix) -> Self {
        let manager = manager.with_trust(trust);
        let current = Current::read(&manager, trust, matrix);
        Self {
            manager,
            trust: trust.clone(),
            matrix: matrix.clone(),
            current: RwLock::new(current),
        }
    }

    /// Evaluates the license at the current time, without a named user.
    pub fn decide(&self) -> Decision {
        self.decide_in(&self.context())
    }

    /// Evaluates the license in the context that the caller provides.
    ///
    /// The context is usually [`Client::context`] with a user, a version or a usage type. A denied
    /// decision is counted for usage reports: in memory at first, and on disk with the next use of
    /// a quota or when the client is dropped.
    pub fn decide_in(&self, context: &Context<'_>) -> Decision {
        let decision = self.evaluate(context);
        let is_reported =
            decision.outcome() == Outcome::Denied && decision.code() != Code::NoLicense;
        if is_reported {
            self.count(&decision, context, UsageCounts::denied(decision.code()));
        }
        decision
    }

    fn evaluate(&self, context: &Context<'_>) -> Decision {
        match self.snapshot().installed() {
            Some(installation) => installation.verified().evaluate(&self.matrix, context),
            None => Decision::without_license(&self.matrix, context),
        }
    }

    /// Returns the context of this machine at the current time. A program can add a user, a version
    /// or a usage type.
    pub fn context(&self) -> Context<'_> {
        let current = self.snapshot();
        let context = Context::at(now()).high_water(current.high_water);
        let depends_on_machine = |found: &Installation| depends_on_machine(found.verified());
        // Collecting all components of a machine takes a millisecond, so it is done only for a
        // license that depends on the machine.
        let machine = current
            .installed()
            .filter(|found| depends_on_machine(found))
            .and_then(|_| self.manager.machine());
        match machine {
            Some(machine) => context.machine(machine),
            None => context,
        }
    }

    /// Returns whether a feature may be used now. A refusal is counted for usage reports.
    pub fn allows(&self, feature: &str) -> bool {
        let context = self.context();
        let decision = self.evaluate(&context);
        let is_allowed = decision.allows(feature);
        if !is_allowed {
            let code = decision.feature(feature, &self.matrix).code;
            let refused = UsageCounts::feature_refused_by(&decision, &self.matrix, feature, code);
            self.count(&decision, &context, refused);
        }
        is_allowed
    }

    fn count(&self, decision: &Decision, context: &Context<'_>, counts: UsageCounts) {
        let account = UsageAccount::new(decision, context.named_user());
        self.manager.count(account, counts);
    }

    /// Takes `count` from a quota that is counted per UTC day: either the whole amount or nothing.
    /// A request for zero returns the remaining amount.
    ///
    /// When the method returns, a granted use is recorded durably. Concurrent processes never take
    /// the same part of the quota. If the state cannot be saved, for example in a read-only home
    /// directory, this process counts in memory.
    ///
    /// # Errors
    ///
    /// Returns [`QuotaError`] if there is no such quota, or if other processes held the lock for
    /// ten seconds.
    pub fn use_quota(&self, quota: &str, count: u64) -> Result<QuotaUse, QuotaError> {
        self.use_quota_in(&self.context(), quota, count)
    }

    /// Takes from a quota in the context that the caller provides. A license that is restricted to
    /// users, versions or a usage type needs a context with these values.
    ///
    /// # Errors
    ///
    /// Same as [`Client::use_quota`].
    pub fn use_quota_in(
        &self,
        context: &Context<'_>,
        quota: &str,
        count: u64,
    ) -> Result<QuotaUse, QuotaError> {
        let decision = self.evaluate(context);
        let limit = decision.quota(quota).ok_or(QuotaError::Unknown)?;
        let account = UsageAccount::new(&decision, context.named_user());
        let report = self.manager.use_quota(account, quota, count, limit);
        report
            .map(|report| report.quota_use)
            .map_err(QuotaError::Store)
    }

    /// Opens a session on the project that contains `path`.
    ///
    /// Every path to the project gives the same session id. The session lasts until it is dropped
    /// or the process ends.
    ///
    /// # Errors
    ///
    /// Returns [`ProjectError`] if no readable project is found.
    pub fn session(&self, path: &Path) -> Result<Session, ProjectError> {
        self.session_for_user(None, path)
    }

    /// Opens a session for a named user instead of the system user of this process.
    ///
    /// # Errors
    ///
    /// Same as [`Client::session`].
    pub fn session_for_user(
        &self,
        user: Option<&str>,
        path: &Path,
    ) -> Result<Session, ProjectError> {
        let context = match user {
            Some(user) => self.context().user(user),
            None => self.context(),
        };
        let decision = self.evaluate(&context);
        let license = decision.license().map(|license| license.id());
        Session::open(&self.manager, license, user, path)
    }

    /// Reads the installed license immediately instead of within a second.
    pub fn reload(&self) {
        let read = Current::read(&self.manager, &self.trust, &self.matrix);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
    }

    /// Returns the feature matrix.
    pub fn matrix(&self) -> &FeatureMatrix {
        &self.matrix
    }

    /// Returns the license manager of this machine.
    pub fn manager(&self) -> &LicenseManager {
        &self.manager
    }

    /// Returns the first problem with the license or the state, in one line with its causes.
    pub fn problem(&self) -> Option<String> {
        self.problems().into_iter().next()
    }

    /// Returns all problems with the license and the state, each in one line with its causes.
    pub fn problems(&self) -> Vec<String> {
        let current = self.snapshot();
        let mut problems = Vec::new();
        match &current.installation {
            Err(error) => problems.push(with_causes(error)),
            Ok(found) => {
                let others = found.iter().flat_map(|found| found.problems());
                problems.extend(others.map(|error| with_causes(error)));
            }
        }
        let describe =
            |path: &PathBuf| format!("a damaged license was quarantined as {}", path.display());
        problems.extend(current.quarantined.iter().map(describe));
        problems.extend(self.manager.rejected_id());
        problems.extend(current.problems.iter().map(|error| with_causes(error)));
        problems
    }

    /// Returns the current snapshot, which is read again at regular intervals.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let (snapshot, is_due) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            let is_due = current.checked_at.elapsed() >= CHECK_INTERVAL;
            (Arc::clone(&current.snapshot), is_due)
        };
        if is_due { self.refresh() } else { snapshot }
    }

    fn refresh(&self) -> Arc<Snapshot> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = current.file_versions != file_versions(&self.manager);
        if has_changed || current.is_uncertain || current.read_at.elapsed() >= READ_INTERVAL {
            let read = Current::read(&self.manager, &self.trust, &self.matrix);
            if read.is_uncertain && !current.is_uncertain {
                // A license that cannot be read for a moment is still installed, so the previous
                // snapshot stays in effect.
                current.is_uncertain = true;
                current.checked_at = read.checked_at;
            } else {
                *current = read;
            }
        } else {
            current.checked_at = Instant::now();
        }
        Arc::clone(&current.snapshot)
    }
}

/// Writes to disk the usage counts that are in memory. They are lost if the write fails, or if
/// another process is writing.
impl Drop for Client {
    fn drop(&mut self) {
        self.manager.flush_if_free();
    }
}

impl Current {
    fn read(manager: &LicenseManager, trust: &TrustSet, matrix: &FeatureMatrix) -> Self {
        // The versions are recorded before the files are read, so that a later change is detected.
        let file_versions = file_versions(manager);
        let now = Instant::now();
        let snapshot = manager.snapshot(Some(trust), matrix, Moment::Now);
        let is_uncertain = |problem: &StateProblem| match problem {
            StateProblem::Store(_) => true,
            StateProblem::Revocations(problem) => matches!(**problem, ListProblem::Store(_)),
            _ => false,
        };
        Self {
            is_uncertain: snapshot
                .installation
                .as_ref()
                .is_err_and(InstallationError::is_temporary)
                || snapshot.problems.iter().any(is_uncertain),
            snapshot: Arc::new(snapshot),
            file_versions,
            read_at: now,
            checked_at: now,
        }
    }
}

fn file_versions(manager: &LicenseManager) -> Vec<Option<FileVersion>> {
    let version = |path: PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((
            metadata.modified().ok(),
            metadata.len(),
            position(&metadata),
        ))
    };
    let Ok(paths) = manager.paths() else {
        return Vec::new();
    };
    let files = [
        StateFile::License,
        StateFile::Key,
        StateFile::Cache,
        StateFile::Revocations,
        StateFile::Activation,
    ];
    let stores = [Some(paths.user()), paths.system()].into_iter().flatten();
    stores
        .flat_map(|store| files.map(|file| version(store.dir().file(file))))
        .collect()
}

#[cfg(unix)]
fn position(metadata: &fs::Metadata) -> FilePosition {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn position(_: &fs::Metadata) -> FilePosition {}

/// The reason why a quota cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// Neither the license nor the tier has this quota.
    #[error("neither the license nor the tier has this quota")]
    Unknown,
    /// The counters cannot be written.
    #[error("cannot save the quota counters")]
    Store(#[source] StoreError),
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::state_dir::StateDir;

    /// Returns a manager and the path of its license.
    fn scratch() -> (tempfile::TempDir, LicenseManager, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let product = FeatureMatrix::built_in().product();
        let manager = LicenseManager::at(product, StateDir::at(directory.path().to_owned()));
        let path = directory.path().join("license.lic");
        (directory, manager, path)
    }

    /// Writes a file and sets its modification time to 1970, so that all files have the same time.
    fn write(path: &Path, content: &str) {
        fs::write(path, content).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn a_rewritten_file_is_detected_even_with_the_same_length_and_time() {
        let (_directory, manager, path) = scratch();
        write(&path, "one");
        let before = file_versions(&manager);
        // The system's clock for files advances in steps of a few milliseconds.
        let is_noticed = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            write(&path, "two");
            file_versions(&manager) != before
        });
        assert!(is_noticed);
    }

    #[test]
    fn a_replaced_file_is_detected_even_with_the_same_length_and_time() {
        let (directory, manager, path) = scratch();
        let next = directory.path().join("next");
        write(&path, "one");
        let before = file_versions(&manager);
        assert_eq!(file_versions(&manager), before);
        write(&next, "two");
        fs::rename(&next, &path).unwrap();
        assert_ne!(file_versions(&manager), before);
    }
}
