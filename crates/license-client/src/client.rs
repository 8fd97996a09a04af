//! What an application links.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use license_core::session::ProjectError;
use license_core::usage_report::Counts;
use license_core::{Code, Context, Decision, Matrix, Outcome, QuotaUse, TrustSet};
use thiserror::Error;

use crate::clock::now;
use crate::home::Home;
use crate::host::{Account, Host, Moment, Snapshot, names_machines};
use crate::installation::{Installation, InstallationError};
use crate::paths::StateFile;
use crate::problem::{ListProblem, StateProblem};
use crate::session::Session;
use crate::store::StoreError;

/// How often the installed files are looked at. A look costs some microseconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what is installed is read even if no file has changed, so that the machine takes note of the time.
const READ_EVERY: Duration = Duration::from_secs(600);

/// Answers "may this be used, here and now?" from the installed license.
///
/// A missing or damaged license never keeps a program from starting: what is left is the base tier, and
/// [`Client::problem`] says what is wrong. What is installed, renewed or removed while the program runs counts within a second.
///
/// It can be shared between threads, and starts none of its own.
#[derive(Debug)]
pub struct Client {
    host: Host,
    trust: TrustSet,
    matrix: Matrix,
    current: RwLock<Current>,
}

/// What was read last.
#[derive(Debug)]
struct Current {
    snapshot: Arc<Snapshot>,
    stamps: Vec<Option<Stamp>>,
    read: Instant,
    looked: Instant,
    /// A file could not be read, which may pass.
    is_unsure: bool,
}

/// Tells one version of a file from the next by its time, its length, its place on the disk and when that changed: some systems give all their
/// files the same time, and a place that has become free to the next file.
type Stamp = (Option<SystemTime>, u64, Place);

/// The number of the file, and since when it is what it is: seconds and nanoseconds, which nobody can set.
#[cfg(unix)]
type Place = (u64, i64, i64);
#[cfg(not(unix))]
type Place = ();

impl Client {
    /// Opens what is installed for this user, for the default product.
    pub fn open(trust: &TrustSet) -> Self {
        let matrix = Matrix::built_in();
        Self::of_host(Host::of_this_user(matrix.product()), trust, matrix)
    }

    /// Opens what is installed in a certain place, for a certain product.
    pub fn open_at(home: impl Into<Home>, trust: &TrustSet, matrix: &Matrix) -> Self {
        Self::of_host(Host::at(matrix.product(), home), trust, matrix)
    }

    /// Opens what is installed on this host.
    ///
    /// Only these keys count, also in what is asked of [`Client::host`] from then on.
    pub fn of_host(host: Host, trust: &TrustSet, matrix: &Matrix) -> Self {
        let host = host.trusting(trust);
        let current = Current::read(&host, trust, matrix);
        Self {
            host,
            trust: trust.clone(),
            matrix: matrix.clone(),
            current: RwLock::new(current),
        }
    }

    /// Decides at what the clock shows, for nobody in particular.
    pub fn decide(&self) -> Decision {
        self.decide_in(&self.context())
    }

    /// Decides in a context of the caller's: [`Client::context`] with the user, the version, the usage type; or another altogether.
    ///
    /// That a license does not hold is counted for usage reports: in memory, and written with the next use of a quota, or when the client
    /// is dropped.
    pub fn decide_in(&self, context: &Context<'_>) -> Decision {
        let decision = self.judge(context);
        let is_news = decision.outcome() == Outcome::Denied && decision.code() != Code::NoLicense;
        if is_news {
            self.count(&decision, context, Counts::denied(decision.code()));
        }
        decision
    }

    fn judge(&self, context: &Context<'_>) -> Decision {
        match self.snapshot().installed() {
            Some(installation) => installation.bundle().evaluate(&self.matrix, context),
            None => Decision::without_license(&self.matrix, context),
        }
    }

