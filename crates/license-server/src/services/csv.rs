//! Tables as CSV (RFC 4180).

/// Returns a line of texts.
pub fn csv_line<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let cells = texts.into_iter().map(|text| cell(text.as_ref()));
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// Returns a text as a cell. A text that a spreadsheet would run as a formula gets an apostrophe in
/// front, as OWASP recommends. A text with a separator, a quote or a line break is quoted.
pub(super) fn cell(text: &str) -> String {
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n', ';', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_and_is_no_formula() {
        for (text, expected) in [
            ("ACME Ltd", "ACME Ltd"),
            ("ACME, Ltd", "\"ACME, Ltd\""),
            ("The \"A\" Team", "\"The \"\"A\"\" Team\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn a_line_has_a_cell_for_each_text() {
        assert_eq!(csv_line(["a", "", "b,c"]), "a,,\"b,c\"\r\n");
    }
}
