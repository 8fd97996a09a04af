//! Rows of text in aligned columns.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};

use crate::fields::Fields;
use crate::meaning::Meaning;
use crate::styled_text::{StyledText, paint};
use crate::wrap::display_width;

/// The number of spaces between two columns.
const GAP: u16 = 2;

/// The minimum width of wrapped cells. Narrower cells are hard to read.
const MIN_WRAPPED: usize = 12;

/// A column of a [`TextTable`].
#[derive(Debug, Clone)]
pub struct TextColumn {
    title: String,
    gap: u16,
    min_width: Option<u16>,
    never_wraps: bool,
    is_right_aligned: bool,
}

impl TextColumn {
    /// Creates a left-aligned column that is followed by two spaces.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            gap: GAP,
            min_width: None,
            never_wraps: false,
            is_right_aligned: false,
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

    /// Aligns the column at its right edge, for numbers.
    #[must_use]
    pub fn right_aligned(mut self) -> Self {
        self.is_right_aligned = true;
        self
    }
}

/// Rows of text in aligned columns.
///
/// ```
/// use license_cli_support::{Meaning, StyledText, TextColumn, TextTable};
///
/// let mut table = TextTable::new([TextColumn::new("KEY"), TextColumn::new("CUSTOMER")]);
/// table.row(["LIC-7Q2F", "ACME Ltd"]);
/// table.row([StyledText::from("LIC-9W1X"), StyledText::new(Meaning::Dim, "unknown")]);
/// let text = table.to_text(None);
/// assert!(text.contains("\nLIC-7Q2F  ACME Ltd\n"));
/// ```
#[derive(Debug, Clone)]
pub struct TextTable {
    columns: Vec<TextColumn>,
    rows: Vec<TableRow>,
}

#[derive(Debug, Clone)]
struct TableRow {
    cells: Vec<StyledText>,
    /// Whether the cells are the titles of the following rows.
    is_header: bool,
}

