//! Dialects of CSV files that spreadsheets write.

use std::io::{self, BufRead, BufReader, Chain, Read};
use std::path::Path;

use license_cli_support::{Failure, show_path};
use license_core::encoding::trim_blanks;
use license_core::with_causes;

use super::encoding::Utf8Lines;
use super::quotes::{CheckedQuotes, QuoteError};

/// Dialect of a CSV file.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct CsvDialect {
    delimiter: u8,
    /// Number of lines before the header.
    lines_before: u64,
    /// Number of bytes before the header.
    bytes_before: u64,
}

/// Maximum size of the first line in bytes.
const MAX_HEADER: u64 = 64 * 1024;

/// Maximum size of a row in bytes, four times the size of the longest cell. Without a limit, a file
/// without line breaks would be read into memory.
const MAX_ROW: u64 = 1 << 20;

impl CsvDialect {
    /// Detects the delimiter from the first line with text.
    ///
    /// Spreadsheets in some countries use a delimiter other than the comma. Some spreadsheets name
    /// the delimiter in a line such as `sep=;` before the header.
    pub(in crate::commands) fn detect(path: &Path) -> Result<Self, Failure> {
        let (first, lines) = first_line(path)?;
        let text = String::from_utf8_lossy(&first);
        let text = text.trim();
        refuse_other_format(path, text)?;
        if let Some(&[delimiter]) = text.strip_prefix("sep=").map(str::as_bytes)
            && lines == 1
        {
            return Ok(Self {
                delimiter,
                lines_before: 1,
                // At most `MAX_HEADER`.
                bytes_before: first.len().try_into().unwrap_or(MAX_HEADER),
            });
        }
        // A delimiter in quotation marks is text.
        let parts: Vec<_> = text.split('"').step_by(2).collect();
        let separates = |delimiter: &u8| {
            let mut parts = parts.iter();
            parts.any(|part| part.as_bytes().contains(delimiter))
        };
        let delimiter = b",;\t".iter().find(|delimiter| separates(delimiter));
        Ok(Self {
            delimiter: delimiter.copied().unwrap_or(b','),
            lines_before: 0,
            bytes_before: 0,
        })
    }

    /// Returns the titles of the columns. `name` is the path of the file in messages.
    pub(in crate::commands) fn header(
        self,
        path: &Path,
        name: &str,
    ) -> Result<csv::StringRecord, Failure> {
        let mut reader = self.reader(path)?;
        let header = reader.headers().cloned();
        header.map_err(|error| self.unreadable(name, 1, &error))
    }

