//! A table of orders: each row is read as the options of `keygen issue`.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::{CommandFactory, FromArgMatches};
use license_core::Matrix;
use license_core::issue::LicenseDraft;
use license_terminal::{Failure, escape, show_path};
use sha2::{Digest, Sha256};

use super::super::issue;
use super::MAX_CELL;
use crate::cli;

/// The one column that is no option of `issue`.
const FILE: &str = "file";

/// Options that the whole batch shares, and what is for one license at a time.
const NOT_OF_ROWS: [&str; 8] = [
    "convert",
    "key",
    "passphrase-file",
    "alg",
    "product-file",
    "out",
    "force",
    "help",
];

/// What may be repeated is separated by this in a cell.
const SEPARATOR: char = ';';

/// A file of orders whose header is right.
pub(super) struct Orders {
    path: PathBuf,
    pub(super) name: String,
    /// Of the batch.
    batch: Option<String>,
    form: Form,
    columns: Vec<Column>,
    reader: Mutex<Reader>,
}

/// Reads options, and keeps what it read last: rows are often alike but for the customer.
struct Reader {
    /// Made once: it takes longer than to read a row by it.
    command: clap::Command,
    last: Option<(Vec<String>, cli::Order)>,
}

/// A column of the table.
#[derive(Clone, Debug)]
struct Column {
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

/// A row.
pub(super) struct Order {
    /// The line of the file on which it begins: as a spreadsheet counts, where no cell has a line break.
    pub(super) row: u64,
    pub(super) file: String,
    pub(super) customer: String,
    /// The same for the same row of the same orders, whenever it is read.
    pub(super) id: String,
    arguments: Vec<String>,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(super) struct Mistake {
    row: u64,
    column: String,
    what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, {}: {}", self.row, self.column, self.what)
    }
}

impl Orders {
    pub(super) fn open(path: &Path, batch: Option<&str>) -> Result<Self, Failure> {
        let name = show_path(path);
        let form = Form::of(path)?;
        let mut reader = form.reader(path)?;
        let header = reader
            .headers()
            .map_err(|error| unreadable(&name, &error))?;
        let mut command = cli::Order::command();
        command.build();
        let mut columns: Vec<Column> = Vec::new();
        for title in header {
            let column =
                column(title, &command).ok_or_else(|| no_column(&name, title, &command))?;
            if columns.iter().any(|other| other.name == column.name) {
                return Err(Failure::malformed(format!(
                    "{name}: column {} is there twice",
                    column.name
                ))
                .hint("take one of the two away"));
            }
            columns.push(column);
        }
        Ok(Self {
            path: path.to_owned(),
            name,
            batch: batch.map(str::to_owned),
            form,
            columns,
            reader: Mutex::new(Reader {
                command,
                last: None,
            }),
        })
    }

