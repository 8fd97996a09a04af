//! Table of the issued licenses in the directory of the license files.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_cli_support::{Exit, Failure, show_path};
use license_core::claims::LicenseClaims;
use license_core::policy::Quota;
use license_core::state::LockHolder;
use license_core::{FeatureMatrix, with_causes};
use license_issuer::files::{self, Collision, LockError, LockedFile};
use license_issuer::services::batch::BatchRow;

use crate::output::csv;
use crate::output::date::{day, last_day};

/// File name of the manifest.
pub(in crate::commands) const NAME: &str = "manifest.csv";

/// File name of the lock, which allows one batch at a time in a directory.
const LOCK_NAME: &str = ".manifest";

/// Id of the staging file of the manifest.
const STAGING_ID: &str = "manifest";

/// Columns of the manifest, before those that it repeats.
pub(in crate::commands) const COLUMNS: [&str; 9] = [
    "row",
    "file",
    "license_id",
    "key",
    "customer",
    "tier",
    "seats",
    "not_before",
    "expires",
];

/// Row of a batch that the manifest lists.
pub(in crate::commands) trait ManifestRow: BatchRow {
    fn customer(&self) -> &str;

    /// Returns the cells of the columns that the manifest repeats.
    fn carried(&self) -> &[String];
}

/// The manifest. It gets its final name when it is complete.
///
/// Dropping the manifest removes its staging file and its lock.
pub(super) struct Manifest {
    path: PathBuf,
    staging: PathBuf,
    file: BufWriter<File>,
    collision: Collision,
    /// Removed after the staging file, because the fields are dropped last.
    _lock: ManifestLock,
}

/// The locked file. Dropping the value removes the file and releases the lock.
struct ManifestLock {
    path: PathBuf,
    _file: LockedFile,
}

/// Returns whether a manifest, or another file with its name, exists in the directory.
pub(super) fn exists(directory: &Path) -> bool {
    directory.join(NAME).symlink_metadata().is_ok()
}

/// Returns the failure of an existing manifest that lists other licenses.
pub(super) fn exists_failure(directory: &Path) -> Failure {
    let path = show_path(&directory.join(NAME));
    let message =
        format!("{path} already exists and does not list exactly the licenses of this table");
    Failure::new(Exit::Usage, "EXISTS", message)
        .hint("choose another directory with --out, or add --force to replace this file")
}

impl Manifest {
    /// Locks the directory and creates the staging file.
    ///
    /// `carried` are the titles of the columns that the manifest repeats.
    pub(super) fn new(
        directory: &Path,
        collision: Collision,
        carried: &[&str],
    ) -> Result<Self, Failure> {
        let lock = ManifestLock::acquire(directory)?;
        let path = directory.join(NAME);
        let staging = files::staging_path(&path, STAGING_ID);
        let file = files::create_staging(&staging)
            .map_err(|error| Failure::io("write", &staging, &error))?;
        let mut manifest = Self {
            path,
            staging,
            file: BufWriter::new(file),
            collision,
            _lock: lock,
        };
        manifest.write(&[&COLUMNS, carried].concat())?;
        Ok(manifest)
    }

    /// Adds the license of a row. Cells about an unknown license are empty.
    pub(super) fn add(
        &mut self,
        row: &impl ManifestRow,
        license: Option<&LicenseClaims>,
        matrix: &FeatureMatrix,
    ) -> Result<(), Failure> {
        let cell = |text: fn(&LicenseClaims) -> Option<String>| license.and_then(text);
        let cells = [
            Some(row.number().to_string()),
            Some(row.file_name().to_owned()),
            cell(|license| Some(license.id.as_str().to_owned())),
            cell(|license| license.key.map(|key| key.to_string())),
            Some(row.customer().to_owned()),
            cell(|license| Some(license.tier.to_string())),
            license.and_then(|license| seats(license, matrix)),
            cell(|license| license.valid_from().map(day)),
            cell(|license| license.expires_at.map(last_day)),
        ];
        let cells = cells.into_iter().map(Option::unwrap_or_default);
        let cells: Vec<_> = cells.chain(row.carried().iter().cloned()).collect();
        self.write(&cells)
    }