    /// Visits the records after the header, with their lines, until the callback returns `false`.
    ///
    /// Omits empty records, which spreadsheets also write.
    pub(in crate::commands) fn each_record(
        self,
        path: &Path,
        name: &str,
        mut callback: impl FnMut(u64, &csv::StringRecord) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut reader = self.reader(path)?;
        // The header is read first. Otherwise an error in the first record would have the position
        // of the header.
        let failed = |line, error| self.unreadable(name, line, &error);
        let _ = reader.headers().map_err(|error| failed(1, error))?;
        let mut record = csv::StringRecord::new();
        loop {
            let first_line = reader.position().line();
            let read = reader.read_record(&mut record);
            if !read.map_err(|error| failed(first_line, error))? {
                break;
            }
            let line = self.line(reader.position());
            let is_empty = record.iter().all(|cell| trim_blanks(cell).is_empty());
            if !is_empty && !callback(line, &record)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns the failure for a record that cannot be read. `line` is the line of the parser at
    /// which reading of the record began.
    fn unreadable(self, name: &str, line: u64, error: &csv::Error) -> Failure {
        let at = format!(" in line {} or later", self.first_line(line));
        if let Some(error) = quote_error(error) {
            return Failure::malformed(format!("{name}: {error}")).hint(
                "write a quotation mark in a cell as \"\", with the whole cell in quotation marks, and remove line breaks from cells",
            );
        }
        match error.kind() {
            csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Failure::malformed(format!(
                    "{name}: expected rows of at most {MAX_ROW} bytes, found a longer one{at}"
                ))
                .hint("check whether the rows end with line breaks")
            }
            csv::ErrorKind::Utf8 { .. } => Failure::malformed(format!(
                "{name}: expected text in UTF-8, found invalid bytes{at}"
            ))
            .hint("save the table as \"CSV UTF-8\""),
            _ => Failure::malformed(format!("{name}: {}", with_causes(error)))
                .hint("save the table as comma-separated values in UTF-8, with a header"),
        }
    }

    /// Returns the line on which a record begins, from the line of the parser after the record.
    ///
    /// No cell contains a line break. If empty lines precede the record, the position of the record
    /// is the first of these lines.
    fn line(self, after: &csv::Position) -> u64 {
        let line = after.line().saturating_sub(1);
        line.saturating_add(self.lines_before)
    }

    /// Returns the line of the file at which reading of a record began, from the line of the
    /// parser. Empty lines may lie between this line and the record.
    fn first_line(self, before: u64) -> u64 {
        before.saturating_add(self.lines_before)
    }

    fn reader(self, path: &Path) -> Result<CsvReader, Failure> {
        let failed = |error: std::io::Error| Failure::io("read", path, &error);
        let mut file = Utf8Lines::open(path, &show_path(path))?;
        let mut before = file.by_ref().take(self.bytes_before);
        let _ = io::copy(&mut before, &mut io::sink()).map_err(failed)?;
        let quotes = CheckedQuotes::new(file, self.delimiter, self.first_line(1));
        let input = LimitedRow {
            input: quotes.chain(&b"\n"[..]),
            remaining: MAX_ROW,
        };
        let reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .delimiter(self.delimiter)
            // The number of cells is checked for each row, with a better message.
            .flexible(true)
            // A carriage return is trimmed with the cell. Every record ends with a line feed, which
            // makes it possible to count lines.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(input);
        Ok(CsvReader { reader })
    }
}

/// Returns the error of a quotation mark that the reader found.
fn quote_error(error: &csv::Error) -> Option<&QuoteError> {
    match error.kind() {
        csv::ErrorKind::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Returns the first line with text, or the first part of the file, and the number of lines up to
/// it.
fn first_line(path: &Path) -> Result<(Vec<u8>, u64), Failure> {
    let failed = |error: io::Error| Failure::io("read", path, &error);
    let file = Utf8Lines::open(path, &show_path(path))?.take(MAX_HEADER);
    let (mut file, mut lines) = (BufReader::new(file), 0);
    loop {
        let mut line = Vec::new();
        let count = file.read_until(b'\n', &mut line).map_err(failed)?;
        lines += 1;
        if count == 0 || !line.trim_ascii().is_empty() {
            return Ok((line, lines));
        }
    }
}

/// Refuses a text whose first line is that of another format.
fn refuse_other_format(path: &Path, first: &str) -> Result<(), Failure> {
    let found = match first.chars().next() {
        Some('<') => "HTML or XML",
        Some('{' | '[') => "JSON",
        _ => return Ok(()),
    };
    let path = show_path(path);
    let message = format!("{path}: expected a table of comma-separated values, found {found}");
    Err(Failure::malformed(message)
        .hint("save the table as CSV in UTF-8, with the titles of the columns in the first row"))
}

/// Reader of rows with a maximum size, so that memory does not grow with the file.
struct CsvReader {
    reader: csv::Reader<LimitedRow>,
}

impl CsvReader {
    /// Returns the titles of the columns.
    fn headers(&mut self) -> Result<&csv::StringRecord, csv::Error> {
        self.reader.headers()
    }

    /// Reads the next row. Returns whether there was one.
    fn read_record(&mut self, row: &mut csv::StringRecord) -> Result<bool, csv::Error> {
        self.reader.get_mut().remaining = MAX_ROW;
        self.reader.read_record(row)
    }

    /// Returns the position after the last row.
    fn position(&self) -> &csv::Position {
        self.reader.position()
    }
}

/// Input that fails with [`io::ErrorKind::InvalidData`] after the maximum size of a row.
///
/// The parser reads ahead by the size of its buffer, a few kilobytes.
struct LimitedRow {
    input: Chain<CheckedQuotes<Utf8Lines>, &'static [u8]>,
    remaining: u64,
}

impl Read for LimitedRow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.remaining == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.input.by_ref().take(self.remaining).read(buffer)?;
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        self.remaining = self.remaining.saturating_sub(read);
        Ok(count)
    }
}

/// Refuses standard input and pipes, because the rows are read several times, and again after an
/// interruption. `content` is the expected content of the file.
pub(in crate::commands) fn check_file(path: &Path, content: &str) -> Result<(), Failure> {
    let is_file = path.metadata().map_or(true, |found| found.is_file());
    if is_file && path.as_os_str() != "-" {
        return Ok(());
    }
    let found = match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => show_path(path),
    };
    Err(Failure::usage(format!(
        "expected a regular file with {content}, found {found}"
    ))
    .hint(format!(
        "save the {content} to a file, because they are read several times"
    )))
}

/// Returns a message if a record does not have a cell for each of `expected` columns.
///
/// Empty cells after the last column are ignored, because spreadsheets write them.
pub(in crate::commands) fn count_error(
    expected: usize,
    record: &csv::StringRecord,
) -> Option<String> {
    let found = record.len();
    let mut surplus = record.iter().skip(expected);
    let is_surplus_empty = surplus.all(|cell| trim_blanks(cell).is_empty());
    let is_valid = found >= expected && is_surplus_empty;
    (!is_valid).then(|| format!("expected {expected}, found {found}"))
}
