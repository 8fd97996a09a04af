//! Comma-separated values for spreadsheets.

use license_cli_support::escape;
use license_core::encoding::trim_blanks;

/// Returns a document with a header (RFC 4180), without a final line break.
pub(crate) fn document(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = row(columns);
    for cells in rows {
        text.push_str(LINE_BREAK);
        text.push_str(&row(&cells));
    }
    text
}

/// The end of a row.
pub(crate) const LINE_BREAK: &str = "\r\n";

/// Returns a row for a terminal or a file, without a line break. Characters that are not displayed
/// are escaped.
///
/// The `csv` crate only reads tables. Its writer cannot quote a cell because of a semicolon, which
/// is the delimiter of spreadsheets in some countries.
pub(crate) fn row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<_> = cells
        .iter()
        .map(|cell| quoted(&escape(cell.as_ref())))
        .collect();
    cells.join(",")
}

/// Returns a row for a file, without a line break. Only control characters are escaped, because
/// other programs print the names of customers from the file.
pub(crate) fn file_row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<_> = cells
        .iter()
        .map(|cell| quoted(&without_controls(cell.as_ref())))
        .collect();
    cells.join(",")
}

fn without_controls(cell: &str) -> String {
    let parts = cell.split_inclusive(char::is_control);
    let escaped = parts.map(|part| match part.strip_suffix(char::is_control) {
        Some(text) => {
            let control = part.get(text.len()..).unwrap_or_default();
            format!("{text}{}", escape(control))
        }
        None => part.to_owned(),
    });
    escaped.collect()
}

/// Returns whether a cell, without its quotation marks, is a text as [`row`] or [`file_row`] writes
/// it. Blanks around the text do not count.
pub(crate) fn is_cell_of(cell: &str, text: &str) -> bool {
    let written = [
        without_formula(&escape(text)),
        without_formula(&without_controls(text)),
    ];
    let cell = trim_blanks(cell);
    cell == trim_blanks(text) || written.iter().any(|written| cell == trim_blanks(written))
}

fn quoted(cell: &str) -> String {
    let cell = without_formula(cell);
    if cell.contains([',', ';', '"']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// Returns a cell that no spreadsheet interprets as a formula.
///
/// Control characters are escaped before, so that their removal cannot leave a formula. Some
/// spreadsheets treat full-width forms like the ASCII characters that start a formula.
fn without_formula(cell: &str) -> String {
    let formula = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    let mut displayed = cell
        .chars()
        .filter(|character| !character.is_whitespace() && is_displayed(*character));
    let is_formula = displayed
        .next()
        .is_some_and(|first| formula.contains(&first));
    format!("{}{cell}", if is_formula { "'" } else { "" })
}

fn is_displayed(character: char) -> bool {
    let mut buffer = [0; 4];
    let text = character.encode_utf8(&mut buffer);
    escape(text) == *text
}

#[cfg(test)]
mod tests {
    use super::{file_row, is_cell_of, row};

    #[test]
    fn cells_that_start_like_a_formula_are_quoted() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("-1", "'-1"),
            (" =1", "' =1"),
            ("\u{a0}@SUM(1)", "'\u{a0}@SUM(1)"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\u{1b}[31m=evil", r"\u{1b}[31m=evil"),
            ("\t=1", r"\u{9}=1"),
            ("\r\n=1", r"\u{d}\u{a}=1"),
            ("\u{feff}=1", r"\u{feff}=1"),
            ("a;=1", "\"a;=1\""),
            ("=a\"b", "\"'=a\"\"b\""),
            ("ACME, Inc", "\"ACME, Inc\""),
            ("M\u{fc}ller", "M\u{fc}ller"),
        ] {
            assert_eq!(row(&[cell]), expected, "{cell:?}");
        }
    }

    #[test]
    fn a_row_for_a_file_keeps_characters_that_are_not_displayed() {
        for (cell, expected) in [
            ("Ac\u{200b}me", "Ac\u{200b}me"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("\u{200b} =1", "'\u{200b} =1"),
            ("\r\n=1", r"\u{d}\u{a}=1"),
            ("a\u{1b}[31m", r"a\u{1b}[31m"),
            ("a;=1", "\"a;=1\""),
        ] {
            assert_eq!(file_row(&[cell]), expected, "{cell:?}");
        }
    }

    #[test]
    fn a_cell_is_recognized_in_each_written_form() {
        for (cell, text, expected) in [
            ("ACME", "ACME", true),
            (" ACME ", "ACME", true),
            ("'=1+1", "=1+1", true),
            ("=1+1", "=1+1", true),
            (r"Ac\u{200b}me", "Ac\u{200b}me", true),
            ("Ac\u{200b}me", "Ac\u{200b}me", true),
            ("acme", "ACME", false),
            ("", "ACME", false),
        ] {
            assert_eq!(is_cell_of(cell, text), expected, "{cell:?}");
        }
    }
}