impl TextTable {
    /// Creates a table without rows. The table has a header unless all titles are empty.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = TextColumn>) -> Self {
        let columns = columns.into_iter().collect();
        let rows = Vec::new();
        Self { columns, rows }
    }

    /// Adds a row.
    pub fn row<C: Into<StyledText>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(Into::into).collect();
        let is_header = false;
        self.rows.push(TableRow { cells, is_header });
    }

    /// Begins a section with its own titles, below an empty line. The columns stay the same.
    pub fn section(&mut self, titles: impl IntoIterator<Item = String>) {
        let titles = titles.into_iter();
        let titles = titles.map(|title| StyledText::new(Meaning::Heading, &title));
        self.rows.push(TableRow {
            cells: titles.collect(),
            is_header: true,
        });
    }

    /// Returns the lines of the table.
    ///
    /// If the width of the terminal is known, long cells are wrapped at words so that the table
    /// fits. On a terminal that is too narrow even then, each row becomes a list of fields. Without
    /// a terminal, each row is one line.
    #[must_use]
    pub fn to_text(&self, terminal_columns: Option<usize>) -> String {
        let Some(columns) = terminal_columns else {
            return self.layout(None);
        };
        match u16::try_from(columns) {
            Ok(width) if self.fits(columns) => self.layout(Some(width)),
            // A terminal with more than `u16::MAX` columns needs no wrapping.
            Err(_) => self.layout(None),
            Ok(_) if self.has_header() => self.records(columns),
            Ok(_) => self.layout(None),
        }
    }

    /// Returns whether the table fits a terminal with these columns if long cells are wrapped at
    /// words.
    #[must_use]
    pub fn fits(&self, columns: usize) -> bool {
        let least: usize = self.least_widths().map(usize::from).sum();
        least <= columns
    }

    /// Returns the width of the longest cell of a column, to align another table with this one. The
    /// width of a column that does not exist is 0.
    #[must_use]
    pub fn content_width(&self, column: usize) -> u16 {
        let widths = self.unaligned().column_max_content_widths();
        widths.get(column).copied().unwrap_or(0)
    }

    fn has_header(&self) -> bool {
        self.columns.iter().any(|column| !column.title.is_empty())
    }

    /// Lays the rows out in columns, and wraps cells if the width is known.
    fn layout(&self, width: Option<u16>) -> String {
        let mut table = self.unaligned();
        let contents = table.column_max_content_widths();
        let last = self.columns.len().saturating_sub(1);
        let least = self.least_widths();
        for (index, (column, least)) in self.columns.iter().zip(least).enumerate() {
            let Some(target) = table.column_mut(index) else {
                continue;
            };
            let gap = if index == last { 0 } else { column.gap };
            target.set_padding((0, gap));
            if column.is_right_aligned {
                target.set_cell_alignment(CellAlignment::Right);
            }
            let content = contents.get(index).copied().unwrap_or_default();
            let is_fixed = column.min_width.is_some_and(|min| min > content);
            target.set_constraint(match (is_fixed, column.never_wraps) {
                (true, _) => ColumnConstraint::Absolute(Width::Fixed(least)),
                (false, true) => ColumnConstraint::ContentWidth,
                (false, false) => ColumnConstraint::LowerBoundary(Width::Fixed(least)),
            });
        }
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        paint(&table.trim_fmt())
    }

    /// Returns the minimum readable width of each column, with its gap. No word is broken at this
    /// width.
    fn least_widths(&self) -> impl Iterator<Item = u16> {
        let last = self.columns.len().saturating_sub(1);
        self.columns.iter().enumerate().map(move |(index, column)| {
            let title = StyledText::from(column.title.as_str());
            let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
            let cells = cells.chain([&title]).map(StyledText::marked);
            let least = cells.map(|cell| {
                if column.never_wraps {
                    display_width(cell)
                } else {
                    least_width(cell)
                }
            });
            let least = u16::try_from(least.max().unwrap_or_default()).unwrap_or(u16::MAX);
            let gap = if index == last { 0 } else { column.gap };
            let min_width = column.min_width.unwrap_or_default();
            least.max(min_width).saturating_add(gap)
        })
    }

    /// Returns the rows as lists of fields, with an empty line between two rows.
    fn records(&self, columns: usize) -> String {
        let mut titles = self.titles();
        let mut records = Vec::new();
        for row in &self.rows {
            if row.is_header {
                titles.clone_from(&row.cells);
                continue;
            }
            let mut fields = Fields::new();
            for (title, cell) in titles.iter().zip(&row.cells) {
                fields.add(title.clone(), cell.clone());
            }
            records.push(fields.to_text(Some(columns)));
        }
        records.join("\n\n")
    }

    fn titles(&self) -> Vec<StyledText> {
        let titles = self.columns.iter().map(|column| column.title.as_str());
        titles
            .map(|title| StyledText::new(Meaning::Heading, title))
            .collect()
    }

    fn unaligned(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if self.has_header() {
            table.set_header(self.titles().iter().map(StyledText::marked));
        }
        for row in &self.rows {
            if row.is_header {
                table.add_row([""; 0]);
            }
            table.add_row(row.cells.iter().map(StyledText::marked));
        }
        table
    }
}

