//! The last read of the installed license, and the check whether it must be read again.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use license_core::FeatureMatrix;

use crate::events::{self, ReadReason};
use crate::installation::{Installation, InstallationError};
use crate::manager::{LicenseManager, Moment, Snapshot};
use crate::problem::{ListProblem, StateProblem};
use crate::state_dir::StateFile;

/// How often the installed files are checked for changes. A check takes a few microseconds.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the installed files are read even if they have not changed, so that the time is
/// recorded.
const READ_INTERVAL: Duration = Duration::from_secs(600);

/// The result of the last read.
#[derive(Debug)]
pub(super) struct Current {
    snapshot: Arc<Snapshot>,
    file_versions: Vec<Option<FileVersion>>,
    read_at: Instant,
    checked_at: Instant,
    /// Whether a file could not be read. Such a failure may be temporary.
    is_uncertain: bool,
}

/// Identifies one version of a file: modification time, length, and version of the inode.
///
/// The modification time is not enough, because some systems give all files the same time. The
/// inode number is not enough, because a system can reuse it. The change time of the inode
/// distinguishes such files.
type FileVersion = (Option<SystemTime>, u64, InodeVersion);

/// The inode number, and the time of the last change to the inode in seconds and nanoseconds. No
/// program can set this time.
#[cfg(unix)]
type InodeVersion = (u64, i64, i64);
#[cfg(not(unix))]
type InodeVersion = ();

impl Current {
    /// Reads the installed license.
    pub(super) fn read(
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        reason: ReadReason,
    ) -> Self {
        // The versions are recorded before the files are read, so that a later change is detected.
        let file_versions = file_versions(manager);
        let now = manager.clock().instant();
        let snapshot = manager.snapshot(None, matrix, Moment::Now);
        report(&snapshot, reason);
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

    /// Returns the snapshot, unless it is time to check for changes.
    pub(super) fn snapshot_if_fresh(&self, now: Instant) -> Option<Arc<Snapshot>> {
        let is_fresh = now.saturating_duration_since(self.checked_at) < CHECK_INTERVAL;
        is_fresh.then(|| self.snapshot())
    }

    /// Returns the snapshot.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// Reads the installed license again, if a file has changed, if a file could not be read, or if
    /// the last read is old.
    pub(super) fn refresh(&mut self, manager: &LicenseManager, matrix: &FeatureMatrix) {
        let now = manager.clock().instant();
        let is_old = now.saturating_duration_since(self.read_at) >= READ_INTERVAL;
        let has_changed = self.file_versions != file_versions(manager);
        if !(has_changed || self.is_uncertain || is_old) {
            self.checked_at = now;
            return;
        }
        let reason = if has_changed {
            ReadReason::Change
        } else {
            ReadReason::Interval
        };
        let read = Self::read(manager, matrix, reason);
        if read.is_uncertain && !self.is_uncertain {
            // A license that cannot be read for a moment is still installed, so the previous
            // snapshot stays in effect.
            self.is_uncertain = true;
            self.checked_at = read.checked_at;
        } else {
            *self = read;
        }
    }
}

/// Emits the events of a read.
fn report(snapshot: &Snapshot, reason: ReadReason) {
    events::read(reason, snapshot.installed().is_some());
    if let Err(error) = &snapshot.installation {
        events::unusable(error.file(), error.code());
    }
    let others = snapshot.installed().map(Installation::problems);
    for error in others.unwrap_or_default() {
        events::unusable(error.file(), error.code());
    }
    for problem in &snapshot.problems {
        // Every file is usable if only the clock is behind. The decision has a warning about it.
        if !matches!(problem, StateProblem::TimeFromFiles { .. }) {
            events::unusable(problem.file(), problem.code());
        }
    }
}

fn file_versions(manager: &LicenseManager) -> Vec<Option<FileVersion>> {
    let version = |path: PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((
            metadata.modified().ok(),
            metadata.len(),
            inode_version(&metadata),
        ))
    };
    let files = [
        StateFile::License,
        StateFile::Key,
        StateFile::Cache,
        StateFile::Revocations,
        StateFile::Activation,
    ];
    let stores = manager.readable_paths().stores();
    stores
        .flat_map(|store| files.map(|file| version(store.dir().file(file))))
        .collect()
}

#[cfg(unix)]
fn inode_version(metadata: &fs::Metadata) -> InodeVersion {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn inode_version(_: &fs::Metadata) -> InodeVersion {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::Path;

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
