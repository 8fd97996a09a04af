//! Comma-separated values for spreadsheets.

use license_cli_support::escape;

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

/// Returns a row, without a line break.
///
/// The `csv` crate only reads tables. Its writer cannot quote a cell because of a semicolon, which
/// is the delimiter of spreadsheets in some countries.
pub(crate) fn row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",")
}

/// Returns a cell that no spreadsheet interprets as a formula.
///
/// Control characters are escaped first, so that their removal cannot leave a formula. Some
/// spreadsheets treat full-width forms like the ASCII characters that start a formula.
fn quoted(cell: &str) -> String {
    let cell = escape(cell);
    let formula = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    let is_formula = cell.trim_start().starts_with(formula);
    let cell = format!("{}{cell}", if is_formula { "'" } else { "" });
    if cell.contains([',', ';', '"']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

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
            assert_eq!(quoted(cell), expected, "{cell:?}");
        }
    }
}