    /// The context at this moment on this machine, to which a program adds what else it knows.
    pub fn context(&self) -> Context<'_> {
        let current = self.snapshot();
        let context = Context::at(now()).high_water(current.mark);
        let names_machines = |found: &Installation| names_machines(found.bundle());
        // To look for every component of a machine takes a millisecond.
        let machine = current
            .installed()
            .filter(|found| names_machines(found))
            .and_then(|_| self.host.machine());
        match machine {
            Some(machine) => context.machine(machine),
            None => context,
        }
    }

    /// Whether a feature may be used here and now. A refusal is counted for usage reports, as [`Client::decide_in`] counts.
    pub fn allows(&self, feature: &str) -> bool {
        let context = self.context();
        let decision = self.judge(&context);
        let is_allowed = decision.allows(feature);
        if !is_allowed {
            let code = decision.feature(feature, &self.matrix).code;
            let refused = Counts::feature_refused_by(&decision, &self.matrix, feature, code);
            self.count(&decision, &context, refused);
        }
        is_allowed
    }

    fn count(&self, decision: &Decision, context: &Context<'_>, counts: Counts) {
        let account = Account::new(decision, context.named_user());
        self.host.count(account, counts);
    }

    /// Takes `count` from a quota that is counted by UTC day, all of it or nothing; zero asks how much is left.
    ///
    /// Once this returns, what was granted is counted whatever happens, and no two processes have taken the same part. Where
    /// nothing can be kept, such as in a read-only home, this process counts for itself.
    ///
    /// # Errors
    /// [`QuotaError`] if the product has no such quota, or others have been writing for ten seconds.
    pub fn use_quota(&self, quota: &str, count: u64) -> Result<QuotaUse, QuotaError> {
        self.use_quota_in(&self.context(), quota, count)
    }

    /// The same in a context of the caller's, which a license that names users, versions or a usage type needs.
    ///
    /// # Errors
    /// As [`Client::use_quota`].
    pub fn use_quota_in(
        &self,
        context: &Context<'_>,
        quota: &str,
        count: u64,
    ) -> Result<QuotaUse, QuotaError> {
        let decision = self.judge(context);
        let limit = decision.quota(quota).ok_or(QuotaError::Unknown)?;
        let account = Account::new(&decision, context.named_user());
        let taken = self.host.take(account, quota, count, limit);
        taken.map(|taken| taken.taken).map_err(QuotaError::Store)
    }

    /// Opens a session on the project that the path belongs to: the same one whatever path leads there. It lasts until it is dropped,
    /// or the process ends in whatever way.
    ///
    /// # Errors
    /// [`ProjectError`] if the path leads to no project that can be read.
    pub fn session(&self, path: &Path) -> Result<Session, ProjectError> {
        self.session_of(None, path)
    }

    /// The same for a user by name instead of the system's user who runs this process.
    ///
    /// # Errors
    /// As [`Client::session`].
    pub fn session_of(&self, user: Option<&str>, path: &Path) -> Result<Session, ProjectError> {
        let context = match user {
            Some(user) => self.context().user(user),
            None => self.context(),
        };
        let decision = self.judge(&context);
        let license = decision.license().map(|license| license.id());
        Session::open(&self.host, license, user, path)
    }

    /// Reads what is installed at once, instead of within a second.
    pub fn reload(&self) {
        let read = Current::read(&self.host, &self.trust, &self.matrix);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
    }

    /// The product's tiers.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// This machine.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What is wrong with what is installed or remembered, if anything is: one line with its causes.
    pub fn problem(&self) -> Option<String> {
        self.problems().into_iter().next()
    }

    /// Everything that is wrong with what is installed or remembered, a line each with its causes.
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
        let told =
            |path: &PathBuf| format!("a damaged license was set aside as {}", path.display());
        problems.extend(current.set_aside.iter().map(told));
        problems.extend(self.host.rejected_id());
        problems.extend(current.problems.iter().map(|error| with_causes(error)));
        problems
    }

    /// What is installed and remembered, read anew if it is time.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let (snapshot, is_due) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            let is_due = current.looked.elapsed() >= LOOK_EVERY;
            (Arc::clone(&current.snapshot), is_due)
        };
        if is_due { self.look() } else { snapshot }
    }

    fn look(&self) -> Arc<Snapshot> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = current.stamps != stamps(&self.host);
        if has_changed || current.is_unsure || current.read.elapsed() >= READ_EVERY {
            let read = Current::read(&self.host, &self.trust, &self.matrix);
            match read.is_unsure && !current.is_unsure {
                // Nothing says that the license is gone: what can't be read for a moment counts as it was.
                true => {
                    current.is_unsure = true;
                    current.looked = read.looked;
                }
                false => *current = read,
            }
        } else {
            current.looked = Instant::now();
        }
        Arc::clone(&current.snapshot)
    }
}

