//! Labeled values, one below the other.

use crate::styled_text::{StyledText, paint};
use crate::wrap::{display_width, wrap};

/// The number of spaces in front of the labels.
const INDENT: usize = 2;

/// The number of spaces between the labels and the values.
const GAP: usize = 2;

/// The minimum number of columns of wrapped values.
const MIN_VALUE: usize = 20;

/// Labeled values, one below the other. The values are aligned.
///
/// On a terminal, a long value continues on the next line, below its beginning.
///
/// ```
/// use license_cli_support::Fields;
///
/// let mut fields = Fields::new();
/// fields.add("tier", "PRO");
/// fields.add("customer", "ACME Ltd");
/// assert_eq!(fields.to_text(None), "  tier      PRO\n  customer  ACME Ltd");
/// assert_eq!(fields.to_text(Some(30)), fields.to_text(None));
/// ```
#[derive(Debug, Clone)]
pub struct Fields {
    indent: usize,
    min_label: usize,
    fields: Vec<(StyledText, StyledText)>,
}

impl Default for Fields {
    fn default() -> Self {
        Self::new()
    }
}

impl Fields {
    /// Creates a list without fields, whose labels are indented by two spaces.
    #[must_use]
    pub fn new() -> Self {
        Self {
            indent: INDENT,
            min_label: 0,
            fields: Vec::new(),
        }
    }

    /// Sets the number of spaces in front of the labels.
    #[must_use]
    pub fn indent(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// Sets the minimum width of the labels, to align several lists.
    #[must_use]
    pub fn min_label_width(mut self, width: usize) -> Self {
        self.min_label = width;
        self
    }

    /// Adds a field. A field with an empty label continues the one above it.
    pub fn add(&mut self, label: impl Into<StyledText>, value: impl Into<StyledText>) {
        self.fields.push((label.into(), value.into()));
    }

    /// Returns whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the lines of the fields. Without a terminal, each field is one line.
    #[must_use]
    pub fn to_text(&self, terminal_columns: Option<usize>) -> String {
        let widths = self
            .fields
            .iter()
            .map(|(label, _)| display_width(label.marked()));
        let label_width = widths.max().unwrap_or_default().max(self.min_label);
        let begin = self.indent + label_width + GAP;
        let columns = terminal_columns.map(|columns| columns.max(begin + MIN_VALUE));
        let lines = self.fields.iter().map(|(label, value)| {
            let padding = begin - self.indent - display_width(label.marked());
            let indent = " ".repeat(self.indent);
            let label = format!("{indent}{}{}", label.marked(), " ".repeat(padding));
            // Only the value is wrapped, so a line never ends inside the label.
            let value = wrap(value.marked(), columns.map(|columns| columns - begin), 0);
            let next_line = format!("\n{}", " ".repeat(begin));
            paint(&format!("{label}{}", value.replace('\n', &next_line)))
        });
        let lines: Vec<_> = lines.map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meaning::Meaning;

    fn sample() -> Fields {
        let mut fields = Fields::new();
        fields.add("license id", "0190-aaaa");
        fields.add("users", "ann, bob, carol, and dave of the north office");
        fields.add("", "eve");
        fields
    }

    #[test]
    fn each_field_is_one_line_without_a_terminal() {
        let expected = "  license id  0190-aaaa\n  \
                        users       ann, bob, carol, and dave of the north office\n              \
                        eve";
        assert_eq!(sample().to_text(None), expected);
    }

    #[test]
    fn a_long_value_continues_below_its_beginning() {
        let expected = "  license id  0190-aaaa\n  \
                        users       ann, bob, carol, and\n              \
                        dave of the north office\n              \
                        eve";
        assert_eq!(sample().to_text(Some(38)), expected);
        // A terminal that is too narrow for the values breaks the lines itself.
        assert_eq!(sample().to_text(Some(5)), sample().to_text(Some(34)));
    }

    #[test]
    fn styles_and_wide_characters_do_not_disturb_the_alignment() {
        let mut fields = Fields::new().min_label_width(6);
        fields.add(
            StyledText::new(Meaning::Heading, "東京"),
            StyledText::new(Meaning::Bad, "a b"),
        );
        fields.add("x", "y");
        let (label, value) = (Meaning::Heading.paint("東京"), Meaning::Bad.paint("a b"));
        assert_eq!(
            fields.to_text(Some(80)),
            format!("  {label}    {value}\n  x       y")
        );
    }
}
