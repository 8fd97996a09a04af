//! `keygen batch`: issues a license for each row of a table.

mod columns;
mod dialect;
mod encoding;
#[cfg(fuzzing)]
mod fuzzing;
mod manifest;
mod order_id;
mod orders;
mod row_error;

use std::path::Path;

use license_cli_support::{Exit, Failure, Progress, Terminal, escape, plural, show_path};
use license_core::claims::LicenseClaims;
use license_core::{FeatureMatrix, with_causes};
use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::names::{NameSet, NameSetError};
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
use manifest::Manifest;
use orders::{OrderRow, Orders};
use row_error::RowErrors;

#[cfg(fuzzing)]
pub use fuzzing::{ReadOrder, read_orders};

/// Number of different row errors after which the remaining rows are not read.
const MAX_ROW_ERRORS: usize = 20;

pub(crate) fn run(arguments: &Batch, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    let signer = &KeyFile::new(app, &arguments.key)?;
    let matrix = matrix(app.settings, arguments.product_file.as_ref())?;
    check_file(&arguments.orders)?;
    take_precautions(arguments, app)?;
    // All rows are checked before a passphrase prompt and before the first license is signed.
    let orders = Orders::open(&arguments.orders, arguments.name.as_deref(), &matrix)?;
    let rows = check(&orders, terminal)?;
    let mode = Mode::new(arguments.dry_run);
    let batch = BatchRun {
        arguments,
        app,
        signer,
        orders: &orders,
        matrix: &matrix,
        rows,
    };
    let report = batch.issue(mode)?;
    warn(&report.already_issued, terminal);
    print(&batch, &report, mode)
}

/// Compares the product and the clock with the ledger.
fn take_precautions(arguments: &Batch, app: AppContext<'_>) -> Result<(), Failure> {
    let ledger = output::ledger_file(app.location)?;
    let view = ledger.as_ref().map(Ledger::check).transpose();
    let view =
        view.map_err(|error| failures::not_issued(IssueError::OpenLedger(error), app.location))?;
    let precautions = Precautions::new(
        app.settings.names_product(arguments.product_file.as_ref()),
        arguments.force,
    );
    precautions.check(view.flatten().as_deref(), now())?;
    precautions.warn(app.terminal);
    Ok(())
}

/// A batch with its orders.
struct BatchRun<'a> {
    arguments: &'a Batch,
    app: AppContext<'a>,
    signer: &'a KeyFile<'a>,
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
        let location = self.app.location;
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
            signer: self.signer,
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

fn print(batch: &BatchRun<'_>, report: &BatchReport, mode: Mode) -> Result<(), Failure> {
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
            "manifest": (!mode.is_dry_run()).then_some(manifest),
            "dry_run": mode.is_dry_run(),
        }));
    }
    if mode.is_dry_run() {
        return terminal.data(&format!(
            "dry run    nothing was issued or written; {} of {product} would be issued, {} already exist",
            plural(rows.saturating_sub(known.total), "license", "licenses"),
            known.total
        ));
    }
    let issued = plural(report.issued, "license", "licenses");
    let mut line = format!("issued   {issued} of {product}");
    if known.total > 0 {
        line += &format!(
            "; {} already existed for these orders, {} of them were restored",
            known.total, known.restored
        );
    }
    terminal.data(&format!("{line}\nmanifest {manifest}"))?;
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

/// Returns the number of rows if all of them are valid.
fn check(orders: &Orders<'_>, terminal: &Terminal) -> Result<u64, Failure> {
    let (mut count, mut copies) = (0, 0_u64);
    let mut errors = RowErrors::default();
    let mut progress = Progress::new("rows checked", None);
    let names = orders.has_file_column().then(NameSet::new).transpose();
    let names = names.map_err(|error| no_names(&error))?;
    orders.each(|order| {
        progress.set(count);
        count += 1;
        match order {
            Ok(order) => {
                copies += u64::from(order.copy > 0);
                if let Err(error) = orders.check(&order) {
                    errors.add(error);
                }
                if let Some(names) = &names
                    && !names
                        .insert(&order.file)
                        .map_err(|error| no_names(&error))?
                {
                    errors.add(order.error("file", "expected a name that is unique in the column"));
                }
            }
            Err(error) => errors.add(error),
        }
        Ok(errors.len() < MAX_ROW_ERRORS)
    })?;
    drop(progress);
    if count == 0 {
        return Err(Failure::malformed(format!(
            "{}: expected orders, found only a header",
            orders.name
        ))
        .hint("add a row for each license"));
    }
    if errors.len() == 0 {
        note_columns(orders, copies, terminal);
        return Ok(count);
    }
    Err(invalid_rows(orders, &errors))
}

fn invalid_rows(orders: &Orders<'_>, errors: &RowErrors) -> Failure {
    let mut lines: Vec<_> = errors.texts().collect();
    if lines.len() >= MAX_ROW_ERRORS {
        lines.push("the remaining rows were not read".to_owned());
    }
    let message = format!("{}: {}", orders.name, lines.join("; "));
    let failure = Failure::new(Exit::Usage, "ORDERS", message);
    if errors.has("tier") && orders.is_built_in() {
        failure.hint("correct these rows, or add the product file of another product with --product-file; no license was issued")
    } else {
        failure.hint("correct these rows; no license was issued")
    }
}

/// Prints a note about columns that are not options, and a warning if only these columns
/// distinguish rows.
fn note_columns(orders: &Orders<'_>, copies: u64, terminal: &Terminal) {
    let carried = orders.carried();
    if carried.is_empty() {
        return;
    }
    let names: Vec<_> = carried.iter().map(|title| escape(title)).collect();
    let names = names.join(", ");
    let word = if carried.len() == 1 {
        "column"
    } else {
        "columns"
    };
    terminal.note(&format!(
        "the {word} {names} of the orders set nothing in a license; {} repeats the cells",
        manifest::NAME
    ));
    if copies > 0 {
        let message = format!(
            "{} the order of an earlier row, apart from {names}: if such rows are moved, they exchange their licenses; a column `file` with a name for each license prevents this",
            plural(copies, "row repeats", "rows repeat")
        );
        terminal.warning("EQUAL_ROWS", &message);
    }
}

fn no_names(error: &NameSetError) -> Failure {
    // Only the first cause is shown. Further causes of a database error repeat the first cause and
    // add an error number.
    let reason = std::error::Error::source(error).map(|reason| format!(": {reason}"));
    let message = format!("{error}{}", reason.unwrap_or_default());
    Failure::new(Exit::System, "IO", message).hint("free space in the directory TMPDIR")
}

fn jobs(arguments: &Batch) -> usize {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let requested = arguments
        .jobs
        .and_then(|jobs| usize::try_from(jobs.get()).ok());
    requested.map_or(all, |jobs| jobs.min(256))
}
