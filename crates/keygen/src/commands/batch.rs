//! `keygen batch`: issues a license for each row of a table.

mod check;
mod columns;
mod dialect;
mod encoding;
#[cfg(fuzzing)]
mod fuzzing;
mod manifest;
mod order_id;
mod orders;
mod quotes;
mod row_error;

use std::path::Path;

use license_cli_support::{Exit, Failure, Progress, Terminal, plural, show_path};
use license_core::claims::LicenseClaims;
use license_core::{FeatureMatrix, with_causes};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::ledger::{Ledger, LedgerReader};
use license_issuer::services::batch::{
    AlreadyIssuedCounts, BatchError, BatchObserver, BatchReport, BatchRequest,
};
use license_issuer::services::issue::{IssueError, IssueService, Mode};
use serde_json::json;

use super::context::AppContext;
use super::precautions::Precautions;
use super::signer::KeyFile;
use crate::args::Batch;
use crate::inputs::{matrix, now};
use crate::{failures, output};
use check::CheckedOrders;
use manifest::Manifest;
use orders::{OrderRow, Orders};

#[cfg(fuzzing)]
pub use fuzzing::{ReadOrder, read_orders};

pub(crate) fn run(arguments: &Batch, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    let matrix = matrix(arguments.product_file.as_ref())?;
    check_file(&arguments.orders)?;
    // All rows are checked before a passphrase prompt and before the first license is signed.
    let (orders, checked) = {
        let ledger = output::ledger_file(app.location)?;
        let view = ledger.as_ref().map(Ledger::check).transpose();
        let view = view
            .map_err(|error| failures::not_issued(IssueError::OpenLedger(error), app.location))?
            .flatten();
        take_precautions(arguments, view.as_deref(), terminal)?;
        let orders = Orders::open(&arguments.orders, arguments.name.as_deref(), &matrix)?;
        let checked = check::check(&orders, view.as_deref())?;
        (orders, checked)
    };
    checked.print_warnings(&orders, terminal);
    let mode = Mode::new(arguments.dry_run);
    let batch = BatchRun {
        arguments,
        app,
        orders: &orders,
        matrix: &matrix,
        rows: checked.rows,
    };
    let report = batch.issue(mode)?;
    warn(&report.already_issued, terminal);
    print(&batch, &checked, &report, mode)
}

/// Compares the product and the clock with the ledger.
fn take_precautions(
    arguments: &Batch,
    ledger: Option<&dyn LedgerReader>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let precautions = Precautions::new(arguments.product_file.is_some(), arguments.force);
    precautions.check(ledger, now())?;
    precautions.warn(terminal);
    Ok(())
}

/// A batch with its orders.
struct BatchRun<'a> {
    arguments: &'a Batch,
    app: AppContext<'a>,
    orders: &'a Orders<'a>,
    matrix: &'a FeatureMatrix,
    rows: u64,
}

impl BatchRun<'_> {
    /// Issues the licenses. Without `--force`, an existing manifest is an error if a license would
    /// be issued, because the manifest does not list that license.
    fn issue(&self, mode: Mode) -> Result<BatchReport, Failure> {
        let has_manifest = manifest::exists(&self.arguments.out);
        let must_list_all = has_manifest && !self.arguments.force;
        if must_list_all || mode.is_dry_run() {
            let report = self.run(Mode::DryRun, has_manifest)?;
            if must_list_all && report.already_issued.total < self.rows {
                return Err(manifest::exists_failure(&self.arguments.out));
            }
            if mode.is_dry_run() {
                return Ok(report);
            }
        }
        self.run(mode, has_manifest)
    }

    fn run(&self, mode: Mode, has_manifest: bool) -> Result<BatchReport, Failure> {
        let AppContext { location, terminal } = self.app;
        let mut observer = Observer {
            batch: self,
            has_manifest,
            manifest: None,
            progress: Progress::new("licenses issued", Some(self.rows)),
            done: 0,
        };
        let request = BatchRequest {
            source: self.orders,
            rows: self.rows,
            matrix: self.matrix,
            directory: &self.arguments.out,
            jobs: jobs(self.arguments),
            signer: &KeyFile::new(&self.arguments.key, terminal),
            observer: &mut observer,
        };
        let mut service = IssueService::new(output::ledger_file(location)?);
        let report = service.issue_batch(request, mode);
        report.map_err(|error| batch_failure(error, location))
    }
}

/// Writes the manifest and shows the progress.
struct Observer<'a> {
    batch: &'a BatchRun<'a>,
    /// Whether the directory had a manifest when it was checked.
    has_manifest: bool,
    manifest: Option<Manifest>,
    progress: Progress,
    done: u64,
}

