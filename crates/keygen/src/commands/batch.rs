//! `keygen batch`: issues a license for each row of a table.

pub(super) mod batch_run;
mod check;
mod columns;
pub(super) mod dialect;
pub(super) mod encoding;
#[cfg(fuzzing)]
mod fuzzing;
pub(super) mod manifest;
pub(super) mod order_id;
mod orders;
mod quotes;
mod row_error;
mod servers;

use license_cli_support::{Failure, Terminal, plural, show_path};
use license_issuer::ledger::Ledger;
use license_issuer::services::batch::{AlreadyIssuedCounts, BatchReport};
use license_issuer::services::issue::{IssueError, Mode};
use serde_json::json;

use super::context::AppContext;
use super::license_report::VALUE_INDENT;
use super::signer::KeyFile;
use crate::args::Batch;
use crate::inputs::matrix;
use crate::{failures, output};
use batch_run::{BatchRun, jobs, take_precautions};
use check::CheckedOrders;
use dialect::check_file;
use orders::Orders;
use servers::BatchServers;

#[cfg(fuzzing)]
pub use fuzzing::{ReadOrder, read_orders};

pub(crate) fn run(arguments: &Batch, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    let signer = &KeyFile::new(app, &arguments.key)?;
    let matrix = matrix(app.settings, arguments.product_file.as_ref())?;
    check_file(&arguments.orders, "orders")?;
    take_precautions(arguments.product_file.as_ref(), arguments.force, app)?;
    // All rows are checked before a passphrase prompt and before the first license is signed.
    let (orders, checked) = {
        let ledger = output::ledger_file(app.location)?;
        let view = ledger.as_ref().map(Ledger::check).transpose();
        let view = view
            .map_err(|error| failures::not_issued(IssueError::OpenLedger(error), app.location))?
            .flatten();
        let servers = BatchServers::new(&arguments.trust)?;
        let name = arguments.name.as_deref();
        let orders = Orders::open(&arguments.orders, name, &matrix, servers)?;
        let checked = check::check(&orders, view.as_deref())?;
        (orders, checked)
    };
    checked.print_warnings(&orders, terminal);
    let mode = Mode::new(arguments.dry_run);
    let batch = BatchRun {
        source: &orders,
        rows: checked.rows,
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
    if mode.is_dry_run() {
        app.note_missing_ledger();
    }
    warn(&report.already_issued, terminal);
    print(&batch, &checked, &report, mode)
}

/// Warns about expired and revoked licenses among those that were issued earlier.
fn warn(already_issued: &AlreadyIssuedCounts, terminal: &Terminal) {
    for (code, count, [one, many]) in [
        (
            "EXPIRED",
            already_issued.expired,
            ["has ended", "have ended"],
        ),
        (
            "REVOKED",
            already_issued.revoked,
            ["is revoked", "are revoked"],
        ),
    ] {
        if count > 0 {
            let verb = if count == 1 { one } else { many };
            let message = format!(
                "{count} of the licenses that were issued earlier for these orders {verb}; use --name NAME to issue the same orders again"
            );
            terminal.warning(code, &message);
        }
    }
}

fn print(
    batch: &BatchRun<'_, Orders<'_>>,
    checked: &CheckedOrders,
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
            "check_in_required": checked.check_in_count(),
            "warnings": checked.warnings_json(),
            "manifest": (!mode.is_dry_run()).then_some(manifest),
            "dry_run": mode.is_dry_run(),
        }));
    }
    let mut lines = checked.check_in_lines();
    if mode.is_dry_run() {
        lines.push(format!(
            "dry run    nothing was issued or written; {} of {product} would be issued, {}",
            plural(rows.saturating_sub(known.total), "license", "licenses"),
            plural(known.total, "already exists", "already exist")
        ));
        return terminal.lines(&lines.join("\n"), VALUE_INDENT);
    }
    let issued = plural(report.issued, "license", "licenses");
    let mut line = format!("issued   {issued} of {product}");
    if known.total > 0 {
        line += &format!(
            "; {} already existed for these orders, of which {}",
            known.total,
            plural(known.restored, "was restored", "were restored")
        );
    }
    lines.extend([line, format!("manifest {manifest}")]);
    terminal.lines(&lines.join("\n"), VALUE_INDENT)?;
    if known.total > 0 {
        terminal.note("--name NAME issues the same orders again");
    }
    Ok(())
}
