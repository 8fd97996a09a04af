//! Rows of text in aligned columns.

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Width};

use crate::escape::escape;

/// The number of spaces between two columns.
const GAP: u16 = 2;

/// The minimum width of wrapped cells. Narrower cells are hard to read.
const MIN_WRAPPED: u16 = 12;

/// A column of a [`Table`].
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    gap: u16,
    min_width: Option<u16>,
    never_wraps: bool,
}

impl Column {
    /// Creates a left-aligned column that is followed by two spaces.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            gap: GAP,
            min_width: None,
            never_wraps: false,
        }
    }

    /// Sets the number of spaces between this column and the next one.
    #[must_use]
    pub fn gap(mut self, gap: u16) -> Self {
        self.gap = gap;
        self
    }

    /// Sets the minimum width of the column.
    #[must_use]
    pub fn min_width(mut self, width: u16) -> Self {
        self.min_width = Some(width);
        self
    }

    /// Disables wrapping for the cells of the column, such as ids that users copy.
    #[must_use]
    pub fn without_wrapping(mut self) -> Self {
        self.never_wraps = true;
        self
    }

    /// Returns the minimum readable width of the column, with its gap.
    fn least_width(&self, content: u16) -> u16 {
        let wrapped = if self.never_wraps {
            content
        } else {
            content.min(MIN_WRAPPED)
        };
        wrapped
            .max(self.min_width.unwrap_or_default())
            .saturating_add(self.gap)
    }

    fn constraint(&self, content: u16) -> Option<ColumnConstraint> {
        let least = self.min_width.filter(|least| *least > content);
        match (least, self.never_wraps) {
            (Some(least), _) => Some(ColumnConstraint::Absolute(Width::Fixed(least + self.gap))),
            (None, true) => Some(ColumnConstraint::ContentWidth),
            (None, false) => None,
        }
    }
}

/// Rows of text in aligned columns. Cells are escaped.
///
/// ```
/// use license_cli_support::{Column, Table};
///
/// let mut table = Table::new([Column::new("KEY"), Column::new("CUSTOMER")]);
/// table.row(["LIC-7Q2F", "ACME Ltd"]);
/// assert_eq!(table.to_text(None), "KEY       CUSTOMER\nLIC-7Q2F  ACME Ltd");
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows. The table has a header unless all titles are empty.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let columns = columns.into_iter().collect();
        let rows = Vec::new();
        Self { columns, rows }
    }

    /// Adds a row.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(|cell| escape(cell.as_ref()).into());
        self.rows.push(cells.collect());
    }

    /// Returns the lines of the table.
    ///
    /// If the width of the terminal is known, long cells are wrapped so that the table fits.
    /// Without a terminal, or on a terminal that is too narrow, each row is one line.
    #[must_use]
    pub fn to_text(&self, terminal_columns: Option<usize>) -> String {
        let mut table = self.unaligned();
        let contents = table.column_max_content_widths();
        let last = self.columns.len().saturating_sub(1);
        let columns = self.columns.iter().zip(&contents);
        let least = columns.map(|(column, content)| column.least_width(*content));
        let least = least.fold(0, u16::saturating_add);
        for (index, (column, content)) in self.columns.iter().zip(contents).enumerate() {
            let Some(target) = table.column_mut(index) else {
                continue;
            };
            let gap = if index == last { 0 } else { column.gap };
            target.set_padding((0, gap));
            if let Some(constraint) = column.constraint(content) {
                target.set_constraint(constraint);
            }
        }
        // A terminal with more than `u16::MAX` columns needs no wrapping.
        if let Some(Ok(width)) = terminal_columns.map(u16::try_from)
            && least <= width
        {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        table.trim_fmt()
    }

    /// Returns the width of the longest cell of a column, to align another table with this one. The
    /// width of a column that does not exist is 0.
    #[must_use]
    pub fn content_width(&self, column: usize) -> u16 {
        let widths = self.unaligned().column_max_content_widths();
        widths.get(column).copied().unwrap_or(0)
    }

    fn unaligned(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            table.set_header(self.columns.iter().map(|column| escape(&column.title)));
        }
        table.add_rows(&self.rows);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let columns = [
            Column::new("ID").without_wrapping(),
            Column::new("N"),
            Column::new("NAME"),
        ];
        let mut table = Table::new(columns);
        table.row(["0190-aaaa-bbbb", "7", "a name of several words"]);
        table.row(["0191-cccc-dddd", "12", "b"]);
        table
    }

    #[test]
    fn each_row_is_one_line_without_trailing_spaces_if_there_is_no_terminal() {
        let expected = "ID              N   NAME\n\
                        0190-aaaa-bbbb  7   a name of several words\n\
                        0191-cccc-dddd  12  b";
        assert_eq!(sample().to_text(None), expected);
    }

    #[test]
    fn each_row_is_one_line_if_the_terminal_is_too_narrow_to_wrap() {
        assert_eq!(sample().to_text(Some(20)), sample().to_text(None));
    }

    #[test]
    fn cells_are_wrapped_on_a_narrow_terminal_except_in_columns_without_wrapping() {
        let text = sample().to_text(Some(34));
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() <= 34),
            "{text}"
        );
        assert!(lines.len() > 3, "{text}");
        assert!(lines[1].starts_with("0190-aaaa-bbbb  7   "), "{text}");
    }

    #[test]
    fn a_wide_terminal_changes_nothing() {
        assert_eq!(sample().to_text(Some(200)), sample().to_text(None));
    }

    #[test]
    fn a_column_has_at_least_the_minimum_width_and_the_width_of_its_content() {
        let columns = |least| [Column::new("A").min_width(least), Column::new("B").gap(1)];
        let text = |least| {
            let mut table = Table::new(columns(least));
            table.row(["cell", "x"]);
            table.to_text(None)
        };
        assert_eq!(text(6), "A       B\ncell    x");
        assert_eq!(text(2), "A     B\ncell  x");
    }

    #[test]
    fn cells_are_escaped_and_empty_titles_print_no_header() {
        let mut table = Table::new([Column::new(""), Column::new("")]);
        table.row(["a\nb", "\u{1b}[2J"]);
        assert_eq!(table.to_text(None), r"a\u{a}b  \u{1b}[2J");
    }
}