    /// Reads the rows one by one, until the callback has had enough.
    pub(super) fn each(
        &self,
        mut callback: impl FnMut(Result<Order, Mistake>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut reader = self.form.reader(&self.path)?;
        let mut record = csv::StringRecord::new();
        while reader
            .read_record(&mut record)
            .map_err(|error| unreadable(&self.name, &error))?
        {
            let row = self.form.line(reader.position(), &record);
            // What a spreadsheet has of rows that nobody filled in.
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if !callback(self.order(row, &record))? {
                break;
            }
        }
        Ok(())
    }

    fn order(&self, row: u64, record: &csv::StringRecord) -> Result<Order, Mistake> {
        let (expected, found) = (self.columns.len(), record.len());
        if found != expected {
            return Err(Mistake {
                row,
                column: "cells".to_owned(),
                what: format!("expected {expected}, found {found}"),
            });
        }
        let mut arguments = Vec::new();
        let (mut file, mut customer) = (None, String::new());
        let mut id = Sha256::new();
        for (column, cell) in self.columns.iter().zip(record) {
            let cell = cell.trim();
            let mistake = |what: &str| Mistake {
                row,
                column: column.name.clone(),
                what: what.to_owned(),
            };
            if cell.len() > MAX_CELL {
                return Err(mistake("expected less text"));
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
                // Who it is does not change what the other options mean: the name is set when they are read.
                Kind::Value if column.name == "customer" => arguments.push(format!("{option}=-")),
                Kind::File if is_name(cell) => file = Some(cell.to_owned()),
                Kind::File => {
                    return Err(mistake(
                        "expected a file's name without a folder, ending in .lic",
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
                        return Err(mistake(&format!("expected yes or no, found `{found}`")));
                    }
                },
            }
        }
        id.update(format!("row {row}"));
        if let Some(batch) = &self.batch {
            id.update(format!(" of {batch}"));
        }
        let id = crate::ledger::hex(&id.finalize());
        Ok(Order {
            row,
            file: file.unwrap_or_else(|| format!("{row:07}.lic")),
            customer,
            id,
            arguments,
        })
    }

    /// The license that a row asks for.
    pub(super) fn draft(&self, order: &Order, matrix: &Matrix) -> Result<LicenseDraft, Mistake> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let parsed = reader
            .parse(&order.arguments)
            .map_err(|error| order.refused(&error))?;
        parsed.issue.customer = Some(order.customer.clone());
        if let Err(failure) = issue::tier(parsed.issue.tier, matrix) {
            return Err(order.mistake("tier", failure.message()));
        }
        let drafted = issue::draft(&parsed.issue, matrix);
        drafted.map_err(|failure| order.mistake("order", failure.message()))
    }

    /// Finds what is wrong with a row.
    pub(super) fn check(&self, order: &Order, matrix: &Matrix) -> Result<(), Mistake> {
        let checked = self.draft(order, matrix)?.check();
        checked.map_err(|error| order.mistake("order", &error.to_string()))
    }

    /// Whether the table names files itself, so that two rows may name the same.
    pub(super) fn names_files(&self) -> bool {
        self.columns.iter().any(|column| column.kind == Kind::File)
    }
}

impl Reader {
    fn parse(&mut self, arguments: &[String]) -> Result<&mut cli::Order, clap::Error> {
        let last = match self.last.take() {
            Some(last) if last.0 == arguments => last,
            _ => (arguments.to_vec(), self.read(arguments)?),
        };
        Ok(&mut self.last.insert(last).1)
    }

    fn read(&mut self, arguments: &[String]) -> Result<cli::Order, clap::Error> {
        let given = arguments.iter().map(String::as_str);
        let given = ["--key=-"].into_iter().chain(given);
        let mut matches = self.command.try_get_matches_from_mut(given)?;
        cli::Order::from_arg_matches_mut(&mut matches)
    }
}

impl Order {
    pub(super) fn mistake(&self, column: &str, what: &str) -> Mistake {
        Mistake {
            row: self.row,
            column: column.to_owned(),
            what: escape(what).into_owned(),
        }
    }

