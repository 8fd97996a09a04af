//! Table of orders. Each row is parsed as the options of `keygen issue`.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use license_cli_support::{Failure, escape, show_path};
use license_core::encoding::hex;
use license_core::issue::LicenseDraft;
use license_core::jose::MAX_FILE_BYTES;
use license_core::{FeatureMatrix, with_causes};
use license_issuer::services::batch::{BatchRow, BatchSource};
use sha2::{Digest, Sha256};

use super::super::draft::find_tier;
use super::super::issue;
use super::dialect::{CsvDialect, MAX_ROW};
use crate::args::RowArgs;

/// Column with the name of the license file, which is not an option of `issue`.
const FILE: &str = "file";

/// Options of `issue` that are not columns, because they apply to the whole batch or only to a
/// single license.
const OPTIONS_WITHOUT_COLUMN: [&str; 9] = [
    "convert",
    "key",
    "passphrase-file",
    "alg",
    "product-file",
    "out",
    "force",
    "dry-run",
    "help",
];

/// Maximum size of a cell in bytes.
const MAX_CELL: usize = MAX_FILE_BYTES;

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
}

/// Parser of the options in a row.
///
/// The parser keeps the last result, because rows often differ only in the customer.
struct RowParser {
    /// The command is built once, because that takes longer than parsing a row.
    command: clap::Command,
    last: Option<(Vec<String>, RowArgs)>,
}

/// Column of the table.
#[derive(Clone, Debug)]
struct OrderColumn {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    /// An option with a value.
    Value,
    /// An option that may be repeated.
    Repeated,
    /// An option without a value.
    Flag,
}

/// Row of the table.
pub(super) struct OrderRow {
    /// Line of the file on which the row begins. Spreadsheets show the same number, unless a cell
    /// contains a line break.
    pub(super) line: u64,
    pub(super) file: String,
    pub(super) customer: String,
    /// Id of the row, which is the same each time the same orders are read.
    pub(super) id: String,
    arguments: Vec<String>,
}

/// Error in a row.
#[derive(Debug)]
pub(super) struct RowError {
    /// Line of the file on which the row begins.
    line: u64,
    column: String,
    message: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, {}: {}", self.line, self.column, self.message)
    }
}

