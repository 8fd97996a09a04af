//! Table of orders. Each row is parsed as the options of `keygen issue`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::{CommandFactory, FromArgMatches};
use license_cli_support::{Failure, escape, show_path};
use license_core::encoding::trim_blanks;
use license_core::issue::LicenseDraft;
use license_core::jose::MAX_FILE_BYTES;
use license_core::policy::CheckIn;
use license_core::{FeatureMatrix, with_causes};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::active_licenses::ActiveLicenses;
use license_issuer::services::batch::{BatchRow, BatchSource};
use license_issuer::services::warnings::IssueWarning;

use super::super::draft::find_tier;
use super::super::issuance::warning_text;
use super::super::{issue, license_report, quotation_marks};
use super::columns::{self, ColumnKind, OrderColumn};
use super::dialect::{CsvDialect, count_error};
use super::manifest::ManifestRow;
use super::order_id::{OrderContent, OrderIds};
use super::row_error::RowError;
use super::servers::BatchServers;
use crate::args::RowArgs;
use crate::failures;
use crate::inputs::now;

/// Maximum size of a cell in bytes.
const MAX_CELL: usize = MAX_FILE_BYTES;

/// Message about a cell of the column `file`.
const EXPECTED_NAME: &str = "expected a file name of at most 200 bytes that ends in .lic, contains only letters, digits, spaces and `-`, `_` or `.`, and does not start with `.` or a space";

/// Column with the file of the key of a license server.
const SERVER_KEY: &str = "server-key";

/// Separator of repeated values in a cell.
const SEPARATOR: char = ';';

/// A file of orders with a valid header.
pub(super) struct Orders<'m> {
    matrix: &'m FeatureMatrix,
    path: PathBuf,
    /// Path of the file in messages.
    pub(super) name: String,
    /// Name of the batch.
    batch: Option<String>,
    dialect: CsvDialect,
    columns: Vec<OrderColumn>,
    parser: Mutex<RowParser>,
    servers: BatchServers,
    /// Active licenses, which are read from the ledger once.
    active: Mutex<Option<ActiveLicenses>>,
}

/// Parser of the options in a row.
///
/// The parser keeps the last result, because rows often differ only in the customer.
struct RowParser {
    /// The command is built once, because that takes longer than parsing a row.
    command: clap::Command,
    last: Option<(Vec<String>, RowArgs)>,
}

/// Row of the table.
pub(super) struct OrderRow {
    /// Line of the file, which spreadsheets show as the number of the row.
    pub(super) line: u64,
    pub(super) file: String,
    pub(super) customer: String,
    /// Id of the row, which is the same each time the same orders are read.
    pub(super) id: String,
    /// Number of earlier rows that order the same.
    pub(super) copy: u64,
    /// Cells of the columns that the manifest repeats.
    pub(super) carried: Vec<String>,
    arguments: Vec<String>,
    /// Remark about the quotation marks of a cell, for the errors of the row.
    remark: Option<String>,
}

/// A row whose license can be issued.
pub(super) struct CheckedRow {
    /// Codes and messages.
    pub(super) warnings: Vec<(&'static str, String)>,
    pub(super) notes: Vec<String>,
    /// The check-ins that the license requires.
    pub(super) check_in: Option<CheckIn>,
}

impl<'m> Orders<'m> {
    /// Opens the file and reads its header.
    pub(super) fn open(
        path: &Path,
        batch: Option<&str>,
        matrix: &'m FeatureMatrix,
        servers: BatchServers,
    ) -> Result<Self, Failure> {
        let name = show_path(path);
        let dialect = CsvDialect::detect(path)?;
        let header = dialect.header(path, &name)?;
        let mut command = RowArgs::command();
        command.build();
        let columns = columns::parse(&name, &header, &command)?;
        Ok(Self {
            matrix,
            path: path.to_owned(),
            name,
            batch: batch.map(str::to_owned),
            dialect,
            columns,
            parser: Mutex::new(RowParser {
                command,
                last: None,
            }),
            servers,
            active: Mutex::default(),
        })
    }

