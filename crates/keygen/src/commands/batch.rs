//! `keygen batch`: issues a license for each row of a table.

pub(super) mod batch_run;
mod columns;
pub(super) mod dialect;
pub(super) mod encoding;
#[cfg(fuzzing)]
mod fuzzing;
pub(super) mod manifest;
pub(super) mod order_id;
mod orders;
mod row_error;

use license_cli_support::{Exit, Failure, Progress, Terminal, escape, plural, show_path};
use license_issuer::names::{NameSet, NameSetError};
use license_issuer::services::batch::{AlreadyIssuedCounts, BatchReport};
use license_issuer::services::issue::Mode;
use serde_json::json;

use super::context::AppContext;
use super::signer::KeyFile;
use crate::args::Batch;
use crate::inputs::matrix;
use batch_run::{BatchRun, jobs, take_precautions};
use dialect::check_file;
use orders::Orders;
use row_error::RowErrors;

#[cfg(fuzzing)]
pub use fuzzing::{ReadOrder, read_orders};

/// Number of different row errors after which the remaining rows are not read.
const MAX_ROW_ERRORS: usize = 20;

pub(crate) fn run(arguments: &Batch, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    let signer = &KeyFile::new(app, &arguments.key)?;
    let matrix = matrix(app.settings, arguments.product_file.as_ref())?;
    check_file(&arguments.orders, "orders")?;
    take_precautions(arguments.product_file.as_ref(), arguments.force, app)?;
    // All rows are checked before a passphrase prompt and before the first license is signed.
    let orders = Orders::open(&arguments.orders, arguments.name.as_deref(), &matrix)?;
    let rows = check(&orders, terminal)?;
    let mode = Mode::new(arguments.dry_run);
    let batch = BatchRun {
        source: &orders,
        rows,
        matrix: &matrix,
        directory: &arguments.out,
        force: arguments.force,
        carried: orders.carried(),
        foreign_file_hint: "choose another directory with --out, or another name in the column `file`",
        signer,
        jobs: jobs(arguments.jobs),
        app,
    };
    let report = batch.issue(mode)?;
    warn(&report.already_issued, terminal);
    print(&batch, &report, mode)
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
    batch: &BatchRun<'_, Orders<'_>>,
    report: &BatchReport,
    mode: Mode,
) -> Result<(), Failure> {
    let (rows, product) = (batch.rows, batch.matrix.product());
    let terminal = batch.app.terminal;
    let manifest = show_path(&batch.directory.join(manifest::NAME));
    let known = report.already_issued;
    if terminal.is_json() {
        return terminal.json(&json!({
            "product": product.as_str(),
            "carried": batch.carried,
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