impl<'m> Orders<'m> {
    /// Opens the file and reads its header.
    pub(super) fn open(
        path: &Path,
        batch: Option<&str>,
        matrix: &'m FeatureMatrix,
    ) -> Result<Self, Failure> {
        let name = show_path(path);
        let dialect = CsvDialect::detect(path)?;
        let mut reader = dialect.reader(path)?;
        let header = reader
            .headers()
            .map_err(|error| unreadable(&name, dialect, 1, &error))?;
        let mut command = RowArgs::command();
        command.build();
        let mut columns: Vec<OrderColumn> = Vec::new();
        for title in header {
            let column =
                column(title, &command).ok_or_else(|| unknown_column(&name, title, &command))?;
            if columns.iter().any(|other| other.name == column.name) {
                return Err(Failure::malformed(format!(
                    "{name}: duplicate column {}",
                    column.name
                ))
                .hint("remove one of the two columns"));
            }
            columns.push(column);
        }
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
        })
    }

    /// Visits the rows until the callback returns `false`.
    pub(super) fn each(
        &self,
        mut callback: impl FnMut(Result<OrderRow, RowError>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut reader = self.dialect.reader(&self.path)?;
        // The header is read first. Otherwise an error in the first record would have the position
        // of the header.
        let unreadable = |line, error| unreadable(&self.name, self.dialect, line, &error);
        let _ = reader.headers().map_err(|error| unreadable(1, error))?;
        let mut record = csv::StringRecord::new();
        loop {
            let first_line = reader.position().line();
            let read = reader.read_record(&mut record);
            if !read.map_err(|error| unreadable(first_line, error))? {
                break;
            }
            let line = self.dialect.line(reader.position(), &record);
            // Spreadsheets also write empty rows.
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if !callback(self.order(line, &record))? {
                break;
            }
        }
        Ok(())
    }

    fn order(&self, line: u64, record: &csv::StringRecord) -> Result<OrderRow, RowError> {
        let (expected, found) = (self.columns.len(), record.len());
        if found != expected {
            return Err(RowError {
                line,
                column: "cells".to_owned(),
                message: format!("expected {expected}, found {found}"),
            });
        }
        let mut arguments = Vec::new();
        let (mut file, mut customer) = (None, String::new());
        let mut id = Sha256::new();
        for (column, cell) in self.columns.iter().zip(record) {
            let cell = cell.trim();
            let error = |message: &str| RowError {
                line,
                column: column.name.clone(),
                message: message.to_owned(),
            };
            if cell.len() > MAX_CELL {
                return Err(error(&format!(
                    "expected at most {MAX_CELL} bytes, found {}",
                    cell.len()
                )));
            }
            id.update(format!(
                "{}:{}={}:{cell}\n",
                column.name.len(),
                column.name,
                cell.len()
            ));
            if column.name == "customer" {
                cell.clone_into(&mut customer);
            }
            let option = format!("--{}", column.name);
            match column.kind {
                _ if cell.is_empty() => {}
                // The customer does not affect other options, and is set after parsing. So rows
                // that differ only in the customer are parsed once.
                Kind::Value if column.name == "customer" => arguments.push(format!("{option}=-")),
                Kind::File if is_name(cell) => file = Some(cell.to_owned()),
                Kind::File => {
                    return Err(error(
                        "expected a file name of at most 200 bytes that ends in .lic, contains only letters, digits, spaces and `-`, `_` or `.`, and does not start with `.` or a space",
                    ));
                }
                Kind::Value => arguments.push(format!("{option}={cell}")),
                Kind::Repeated => {
                    let parts = cell.split(SEPARATOR).map(str::trim);
                    let parts = parts.filter(|part| !part.is_empty());
                    arguments.extend(parts.map(|part| format!("{option}={part}")));
                }
                Kind::Flag => match cell.to_ascii_lowercase().as_str() {
                    "yes" | "true" | "1" | "x" => arguments.push(option),
                    "no" | "false" | "0" => {}
                    _ => {
                        let found: String = cell.chars().take(32).collect();
                        let found = escape(&found);
                        return Err(error(&format!("expected yes or no, found `{found}`")));
                    }
                },
            }
        }
        id.update(format!("row {line}"));
        if let Some(batch) = &self.batch {
            id.update(format!(" of {batch}"));
        }
        let id = hex::encode(&id.finalize());
        Ok(OrderRow {
            line,
            file: file.unwrap_or_else(|| format!("{line:07}.lic")),
            customer,
            id,
            arguments,
        })
    }

    /// Returns the draft of the license in a row.
    fn license(&self, order: &OrderRow) -> Result<LicenseDraft, RowError> {
        let matrix = self.matrix;
        let mut parser = self.parser.lock().unwrap_or_else(PoisonError::into_inner);
        let parsed = parser
            .parse(&order.arguments)
            .map_err(|error| order.parse_error(&error))?;
        parsed.issue.customer = Some(order.customer.clone());
        if let Err(failure) = find_tier(parsed.issue.tier, matrix) {
            return Err(order.error("tier", failure.message()));
        }
        let drafted = issue::draft(&parsed.issue, matrix);
        drafted.map_err(|failure| order.error("order", failure.message()))
    }

    /// Checks that the license of a row can be issued.
    pub(super) fn check(&self, order: &OrderRow) -> Result<(), RowError> {
        let checked = self.license(order)?.check();
        checked.map_err(|error| order.error("order", &with_causes(&error)))
    }

    /// Returns whether the table has the column `file`, whose names may be duplicates.
    pub(super) fn has_file_column(&self) -> bool {
        self.columns.iter().any(|column| column.kind == Kind::File)
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

    fn draft(&self, order: &OrderRow) -> Result<LicenseDraft, Failure> {
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
        let arguments = arguments.iter().map(String::as_str);
        let arguments = ["--key=-"].into_iter().chain(arguments);
        let mut matches = self.command.try_get_matches_from_mut(arguments)?;
        RowArgs::from_arg_matches_mut(&mut matches)
    }
}

impl OrderRow {
    /// Returns an error in a column of the row.
    pub(super) fn error(&self, column: &str, message: &str) -> RowError {
        RowError {
            line: self.line,
            column: column.to_owned(),
            message: escape(message).into_owned(),
        }
    }

    /// Converts an error of the option parser.
    fn parse_error(&self, error: &clap::Error) -> RowError {
        let context = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            _ => Vec::new(),
        };
        let arguments = context(ContextKind::InvalidArg);
        let columns: Vec<_> = arguments
            .iter()
            .flat_map(|names| names.split("--").skip(1))
            .filter_map(|name| name.split([' ', '=', '>', '|']).next())
            .collect();
        let columns = if columns.is_empty() {
            "order".to_owned()
        } else {
            columns.join(" or ")
        };
        let argument = arguments.join(", ");
        let message = match error.kind() {
            ErrorKind::MissingRequiredArgument => "expected a value, found none".to_owned(),
            ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
                let value = context(ContextKind::InvalidValue).join(", ");
                let reason = std::error::Error::source(error).map(with_causes);
                let reason = reason.unwrap_or_else(|| "expected a different value".to_owned());
                format!("invalid value '{value}' for '{argument}': {reason}")
            }
            ErrorKind::ArgumentConflict => {
                let other = context(ContextKind::PriorArg).join(", ");
                format!("the argument '{argument}' cannot be used with '{other}'")
            }
            kind => kind.to_string(),
        };
        self.error(&columns, &message)
    }
}

