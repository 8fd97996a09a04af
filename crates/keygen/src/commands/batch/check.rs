//! Check of all orders before the first license is signed.

use std::collections::BTreeMap;

use license_cli_support::{Exit, Failure, Progress, Terminal, escape, plural};
use license_core::policy::CheckIn;
use license_issuer::ledger::LedgerReader;
use license_issuer::names::{NameSet, NameSetError};
use serde_json::{Value, json};

use super::manifest;
use super::orders::{OrderRow, Orders};
use super::row_error::{RowError, RowErrorGroup, RowErrors};

/// Number of different row errors after which the remaining rows are not read.
const MAX_ROW_ERRORS: usize = 20;

/// Number of different warnings, and of different notes, that are shown.
const MAX_WARNINGS: usize = 20;

/// Orders that can be issued, and their warnings.
#[derive(Default)]
pub(super) struct CheckedOrders {
    pub(super) rows: u64,
    /// Number of rows that repeat the order of an earlier row.
    copies: u64,
    /// Warnings. The column of each one is its code.
    warnings: RowErrors,
    notes: RowErrors,
    /// Number of warnings and notes that are not shown.
    hidden: u64,
    /// Number of licenses for each policy of check-ins, by its two durations in hours.
    check_ins: BTreeMap<(i64, i64), u64>,
}

/// Returns the orders if all of them are valid.
pub(super) fn check(
    orders: &Orders<'_>,
    ledger: Option<&dyn LedgerReader>,
) -> Result<CheckedOrders, Failure> {
    let mut checked = CheckedOrders::default();
    let mut errors = RowErrors::default();
    let mut progress = Progress::new("rows checked", None);
    let names = orders.has_file_column().then(NameSet::new).transpose();
    let names = names.map_err(|error| no_names(&error))?;
    orders.each(|order| {
        progress.set(checked.rows);
        checked.rows += 1;
        match order {
            Ok(order) => {
                if let Err(error) = checked.add(orders, &order, ledger) {
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
    if checked.rows == 0 {
        return Err(Failure::malformed(format!(
            "{}: expected orders, found only a header",
            orders.name
        ))
        .hint("add a row for each license"));
    }
    if errors.len() == 0 {
        return Ok(checked);
    }
    Err(invalid_rows(orders, &errors))
}

impl CheckedOrders {
    fn add(
        &mut self,
        orders: &Orders<'_>,
        order: &OrderRow,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<(), RowError> {
        self.copies += u64::from(order.copy > 0);
        let checked = orders.check(order, ledger)?;
        for (code, message) in checked.warnings {
            let warning = RowError::new(order.line, code, &message);
            self.hidden += u64::from(!self.warnings.add_up_to(warning, MAX_WARNINGS));
        }
        for note in checked.notes {
            let note = RowError::new(order.line, "", &note);
            self.hidden += u64::from(!self.notes.add_up_to(note, MAX_WARNINGS));
        }
        if let Some(policy) = checked.check_in {
            let hours = |policy: CheckIn| (policy.every().num_hours(), policy.grace().num_hours());
            *self.check_ins.entry(hours(policy)).or_default() += 1;
        }
        Ok(())
    }

    /// Prints the warnings and notes about the rows and the columns.
    pub(super) fn print_warnings(&self, orders: &Orders<'_>, terminal: &Terminal) {
        note_columns(orders, self.copies, terminal);
        for warning in self.warnings.groups() {
            let message = format!("{}: {}", warning.rows(), warning.message());
            terminal.warning(warning.column(), &message);
        }
        for note in self.notes.groups() {
            terminal.note(&format!("{}: {}", note.rows(), note.message()));
        }
        if self.hidden > 0 {
            let more = plural(
                self.hidden,
                "other warning or note",
                "other warnings and notes",
            );
            terminal.note(&format!("{more} about rows are not shown"));
        }
    }

    /// Returns the warnings for the JSON report.
    pub(super) fn warnings_json(&self) -> Vec<Value> {
        let groups = self.warnings.groups();
        let object = |warning: &RowErrorGroup| {
            json!({
                "code": warning.column(),
                "message": warning.message(),
                "line": warning.line(),
                "rows": warning.count(),
            })
        };
        groups.map(object).collect()
    }

    /// Returns the number of licenses that must check in.
    pub(super) fn check_in_count(&self) -> u64 {
        self.check_ins.values().sum()
    }

    /// Returns lines about the licenses that must check in. A report starts with these lines,
    /// because without a check-in a license ends earlier than its term.
    pub(super) fn check_in_lines(&self) -> Vec<String> {
        let lines = self.check_ins.iter().map(|((every, grace), count)| {
            format!(
                "check-in required every {every} hours for {}; without one, a license ends after {grace} hours",
                plural(*count, "license", "licenses"),
            )
        });
        lines.collect()
    }
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
    let names = carried.iter().map(|title| format!("`{}`", escape(title)));
    let names: Vec<_> = names.collect();
    let names = names.join(", ");
    let (word, verb) = if carried.len() == 1 {
        ("column", "sets")
    } else {
        ("columns", "set")
    };
    terminal.note(&format!(
        "the {word} {names} of the orders {verb} nothing in a license; {} repeats the cells",
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