/// Returns the minimum readable width of a cell that can be wrapped.
fn least_width(cell: &str) -> usize {
    let words = cell.split(' ').map(display_width);
    let longest = words.max().unwrap_or_default();
    longest.max(display_width(cell).min(MIN_WRAPPED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(table: &TextTable, columns: Option<usize>) -> String {
        anstream::adapter::strip_str(&table.to_text(columns)).to_string()
    }

    fn sample() -> TextTable {
        let columns = [
            TextColumn::new("ID").without_wrapping(),
            TextColumn::new("N"),
            TextColumn::new("NAME"),
        ];
        let mut table = TextTable::new(columns);
        table.row(["0190-aaaa-bbbb", "7", "a name of several words"]);
        table.row(["0191-cccc-dddd", "12", "b"]);
        table
    }

    #[test]
    fn each_row_is_one_line_without_trailing_spaces_if_there_is_no_terminal() {
        let expected = "ID              N   NAME\n\
                        0190-aaaa-bbbb  7   a name of several words\n\
                        0191-cccc-dddd  12  b";
        assert_eq!(plain(&sample(), None), expected);
    }

    #[test]
    fn each_row_is_a_list_of_fields_if_the_terminal_is_too_narrow_for_columns() {
        let expected = "  ID    0190-aaaa-bbbb\n  N     7\n  NAME  a name of several\n        words\n\n  \
                        ID    0191-cccc-dddd\n  N     12\n  NAME  b";
        assert_eq!(plain(&sample(), Some(28)), expected);
    }

    #[test]
    fn no_word_is_broken_at_any_width() {
        let mut table = TextTable::new([
            TextColumn::new("PATH"),
            TextColumn::new("STATE OF THE FILE"),
        ]);
        table.row(["/var/lib/licenses/acme.lic", "not readable by this user"]);
        table.row(["東京 大阪 京都", "in effect"]);
        for columns in 0..100 {
            let text = plain(&table, Some(columns));
            for word in "/var/lib/licenses/acme.lic STATE readable effect 東京".split(' ') {
                assert!(text.contains(word), "{columns}: {text}");
            }
            if columns >= 40 {
                let widest = text.lines().map(display_width).max();
                assert!(widest <= Some(columns), "{columns}: {text}");
            }
        }
    }

    #[test]
    fn styles_do_not_disturb_the_columns() {
        let mut table = TextTable::new([
            TextColumn::new("A"),
            TextColumn::new("N").right_aligned(),
            TextColumn::new("C"),
        ]);
        let row = |meaning, number: &str| {
            [
                StyledText::new(meaning, "some words"),
                number.into(),
                "c".into(),
            ]
        };
        table.row(row(Meaning::Good, "7"));
        table.row(row(Meaning::Bad, "1200"));
        let expected = "A              N  C\nsome words     7  c\nsome words  1200  c";
        assert_eq!(plain(&table, None), expected);
        let text = table.to_text(Some(80));
        assert!(text.contains(&Meaning::Bad.paint("some words")), "{text:?}");
        assert!(text.starts_with(&Meaning::Heading.paint("A")), "{text:?}");
    }

    #[test]
    fn cells_are_wrapped_on_a_narrow_terminal_except_in_columns_without_wrapping() {
        let text = plain(&sample(), Some(34));
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
        let columns = |least| {
            [
                TextColumn::new("A").min_width(least),
                TextColumn::new("B").gap(1),
            ]
        };
        let text = |least| {
            let mut table = TextTable::new(columns(least));
            table.row(["cell", "x"]);
            plain(&table, None)
        };
        assert_eq!(text(6), "A       B\ncell    x");
        assert_eq!(text(2), "A     B\ncell  x");
    }

    #[test]
    fn a_section_has_its_own_titles() {
        let mut table = TextTable::new([TextColumn::new("FEATURE"), TextColumn::new("HERE")]);
        table.row(["sso", "granted"]);
        table.section(["QUOTA".to_owned(), "HERE".to_owned()]);
        table.row(["agents", "52"]);
        let expected = "FEATURE  HERE\nsso      granted\n\nQUOTA    HERE\nagents   52";
        assert_eq!(plain(&table, None), expected);
        let expected = "  FEATURE  sso\n  HERE     granted\n\n  QUOTA  agents\n  HERE   52";
        assert_eq!(plain(&table, Some(12)), expected);
    }

    #[test]
    fn cells_are_escaped_and_empty_titles_print_no_header() {
        let mut table = TextTable::new([TextColumn::new(""), TextColumn::new("")]);
        table.row(["a\nb", "\u{1b}[2J"]);
        assert_eq!(table.to_text(None), r"a\u{a}b  \u{1b}[2J");
    }
}
