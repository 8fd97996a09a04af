//! Tables of licenses, with the customer first and the id last.

use license_cli_support::{Meaning, StyledText, TextColumn, TextTable};

/// Width of the column of customers up to which names are not wrapped.
const CUSTOMER_WIDTH: u16 = 20;

/// Table with a row for each license.
///
/// On a terminal that is too narrow for one line, the id of a license is below its customer. Ids
/// and keys are never split, because users copy them.
pub(crate) struct LicenseTable {
    columns: Vec<TextColumn>,
    id_title: &'static str,
    rows: Vec<LicenseRow>,
}

struct LicenseRow {
    customer: StyledText,
    cells: Vec<StyledText>,
    id: String,
}

impl LicenseTable {
    /// Creates a table with these columns between those of the customer and the id.
    pub(crate) fn new(
        columns: impl IntoIterator<Item = TextColumn>,
        id_title: &'static str,
    ) -> Self {
        let columns = columns.into_iter();
        Self {
            columns: columns.map(TextColumn::without_wrapping).collect(),
            id_title,
            rows: Vec::new(),
        }
    }

    /// Adds a license.
    pub(crate) fn row(
        &mut self,
        customer: impl Into<StyledText>,
        cells: impl IntoIterator<Item = StyledText>,
        id: &str,
    ) {
        self.rows.push(LicenseRow {
            customer: customer.into(),
            cells: cells.into_iter().collect(),
            id: id.to_owned(),
        });
    }

    /// Returns whether each license needs one line, apart from long names.
    pub(crate) fn fits(&self, terminal_columns: Option<usize>) -> bool {
        let Some(terminal_columns) = terminal_columns else {
            return true;
        };
        let table = self.in_one_line();
        let last = self.columns.len().saturating_add(1);
        let widths = (1..=last).map(|column| table.content_width(column).saturating_add(2));
        let customer = table.content_width(0).min(CUSTOMER_WIDTH);
        let width = usize::from(widths.fold(customer, u16::saturating_add));
        // A name without spaces, such as a Japanese one, is not wrapped.
        width <= terminal_columns && table.fits(terminal_columns)
    }

    /// Returns the lines of the table.
    pub(crate) fn to_text(&self, terminal_columns: Option<usize>) -> String {
        let table = if self.fits(terminal_columns) {
            self.in_one_line()
        } else {
            self.in_two_lines()
        };
        table.to_text(terminal_columns)
    }

    fn in_one_line(&self) -> TextTable {
        let columns = [TextColumn::new("CUSTOMER")].into_iter();
        let id = TextColumn::new(self.id_title).without_wrapping();
        let mut table = TextTable::new(columns.chain(self.columns.iter().cloned()).chain([id]));
        for row in &self.rows {
            let cells = [row.customer.clone()].into_iter();
            let id = StyledText::from(&row.id);
            table.row(cells.chain(row.cells.iter().cloned()).chain([id]));
        }
        table
    }

    fn in_two_lines(&self) -> TextTable {
        let title = format!("CUSTOMER, {}", self.id_title);
        let columns = [TextColumn::new(title)].into_iter();
        let mut table = TextTable::new(columns.chain(self.columns.iter().cloned()));
        for row in &self.rows {
            let cells = [row.customer.clone()].into_iter();
            table.row(cells.chain(row.cells.iter().cloned()));
            let id = StyledText::from("  ").and(StyledText::new(Meaning::Dim, &row.id));
            let others = self.columns.iter().map(|_| StyledText::default());
            table.row([id].into_iter().chain(others));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LicenseTable {
        let mut table = LicenseTable::new([TextColumn::new("TIER")], "LICENSE");
        table.row("ACME Ltd", [StyledText::from("PRO")], "0190aaaa-bbbb-cccc");
        table.row(
            "A company with a long name",
            [StyledText::from("ENT")],
            "KEY-1",
        );
        table
    }

    #[test]
    fn an_id_is_below_its_customer_if_the_terminal_is_narrow() {
        let plain = |columns| {
            let text = sample().to_text(columns);
            text.replace("\u{1b}[1m", "")
                .replace("\u{1b}[2m", "")
                .replace("\u{1b}[0m", "")
        };
        let wide = "CUSTOMER                    TIER  LICENSE\n\
            ACME Ltd                    PRO   0190aaaa-bbbb-cccc\n\
            A company with a long name  ENT   KEY-1";
        assert_eq!(plain(None), wide);
        assert_eq!(plain(Some(80)), wide);
        let narrow = "CUSTOMER, LICENSE       TIER\n\
            ACME Ltd                PRO\n\x20 \
            0190aaaa-bbbb-cccc\n\
            A company with a long   ENT\n\
            name\n\x20 \
            KEY-1";
        assert_eq!(plain(Some(28)), narrow);
    }

    #[test]
    fn a_long_name_without_spaces_is_not_in_one_line_with_the_id() {
        let mut table = LicenseTable::new([TextColumn::new("TIER")], "LICENSE");
        table.row(
            "東京精密機械製作所開発部",
            [StyledText::from("PRO")],
            "0190aaaa-bbbb-cccc",
        );
        assert!(table.fits(Some(24 + 2 + 4 + 2 + 18)));
        assert!(!table.fits(Some(24 + 2 + 4 + 2 + 17)));
    }
}