    /// What the command line says of an option, without how it says it.
    fn refused(&self, error: &clap::Error) -> Mistake {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let what = first
            .strip_prefix("error: ")
            .unwrap_or(first)
            .trim_end_matches(':');
        let missing: Vec<_> = text
            .lines()
            .skip(1)
            .take_while(|line| !line.trim().is_empty())
            .flat_map(|line| line.split("--").skip(1))
            .filter_map(|option| option.split([' ', '=', '>']).next())
            .collect();
        let named = what
            .split("'--")
            .nth(1)
            .and_then(|rest| rest.split([' ', '\'', '=']).next());
        match (named, missing.is_empty()) {
            (Some(column), _) => self.mistake(column, what),
            (None, false) => self.mistake(&missing.join(" or "), "expected a value, found none"),
            (None, true) => self.mistake("order", what),
        }
    }
}

/// How the table separates its cells.
#[derive(Clone, Copy, Debug)]
struct Form {
    delimiter: u8,
    /// Lines before the header.
    lines_before: u64,
    /// Their bytes.
    bytes_before: u64,
}

/// No header is longer.
const MAX_HEADER: u64 = 64 * 1024;

impl Form {
    /// Comma, or what spreadsheets of other countries write instead; they may say so in a line `sep=;` before the header.
    fn of(path: &Path) -> Result<Self, Failure> {
        let mut first = Vec::new();
        let failed = |error: std::io::Error| Failure::io("read", path, &error);
        let file = File::open(path).map_err(failed)?.take(MAX_HEADER);
        BufReader::new(file)
            .read_until(b'\n', &mut first)
            .map_err(failed)?;
        let text = String::from_utf8_lossy(&first);
        let text = text.trim_start_matches('\u{feff}').trim_end();
        if let Some(&[delimiter]) = text.strip_prefix("sep=").map(str::as_bytes) {
            return Ok(Self {
                delimiter,
                lines_before: 1,
                bytes_before: u64::try_from(first.len()).unwrap_or(0),
            });
        }
        let separates = |delimiter: &u8| text.as_bytes().contains(delimiter);
        let delimiter = b",;\t".iter().find(|delimiter| separates(delimiter));
        Ok(Self {
            delimiter: delimiter.copied().unwrap_or(b','),
            lines_before: 0,
            bytes_before: 0,
        })
    }

    /// The line on which a record begins, by the place after it: where empty lines come before it, it does not know itself.
    fn line(self, after: &csv::Position, record: &csv::StringRecord) -> u64 {
        let breaks = record.iter().flat_map(str::bytes);
        let breaks = breaks.filter(|byte| *byte == b'\n').count();
        let lines = u64::try_from(breaks).unwrap_or(0).saturating_add(1);
        let line = after.line().saturating_sub(lines);
        line.saturating_add(self.lines_before)
    }

    fn reader(self, path: &Path) -> Result<csv::Reader<impl Read + use<>>, Failure> {
        let failed = |error: std::io::Error| Failure::io("read", path, &error);
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.bytes_before))
            .map_err(failed)?;
        Ok(csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .delimiter(self.delimiter)
            // Of each row it is told whether it has as many cells as it must.
            .flexible(true)
            // A carriage return before it is trimmed with the cell, and every record ends with one, so that lines can be counted.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(file.chain(&b"\n"[..])))
    }
}

fn column(title: &str, command: &clap::Command) -> Option<Column> {
    let name = title
        .trim_start_matches('\u{feff}')
        .trim()
        .to_lowercase()
        .replace(['_', ' '], "-");
    let kind = match name.as_str() {
        FILE => Kind::File,
        name if NOT_OF_ROWS.contains(&name) => return None,
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
    Some(Column { name, kind })
}

fn no_column(file: &str, title: &str, command: &clap::Command) -> Failure {
    let title: String = title.chars().take(64).collect();
    let options = command.get_arguments().filter_map(clap::Arg::get_long);
    let known: Vec<_> = options.filter(|name| !NOT_OF_ROWS.contains(name)).collect();
    Failure::malformed(format!(
        "{file}: expected a column that orders have, found `{}`",
        escape(&title)
    ))
    .hint(format!("columns are {FILE}, {}", known.join(", ")))
}

/// A name that stays in the folder, on every platform.
fn is_name(name: &str) -> bool {
    let is_plain =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ' ');
    name.len() <= 200
        && name.ends_with(".lic")
        && !name.starts_with(['.', ' '])
        && name.chars().all(is_plain)
}

fn unreadable(name: &str, error: &csv::Error) -> Failure {
    let line = error.position().map(csv::Position::line);
    let at = line.map_or_else(String::new, |line| format!(" after line {line}"));
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => Failure::malformed(format!(
            "{name}: expected text in UTF-8, found other bytes{at}"
        ))
        .hint("save the table as \"CSV UTF-8\""),
        _ => Failure::malformed(format!("{name}: {error}"))
            .hint("save the table as comma-separated values in UTF-8, with a header"),
    }
}