    /// Visits the rows until the callback returns `false`.
    pub(super) fn each(
        &self,
        mut callback: impl FnMut(Result<OrderRow, RowError>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut ids = OrderIds::default();
        self.dialect
            .each_record(&self.path, &self.name, |line, record| {
                let order = self.order(line, record, &mut ids);
                callback(order.map_err(|error| error.with_remark(quotes_remark(record))))
            })
    }

    fn order(
        &self,
        line: u64,
        record: &csv::StringRecord,
        ids: &mut OrderIds,
    ) -> Result<OrderRow, RowError> {
        if let Some(error) = count_error(self.columns.len(), record) {
            return Err(RowError::new(line, "cells", &error));
        }
        let (mut file, mut customer) = (None, "");
        let (mut arguments, mut carried) = (Vec::new(), Vec::new());
        let mut content = OrderContent::default();
        for (column, cell) in self.columns.iter().zip(record) {
            let cell = trim_blanks(cell);
            let error = |message: &str| RowError::new(line, &column.name, message);
            if cell.len() > MAX_CELL {
                return Err(error(&format!(
                    "expected at most {MAX_CELL} bytes, found {}",
                    cell.len()
                )));
            }
            if column.name == "customer" {
                customer = cell;
            }
            match column.kind {
                ColumnKind::Carried => {
                    carried.push(cell.to_owned());
                    continue;
                }
                _ if cell.is_empty() => {}
                ColumnKind::Untitled => {
                    return Err(RowError::new(line, "cells", "a cell has no column title"));
                }
                ColumnKind::File if is_name(cell) => file = Some(cell.to_owned()),
                ColumnKind::File => return Err(error(EXPECTED_NAME)),
                _ => arguments.extend(options(column, cell).map_err(|found| error(&found))?),
            }
            content.add(&column.name, cell);
        }
        let id = ids.next(content, self.batch.as_deref());
        Ok(OrderRow {
            line,
            file: file.unwrap_or_else(|| id.file_name(customer)),
            customer: customer.to_owned(),
            copy: id.copy,
            id: id.id,
            carried,
            arguments,
            remark: quotes_remark(record),
        })
    }

    /// Returns the titles of the columns that the manifest repeats.
    pub(super) fn carried(&self) -> Vec<&str> {
        let columns = self.columns.iter();
        let carried = columns.filter(|column| column.kind == ColumnKind::Carried);
        carried.map(|column| column.title.as_str()).collect()
    }

    /// Returns the draft of the license in a row.
    fn license(&self, order: &OrderRow) -> Result<LicenseDraft, RowError> {
        self.with_draft(order, |_, draft| Ok(draft))
    }

    /// Parses a row, and calls `with` with its options and its draft.
    fn with_draft<T>(
        &self,
        order: &OrderRow,
        with: impl FnOnce(&RowArgs, LicenseDraft) -> Result<T, RowError>,
    ) -> Result<T, RowError> {
        let matrix = self.matrix;
        let mut parser = self.parser.lock().unwrap_or_else(PoisonError::into_inner);
        let parsed = parser.parse(&order.arguments).map_err(|error| {
            RowError::from_parser(order.line, &error).with_remark(order.remark.clone())
        })?;
        parsed.issue.customer = Some(order.customer.clone());
        if let Err(failure) = find_tier(parsed.issue.tier, matrix) {
            return Err(order.error("tier", failure.message()));
        }
        let drafted = issue::draft(&parsed.issue, matrix);
        let mut draft = drafted.map_err(|failure| order.error("order", failure.message()))?;
        if let Some(source) = &parsed.issue.server_key {
            let server = self.servers.server(source, matrix.product());
            let server = server.map_err(|failure| order.error(SERVER_KEY, failure.message()))?;
            draft.confirmation = Some(server.confirmation().clone());
        }
        with(parsed, draft)
    }

    /// Checks that the license of a row can be issued. The ledger shows the trials of customers.
    pub(super) fn check(
        &self,
        order: &OrderRow,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<CheckedRow, RowError> {
        let matrix = self.matrix;
        self.with_draft(order, |parsed, draft| {
            let refused = |error: &dyn std::error::Error| order.error("order", &with_causes(error));
            draft.check().map_err(|error| refused(&error))?;
            let claims = draft.read_back().map_err(|error| refused(&error))?;
            let notes = issue::notes(&parsed.issue, &draft, matrix, ledger);
            let mut warnings = license_report::warnings(&claims, matrix);
            if let Some(source) = &parsed.issue.server_key {
                let found = self.servers.check(source, &draft, ledger);
                let found = found.map_err(|failure| order.error(SERVER_KEY, failure.message()))?;
                warnings.extend(found.iter().map(warning_text));
            }
            let active = self.active_license(order, ledger);
            let active = active.map_err(|failure| order.error("order", failure.message()))?;
            warnings.extend(active.as_ref().map(warning_text));
            Ok(CheckedRow {
                warnings,
                notes: notes.map_err(|failure| order.error("order", failure.message()))?,
                check_in: claims.check_in,
            })
        })
    }

    /// Returns a warning if the customer already has an active license, except for an order that
    /// is already issued.
    fn active_license(
        &self,
        order: &OrderRow,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<Option<IssueWarning>, Failure> {
        let Some(ledger) = ledger else {
            return Ok(None);
        };
        let issued = ledger.license_of_order(&order.id);
        let issued = issued.map_err(failures::ledger_not_read(ledger))?;
        if issued.is_some() {
            return Ok(None);
        }
        let mut known = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let active = match known.take() {
            Some(active) => active,
            None => ActiveLicenses::read(ledger, None, self.matrix.product(), now())
                .map_err(failures::ledger_not_read(ledger))?,
        };
        Ok(known.insert(active).warning(&order.customer))
    }

    /// Returns whether the licenses are for the built-in product.
    pub(super) fn is_built_in(&self) -> bool {
        self.matrix.product() == FeatureMatrix::built_in().product()
    }

    /// Returns whether the table has the column `file`, whose names may be duplicates.
    pub(super) fn has_file_column(&self) -> bool {
        self.columns
            .iter()
            .any(|column| column.kind == ColumnKind::File)
    }
}

impl BatchRow for OrderRow {
    fn number(&self) -> u64 {
        self.line
    }

    fn file_name(&self) -> &str {
        &self.file
    }

    fn order_id(&self) -> &str {
        &self.id
    }
}

impl ManifestRow for OrderRow {
    fn customer(&self) -> &str {
        &self.customer
    }

    fn carried(&self) -> &[String] {
        &self.carried
    }
}

impl BatchSource for Orders<'_> {
    type Row = OrderRow;
    type Error = Failure;

    fn visit(&self, each: &mut dyn FnMut(OrderRow) -> ControlFlow<()>) -> Result<(), Failure> {
        self.each(|order| {
            let order = order.map_err(|error| {
                let message = format!("{} changed during the batch: {error}", self.name);
                Failure::malformed(message).hint("run the command again")
            })?;
            Ok(each(order).is_continue())
        })
    }

    fn draft(
        &self,
        order: &OrderRow,
        _ledger: Option<&dyn LedgerReader>,
    ) -> Result<LicenseDraft, Failure> {
        let draft = self.license(order);
        draft.map_err(|error| Failure::malformed(error.to_string()))
    }
}

impl RowParser {
    fn parse(&mut self, arguments: &[String]) -> Result<&mut RowArgs, clap::Error> {
        let last = match self.last.take() {
            Some(last) if last.0 == arguments => last,
            _ => (arguments.to_vec(), self.parse_new(arguments)?),
        };
        Ok(&mut self.last.insert(last).1)
    }

    fn parse_new(&mut self, arguments: &[String]) -> Result<RowArgs, clap::Error> {
        let mut matches = self.command.try_get_matches_from_mut(arguments)?;
        RowArgs::from_arg_matches_mut(&mut matches)
    }
}

impl OrderRow {
    /// Returns an error in a column of the row.
    pub(super) fn error(&self, column: &str, message: &str) -> RowError {
        RowError::new(self.line, column, message).with_remark(self.remark.clone())
    }
}

/// Returns a remark if a cell begins or ends with a quotation mark that only word processors write.
fn quotes_remark(record: &csv::StringRecord) -> Option<String> {
    let is_mark = |character: &char| quotation_marks::is_typographic(*character);
    let ends = |cell: &str| [cell.chars().next(), cell.chars().next_back()];
    let mut ends = record.iter().flat_map(|cell| ends(trim_blanks(cell)));
    let mark = ends.find_map(|end| end.filter(is_mark))?;
    Some(format!(
        "the row has the quotation mark {mark} (U+{:04X}), and CSV has only \"",
        u32::from(mark)
    ))
}

/// Returns the options of `keygen issue` for a cell that is not empty. The error is a message.
fn options(column: &OrderColumn, cell: &str) -> Result<Vec<String>, String> {
    let option = format!("--{}", column.name);
    match column.kind {
        ColumnKind::Repeated => {
            let parts = cell.split(SEPARATOR).map(trim_blanks);
            let parts = parts.filter(|part| !part.is_empty());
            Ok(parts.map(|part| format!("{option}={part}")).collect())
        }
        ColumnKind::Flag => match cell.to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" | "x" => Ok(vec![option]),
            "no" | "false" | "0" => Ok(Vec::new()),
            _ => {
                let found: String = cell.chars().take(32).collect();
                Err(format!("expected yes or no, found `{}`", escape(&found)))
            }
        },
        // The customer does not affect other options, and is set after parsing. So rows that differ
        // only in the customer are parsed once.
        _ if column.name == "customer" => Ok(vec![format!("{option}=-")]),
        _ => Ok(vec![format!("{option}={cell}")]),
    }
}

/// Returns whether a file name is valid on every platform and stays in its directory.
fn is_name(name: &str) -> bool {
    let is_plain =
        |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | ' ');
    name.len() <= 200
        && name.ends_with(".lic")
        && !name.starts_with(['.', ' '])
        && name.chars().all(is_plain)
}