    fn write(&mut self, cells: &[impl AsRef<str>]) -> Result<(), Failure> {
        let row = csv::file_row(cells) + csv::LINE_BREAK;
        let written = self.file.write_all(row.as_bytes());
        written.map_err(|error| Failure::io("write", &self.path, &error))
    }

    /// Gives the manifest its final name. An existing manifest stays if it lists the same licenses.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io("write", &self.path, &error);
        self.file.flush().map_err(failed)?;
        self.file.get_ref().sync_all().map_err(failed)?;
        match files::publish(&self.staging, &self.path, self.collision) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if lists_all_of(&self.path, &self.staging) {
                    Ok(())
                } else {
                    Err(exists_failure(files::directory_of(&self.path)))
                }
            }
            published => published.map_err(failed),
        }
    }
}

impl Drop for Manifest {
    fn drop(&mut self) {
        // A finished manifest has no staging file. If the file stays, the next batch removes it.
        let _ = fs::remove_file(&self.staging);
    }
}

impl ManifestLock {
    fn acquire(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(LOCK_NAME);
        match files::lock(&path, Duration::ZERO) {
            Ok(file) => Ok(Self { path, _file: file }),
            Err(LockError::Busy { holder, .. }) => Err(busy(directory, holder.as_ref())),
            Err(error @ LockError::NoLocks { .. }) => {
                Err(Failure::new(Exit::System, "NO_LOCKS", with_causes(&error))
                    .hint("choose a directory on a local disk with --out"))
            }
            Err(LockError::Io { source, .. }) => Err(Failure::io("lock", &path, &source).hint(
                "remove this file if no batch is running, or choose another directory with --out",
            )),
            Err(error) => Err(Failure::new(Exit::System, "IO", with_causes(&error))),
        }
    }
}

impl Drop for ManifestLock {
    fn drop(&mut self) {
        // If the file stays, the next batch uses it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns the number of users: the seats of the license, or the quota of its tier.
pub(in crate::commands) fn seats(
    license: &LicenseClaims,
    matrix: &FeatureMatrix,
) -> Option<String> {
    let quota = || license.quotas.get(matrix.seats_quota()?);
    let seats = license.seats.map(|seats| seats.to_string());
    seats.or_else(|| quota().map(Quota::to_string))
}

fn busy(directory: &Path, holder: Option<&LockHolder>) -> Failure {
    let mut message = format!("another batch is writing to {}", show_path(directory));
    if let Some(holder) = holder {
        message.push_str(&format!(": {holder}"));
    }
    Failure::new(Exit::System, "BUSY", message)
        .hint("wait until the other batch is done, or choose another directory with --out")
}

/// Returns whether an existing manifest has the rows of the new one. An empty cell of the new one
/// matches any cell, because without a ledger the ids of earlier licenses are unknown.
fn lists_all_of(existing: &Path, new: &Path) -> bool {
    let is_file = existing
        .symlink_metadata()
        .is_ok_and(|found| found.is_file());
    is_file && has_rows_of(existing, new).unwrap_or(false)
}

fn has_rows_of(existing: &Path, new: &Path) -> Result<bool, ::csv::Error> {
    let mut builder = ::csv::ReaderBuilder::new();
    let builder = builder.has_headers(false).flexible(true);
    let mut existing = builder.from_path(existing)?.into_records();
    for row in builder.from_path(new)?.into_records() {
        let row = row?;
        let Some(found) = existing.next().transpose()? else {
            return Ok(false);
        };
        let is_match = |(new, found): (&str, &str)| new.is_empty() || new == found;
        if found.len() != row.len() || !row.iter().zip(&found).all(is_match) {
            return Ok(false);
        }
    }
    Ok(existing.next().is_none())
}
