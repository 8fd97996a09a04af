//! Issuing of a license for each row of a table, with a manifest and a progress line.

use std::num::NonZeroU32;
use std::path::Path;

use license_cli_support::{Exit, Failure, Progress, Source, show_path};
use license_core::claims::LicenseClaims;
use license_core::{FeatureMatrix, with_causes};
use license_issuer::ledger::Ledger;
use license_issuer::services::batch::{
    BatchError, BatchObserver, BatchReport, BatchRequest, BatchSource,
};
use license_issuer::services::issue::{IssueError, IssueService, Mode};

use super::super::context::AppContext;
use super::super::precautions::Precautions;
use super::super::signer::KeyFile;
use super::manifest::{self, Manifest, ManifestRow};
use crate::inputs::now;
use crate::{failures, output};

/// A batch with its rows.
pub(in crate::commands) struct BatchRun<'a, S> {
    pub(in crate::commands) source: &'a S,
    pub(in crate::commands) rows: u64,
    pub(in crate::commands) matrix: &'a FeatureMatrix,
    /// Directory of the license files and of the manifest.
    pub(in crate::commands) directory: &'a Path,
    /// Whether a manifest that lists other licenses is replaced.
    pub(in crate::commands) force: bool,
    /// Titles of the columns that the manifest repeats.
    pub(in crate::commands) carried: Vec<&'a str>,
    /// Hint for a file that was not issued from the table.
    pub(in crate::commands) foreign_file_hint: &'static str,
    pub(in crate::commands) signer: &'a KeyFile<'a>,
    /// Number of threads that sign.
    pub(in crate::commands) jobs: usize,
    pub(in crate::commands) app: AppContext<'a>,
}

impl<S: BatchSource<Error = Failure>> BatchRun<'_, S>
where
    S::Row: ManifestRow,
{
    /// Issues the licenses. Without `force`, an existing manifest is an error if a license would be
    /// issued, because the manifest does not list that license.
    pub(in crate::commands) fn issue(&self, mode: Mode) -> Result<BatchReport, Failure> {
        let has_manifest = manifest::exists(self.directory);
        let must_list_all = has_manifest && !self.force;
        if must_list_all || mode.is_dry_run() {
            let report = self.run(Mode::DryRun, has_manifest)?;
            if must_list_all && report.already_issued.total < self.rows {
                return Err(manifest::exists_failure(self.directory));
            }
            if mode.is_dry_run() {
                return Ok(report);
            }
        }
        self.run(mode, has_manifest)
    }

    fn run(&self, mode: Mode, has_manifest: bool) -> Result<BatchReport, Failure> {
        let location = self.app.location;
        let mut observer = Observer {
            batch: self,
            has_manifest,
            manifest: None,
            progress: Progress::new("licenses issued", Some(self.rows)),
            done: 0,
        };
        let request = BatchRequest {
            source: self.source,
            rows: self.rows,
            matrix: self.matrix,
            directory: self.directory,
            jobs: self.jobs,
            signer: self.signer,
            observer: &mut observer,
        };
        let mut service = IssueService::new(output::ledger_file(location)?);
        let report = service.issue_batch(request, mode);
        report.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: BatchError<Failure>) -> Failure {
        match error {
            BatchError::ForeignFile(path) => {
                let path = show_path(&path);
                let message = format!("{path} already exists and was not issued from this table");
                Failure::new(Exit::Usage, "EXISTS", message).hint(self.foreign_file_hint)
            }
            BatchError::DamagedFile(path) => {
                let path = show_path(&path);
                let message = format!("{path} is not the license that was issued for its row");
                Failure::new(Exit::Usage, "EXISTS", message)
                    .hint("remove the file; the next run restores the license from the ledger")
            }
            error @ BatchError::Replaced(_) => {
                Failure::new(Exit::Usage, "RENEWED", error.to_string())
                    .hint("run the command again; it omits this license and continues")
            }
            BatchError::Issue(error) => failures::not_issued(error, self.app.location),
            BatchError::Io {
                action,
                path,
                source,
            } => Failure::io(action, &path, &source),
            other => Failure::new(Exit::System, "IO", with_causes(&other)),
        }
    }
}

/// Writes the manifest and shows the progress.
struct Observer<'a, S> {
    batch: &'a BatchRun<'a, S>,
    /// Whether the directory had a manifest when it was checked.
    has_manifest: bool,
    manifest: Option<Manifest>,
    progress: Progress,
    done: u64,
}

impl<S: BatchSource<Error = Failure>> BatchObserver for Observer<'_, S>
where
    S::Row: ManifestRow,
{
    type Row = S::Row;
    type Error = Failure;

    fn started(&mut self) -> Result<(), Failure> {
        let BatchRun {
            directory, force, ..
        } = *self.batch;
        let collision = output::collision(force);
        let manifest = Manifest::new(directory, collision, &self.batch.carried)?;
        // Another batch may have finished since the check.
        if !force && !self.has_manifest && manifest::exists(directory) {
            return Err(manifest::exists_failure(directory));
        }
        self.manifest = Some(manifest);
        Ok(())
    }

    fn delivered(&mut self, row: &S::Row, license: Option<&LicenseClaims>) -> Result<(), Failure> {
        if let Some(manifest) = &mut self.manifest {
            // Without a ledger, licenses that were issued earlier are unknown.
            manifest.add(row, license, self.batch.matrix)?;
        }
        self.done += 1;
        self.progress.set(self.done);
        Ok(())
    }

    fn finished(&mut self) -> Result<(), Failure> {
        self.manifest.take().map_or(Ok(()), Manifest::finish)
    }
}

/// Compares the product and the clock with the ledger. `product_file` is the option.
pub(in crate::commands) fn take_precautions(
    product_file: Option<&Source>,
    force: bool,
    app: AppContext<'_>,
) -> Result<(), Failure> {
    let ledger = output::ledger_file(app.location)?;
    let view = ledger.as_ref().map(Ledger::check).transpose();
    let view =
        view.map_err(|error| failures::not_issued(IssueError::OpenLedger(error), app.location))?;
    let precautions = Precautions::new(app.settings.names_product(product_file), force);
    precautions.check(view.flatten().as_deref(), now())?;
    precautions.warn(app.terminal);
    Ok(())
}

/// Returns the number of threads that sign.
pub(in crate::commands) fn jobs(requested: Option<NonZeroU32>) -> usize {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let requested = requested.and_then(|jobs| usize::try_from(jobs.get()).ok());
    requested.map_or(all, |jobs| jobs.min(256))
}
