//! Errors in rows of the table of orders.

use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use license_cli_support::{escape, plural};
use license_core::with_causes;

use super::columns::OPTIONS_WITHOUT_COLUMN;

/// Number of lines that a group of equal errors names.
const MAX_LINES: usize = 3;

/// Error in a row.
#[derive(Debug)]
pub(super) struct RowError {
    /// Line of the file on which the row begins.
    line: u64,
    column: String,
    message: String,
}

impl RowError {
    pub(super) fn new(line: u64, column: &str, message: &str) -> Self {
        Self {
            line,
            column: column.to_owned(),
            message: escape(message).into_owned(),
        }
    }

    /// Adds a remark to the message.
    pub(super) fn with_remark(mut self, remark: Option<String>) -> Self {
        if let Some(remark) = remark {
            self.message = format!("{} ({})", self.message, escape(&remark));
        }
        self
    }

    /// Converts an error of the option parser.
    pub(super) fn from_parser(line: u64, error: &clap::Error) -> Self {
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
            .filter(|name| !OPTIONS_WITHOUT_COLUMN.contains(name))
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
        Self::new(line, &columns, &message)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, {}: {}", self.line, self.column, self.message)
    }
}

/// Errors of a table. Equal errors in several rows are one group.
#[derive(Debug, Default)]
pub(super) struct RowErrors {
    groups: Vec<RowErrorGroup>,
}

/// The first of several equal errors, and the lines of all of them.
#[derive(Debug)]
pub(super) struct RowErrorGroup {
    first: RowError,
    /// The first [`MAX_LINES`] lines.
    lines: Vec<u64>,
    count: u64,
}

impl RowErrors {
    pub(super) fn add(&mut self, error: RowError) {
        let _ = self.add_up_to(error, usize::MAX);
    }

    /// Adds an error, unless it would be one more than `limit` different errors. Returns whether it
    /// was added.
    pub(super) fn add_up_to(&mut self, error: RowError, limit: usize) -> bool {
        let is_equal = |group: &&mut RowErrorGroup| {
            group.first.column == error.column && group.first.message == error.message
        };
        if let Some(group) = self.groups.iter_mut().find(is_equal) {
            group.count += 1;
            if group.lines.len() < MAX_LINES {
                group.lines.push(error.line);
            }
            return true;
        }
        let has_space = self.groups.len() < limit;
        if has_space {
            self.groups.push(RowErrorGroup {
                lines: vec![error.line],
                first: error,
                count: 1,
            });
        }
        has_space
    }

    /// Returns the number of different errors.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns whether a column has an error.
    pub(super) fn has(&self, column: &str) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.first.column == column)
    }

    /// Returns the groups of equal errors.
    pub(super) fn groups(&self) -> impl Iterator<Item = &RowErrorGroup> {
        self.groups.iter()
    }

    /// Returns a text for each group of errors.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.groups.iter().map(ToString::to_string)
    }
}

impl RowErrorGroup {
    pub(super) fn column(&self) -> &str {
        &self.first.column
    }

    pub(super) fn message(&self) -> &str {
        &self.first.message
    }

    /// Returns the first line.
    pub(super) fn line(&self) -> u64 {
        self.first.line
    }

    /// Returns the number of rows.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the first lines and the number of other rows, such as `lines 2, 3, 4 and 9 other
    /// rows`.
    pub(super) fn rows(&self) -> String {
        if self.count == 1 {
            return format!("line {}", self.first.line);
        }
        let lines: Vec<_> = self.lines.iter().map(u64::to_string).collect();
        let shown = lines.iter().map(|_| 1_u64).sum();
        let more = match self.count.saturating_sub(shown) {
            0 => String::new(),
            more => format!(" and {}", plural(more, "other row", "other rows")),
        };
        format!("lines {}{more}", lines.join(", "))
    }
}

impl fmt::Display for RowErrorGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.rows(), self.column(), self.message())
    }
}