impl BatchObserver for Observer<'_> {
    type Row = OrderRow;
    type Error = Failure;

    fn started(&mut self) -> Result<(), Failure> {
        let Batch { out, force, .. } = self.batch.arguments;
        let carried = self.batch.orders.carried();
        let manifest = Manifest::new(out, output::collision(*force), &carried)?;
        // Another batch may have finished since the check.
        if !force && !self.has_manifest && manifest::exists(out) {
            return Err(manifest::exists_failure(out));
        }
        self.manifest = Some(manifest);
        Ok(())
    }

    fn delivered(
        &mut self,
        order: &OrderRow,
        license: Option<&LicenseClaims>,
    ) -> Result<(), Failure> {
        if let Some(manifest) = &mut self.manifest {
            // Without a ledger, licenses that were issued earlier are unknown.
            manifest.add(order, license, self.batch.matrix)?;
        }
        self.done += 1;
        self.progress.set(self.done);
        Ok(())
    }

    fn finished(&mut self) -> Result<(), Failure> {
        self.manifest.take().map_or(Ok(()), Manifest::finish)
    }
}

fn batch_failure(error: BatchError<Failure>, location: &LedgerLocation) -> Failure {
    match error {
        BatchError::ForeignFile(path) => {
            let path = show_path(&path);
            let message = format!("{path} already exists and was not issued from this orders file");
            Failure::new(Exit::Usage, "EXISTS", message)
                .hint("choose another directory with --out, or another name in the column `file`")
        }
        BatchError::DamagedFile(path) => {
            let path = show_path(&path);
            let message = format!("{path} is not the license that was issued for its row");
            Failure::new(Exit::Usage, "EXISTS", message)
                .hint("remove the file; the next run restores the license from the ledger")
        }
        BatchError::Issue(error) => failures::not_issued(error, location),
        BatchError::Io {
            action,
            path,
            source,
        } => Failure::io(action, &path, &source),
        other => Failure::new(Exit::System, "IO", with_causes(&other)),
    }
}

/// Warns about expired and revoked licenses among those that were issued earlier.
fn warn(already_issued: &AlreadyIssuedCounts, terminal: &Terminal) {
    for (code, count, word) in [
        ("EXPIRED", already_issued.expired, "have ended"),
        ("REVOKED", already_issued.revoked, "are revoked"),
    ] {
        if count > 0 {
            let message = format!(
                "{count} of the licenses that were issued earlier for these orders {word}; use --name NAME to issue the same orders again"
            );
            terminal.warning(code, &message);
        }
    }
}

fn print(
    batch: &BatchRun<'_>,
    checked: &CheckedOrders,
    report: &BatchReport,
    mode: Mode,
) -> Result<(), Failure> {
    let (rows, product) = (batch.rows, batch.matrix.product());
    let terminal = batch.app.terminal;
    let manifest = show_path(&batch.arguments.out.join(manifest::NAME));
    let known = report.already_issued;
    if terminal.is_json() {
        return terminal.json(&json!({
            "product": product.as_str(),
            "carried": batch.orders.carried(),
            "rows": rows,
            "minted": report.issued,
            "known": known.total,
            "restored": known.restored,
            "check_in_required": checked.check_in_count(),
            "warnings": checked.warnings_json(),
            "manifest": (!mode.is_dry_run()).then_some(manifest),
            "dry_run": mode.is_dry_run(),
        }));
    }
    let mut lines = checked.check_in_lines();
    if mode.is_dry_run() {
        lines.push(format!(
            "dry run    nothing was issued or written; {} of {product} would be issued, {} already exist",
            plural(rows.saturating_sub(known.total), "license", "licenses"),
            known.total
        ));
        return terminal.data(&lines.join("\n"));
    }
    let issued = plural(report.issued, "license", "licenses");
    let mut line = format!("issued   {issued} of {product}");
    if known.total > 0 {
        line += &format!(
            "; {} already existed for these orders, {} of them were restored",
            known.total, known.restored
        );
    }
    lines.extend([line, format!("manifest {manifest}")]);
    terminal.data(&lines.join("\n"))?;
    if known.total > 0 {
        terminal.note("--name NAME issues the same orders again");
    }
    Ok(())
}

/// Refuses standard input and pipes, because orders are read several times.
fn check_file(orders: &Path) -> Result<(), Failure> {
    let is_file = orders.metadata().map_or(true, |found| found.is_file());
    if is_file && orders.as_os_str() != "-" {
        return Ok(());
    }
    let found = match orders.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => show_path(orders),
    };
    Err(Failure::usage(format!(
        "expected a regular file with orders, found {found}"
    ))
    .hint("save the orders to a file, because they are read several times"))
}

fn jobs(arguments: &Batch) -> usize {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let requested = arguments
        .jobs
        .and_then(|jobs| usize::try_from(jobs.get()).ok());
    requested.map_or(all, |jobs| jobs.min(256))
}
