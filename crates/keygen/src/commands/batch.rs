//! `keygen batch`: issues a license for each row of a table.

mod dialect;
mod manifest;
mod orders;

use std::path::Path;

use license_cli_support::{Exit, Failure, Progress, Terminal, plural, show_path};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::names::{NameSet, NameSetError};
use license_issuer::services::batch::{
    BatchError, BatchObserver, BatchReport, BatchRequest, KnownCounts,
};
use license_issuer::services::issue::{IssueService, Mode};
use serde_json::json;

use super::context::AppContext;
use super::signer::KeyFile;
use crate::args::Batch;
use crate::inputs::matrix;
use crate::{failures, output};
use manifest::Manifest;
use orders::{Order, Orders};

/// The number of row errors after which the rest is not read.
const MAX_ROW_ERRORS: usize = 20;

pub(crate) fn run(arguments: &Batch, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    let matrix = matrix(arguments.product_file.as_ref())?;
    check_file(&arguments.orders)?;
    // Every row is checked before the first is signed, and before a passphrase prompt.
    let orders = Orders::open(&arguments.orders, arguments.name.as_deref(), &matrix)?;
    let rows = check(&orders)?;
    let mut observer = Observer {
        directory: &arguments.out,
        manifest: None,
        progress: Progress::new("licenses minted", Some(rows)),
        done: 0,
    };
    let request = BatchRequest {
        source: &orders,
        rows,
        matrix: &matrix,
        directory: &arguments.out,
        jobs: jobs(arguments),
        signer: &KeyFile::new(&arguments.key, terminal),
        observer: &mut observer,
    };
    let mode = Mode::new(arguments.dry_run);
    let mut service = IssueService::new(output::ledger_file(place)?);
    let report = service.issue_batch(request, mode);
    drop(observer);
    let report = report.map_err(|error| not_done(error, place))?;
    warn(&report.known, terminal);
    tell(arguments, rows, &report, mode, terminal)
}

/// Writes the manifest and shows the progress.
struct Observer<'a> {
    directory: &'a Path,
    manifest: Option<Manifest>,
    progress: Progress,
    done: u64,
}

impl BatchObserver for Observer<'_> {
    type Row = Order;
    type Error = Failure;

    fn started(&mut self) -> Result<(), Failure> {
        self.manifest = Some(Manifest::new(self.directory)?);
        Ok(())
    }

    fn delivered(
        &mut self,
        order: &Order,
        license_id: Option<&str>,
        key: Option<&str>,
    ) -> Result<(), Failure> {
        if let Some(manifest) = &mut self.manifest {
            // Without a ledger, the manifest names only the files of licenses issued before.
            let (license_id, key) = (license_id.unwrap_or_default(), key.unwrap_or_default());
            manifest.add(order, license_id, key)?;
        }
        self.done += 1;
        self.progress.set(self.done);
        Ok(())
    }

    fn finished(&mut self) -> Result<(), Failure> {
        self.manifest.take().map_or(Ok(()), Manifest::finish)
    }
}

fn not_done(error: BatchError<Failure>, place: &LedgerLocation) -> Failure {
    match error {
        BatchError::ForeignFile(path) => {
            let path = show_path(&path);
            let message = format!("{path} is there, and was not minted for these orders");
            Failure::new(Exit::Usage, "EXISTS", message)
                .hint("choose another folder with --out, or another name in column file")
        }
        BatchError::DamagedFile(path) => {
            let path = show_path(&path);
            let message = format!("{path} is not the license that was minted for its row");
            Failure::new(Exit::Usage, "EXISTS", message)
                .hint("take it away: the license is written again from the ledger")
        }
        BatchError::Issue(error) => failures::not_issued(error, place),
        BatchError::Io {
            action,
            path,
            source,
        } => Failure::io(action, &path, &source),
        other => Failure::new(Exit::Machine, "IO", other.to_string()),
    }
}

/// Warns of licenses that are rarely meant to be sent again.
fn warn(known: &KnownCounts, terminal: &Terminal) {
    for (code, count, word) in [
        ("EXPIRED", known.expired, "have ended"),
        ("REVOKED", known.revoked, "are revoked"),
    ] {
        if count > 0 {
            let message = format!(
                "{count} of the licenses that were minted before for these orders {word}; with --name NAME the same orders are minted anew"
            );
            terminal.warning(code, &message);
        }
    }
}

fn tell(
    arguments: &Batch,
    rows: u64,
    report: &BatchReport,
    mode: Mode,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let manifest = show_path(&arguments.out.join(manifest::NAME));
    let known = report.known;
    if terminal.is_json() {
        return terminal.json(&json!({
            "rows": rows,
            "minted": report.issued,
            "known": known.known,
            "restored": known.restored,
            "manifest": (!mode.is_dry_run()).then_some(manifest),
            "dry_run": mode.is_dry_run(),
        }));
    }
    if mode.is_dry_run() {
        return terminal.data(&format!(
            "dry run    nothing was minted or written; {} would be minted, {} were before",
            plural(rows.saturating_sub(known.known), "license", "licenses"),
            known.known
        ));
    }
    let mut line = format!("minted   {}", plural(report.issued, "license", "licenses"));
    if known.known > 0 {
        line += &format!(
            "; {} had been minted before for these orders, of which {} were written again",
            known.known, known.restored
        );
    }
    terminal.data(&format!("{line}\nmanifest {manifest}"))
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
        "expected a file of orders, which is read several times, found {found}"
    ))
    .hint("write them to a file and name that"))
}

/// Returns the number of rows, if all are valid.
fn check(orders: &Orders<'_>) -> Result<u64, Failure> {
    let mut count = 0;
    let mut errors = Vec::new();
    let mut progress = Progress::new("rows checked", None);
    let names = orders.names_files().then(NameSet::new).transpose();
    let names = names.map_err(|error| no_names(&error))?;
    orders.each(|order| {
        progress.set(count);
        count += 1;
        match order {
            Ok(order) => {
                errors.extend(orders.check(&order).err());
                if let Some(names) = &names
                    && !names
                        .insert(&order.file)
                        .map_err(|error| no_names(&error))?
                {
                    errors.push(order.error("file", "expected a name that no other row has"));
                }
            }
            Err(error) => errors.push(error),
        }
        Ok(errors.len() < MAX_ROW_ERRORS)
    })?;
    if count == 0 {
        return Err(Failure::malformed(format!(
            "{}: expected orders, found only a header",
            orders.name
        ))
        .hint("add a row for each license"));
    }
    if errors.is_empty() {
        return Ok(count);
    }
    let mut lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    if lines.len() >= MAX_ROW_ERRORS {
        lines.push("what follows was not read".to_owned());
    }
    let message = format!("{}: {}", orders.name, lines.join("; "));
    Err(Failure::new(Exit::Usage, "ORDERS", message)
        .hint("correct the rows that are named; nothing was minted"))
}

fn no_names(error: &NameSetError) -> Failure {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    let reason = reason.unwrap_or_else(|| error.to_string());
    let message = format!("a temporary file of names can't be kept: {reason}");
    Failure::new(Exit::Machine, "IO", message).hint("make room where TMPDIR points to")
}

fn jobs(arguments: &Batch) -> usize {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = arguments
        .jobs
        .and_then(|jobs| usize::try_from(jobs.get()).ok());
    asked.map_or(all, |asked| asked.min(256))
}