/// What was counted in memory is written at the end. What can't be written then, or while somebody else is writing, is lost, and stops nothing.
impl Drop for Client {
    fn drop(&mut self) {
        self.host.flush_if_free();
    }
}

impl Current {
    fn read(host: &Host, trust: &TrustSet, matrix: &Matrix) -> Self {
        // Before they are read: what changes meanwhile is read again.
        let stamps = stamps(host);
        let now = Instant::now();
        let snapshot = host.snapshot(Some(trust), matrix, Moment::Now);
        let is_unsure = |problem: &StateProblem| match problem {
            StateProblem::Store(_) => true,
            StateProblem::Revocations(problem) => matches!(**problem, ListProblem::Store(_)),
            _ => false,
        };
        Self {
            is_unsure: snapshot
                .installation
                .as_ref()
                .is_err_and(InstallationError::may_pass)
                || snapshot.problems.iter().any(is_unsure),
            snapshot: Arc::new(snapshot),
            stamps,
            read: now,
            looked: now,
        }
    }
}

fn stamps(host: &Host) -> Vec<Option<Stamp>> {
    let stamp = |path: PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok(), metadata.len(), place(&metadata)))
    };
    let Ok(home) = host.home() else {
        return Vec::new();
    };
    let files = [
        StateFile::License,
        StateFile::Key,
        StateFile::Cache,
        StateFile::Revocations,
        StateFile::Activation,
    ];
    let stores = [Some(home.user()), home.system()].into_iter().flatten();
    stores
        .flat_map(|store| files.map(|file| stamp(store.dir().file(file))))
        .collect()
}

#[cfg(unix)]
fn place(metadata: &fs::Metadata) -> Place {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn place(_: &fs::Metadata) -> Place {}

/// An error and what led to it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

/// The reason why a quota cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// Neither the license nor the tier in effect has such a quota.
    #[error("there is no such quota")]
    Unknown,
    /// The counts cannot be written.
    #[error("what is used of the quota can't be counted")]
    Store(#[source] StoreError),
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::paths::StateDir;

    /// A host and the path of its license.
    fn scratch() -> (tempfile::TempDir, Host, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let product = Matrix::built_in().product();
        let host = Host::at(product, StateDir::at(folder.path().to_owned()));
        let path = folder.path().join("license.lic");
        (folder, host, path)
    }

    /// With the time that all files have.
    fn write(path: &Path, content: &str) {
        fs::write(path, content).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn a_file_in_the_same_place_is_another_even_with_the_same_length_and_time() {
        let (_folder, host, path) = scratch();
        write(&path, "one");
        let before = stamps(&host);
        // The system counts time in steps of some milliseconds.
        let is_noticed = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            write(&path, "two");
            stamps(&host) != before
        });
        assert!(is_noticed);
    }

    #[test]
    fn a_file_that_was_replaced_is_another_even_with_the_same_length_and_time() {
        let (folder, host, path) = scratch();
        let next = folder.path().join("next");
        write(&path, "one");
        let before = stamps(&host);
        assert_eq!(stamps(&host), before);
        write(&next, "two");
        fs::rename(&next, &path).unwrap();
        assert_ne!(stamps(&host), before);
    }
}