fn column(title: &str, command: &clap::Command) -> Option<OrderColumn> {
    let name = title
        .trim_start_matches('\u{feff}')
        .trim()
        .to_lowercase()
        .replace(['_', ' '], "-");
    let kind = match name.as_str() {
        FILE => Kind::File,
        name if OPTIONS_WITHOUT_COLUMN.contains(&name) => return None,
        name => {
            let option = command
                .get_arguments()
                .find(|option| option.get_long() == Some(name))?;
            match option.get_action() {
                clap::ArgAction::SetTrue => Kind::Flag,
                clap::ArgAction::Append => Kind::Repeated,
                _ => Kind::Value,
            }
        }
    };
    Some(OrderColumn { name, kind })
}

fn unknown_column(file: &str, title: &str, command: &clap::Command) -> Failure {
    let title: String = title.chars().take(64).collect();
    let options = command.get_arguments().filter_map(clap::Arg::get_long);
    let known: Vec<_> = options
        .filter(|name| !OPTIONS_WITHOUT_COLUMN.contains(name))
        .collect();
    Failure::malformed(format!("{file}: unknown column `{}`", escape(&title)))
        .hint(format!("use the columns {FILE}, {}", known.join(", ")))
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

/// Returns the failure for a row that cannot be read. `line` is the line of the parser at which
/// reading of the row began.
fn unreadable(name: &str, dialect: CsvDialect, line: u64, error: &csv::Error) -> Failure {
    let at = format!(" in line {} or later", dialect.first_line(line));
    match error.kind() {
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Failure::malformed(format!(
                "{name}: expected rows of at most {MAX_ROW} bytes, found a longer one{at}"
            ))
            .hint("check whether a quotation mark without an end precedes these lines")
        }
        csv::ErrorKind::Utf8 { .. } => Failure::malformed(format!(
            "{name}: expected text in UTF-8, found invalid bytes{at}"
        ))
        .hint("save the table as \"CSV UTF-8\""),
        _ => Failure::malformed(format!("{name}: {}", with_causes(error)))
            .hint("save the table as comma-separated values in UTF-8, with a header"),
    }
}
