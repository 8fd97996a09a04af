//! Text with meanings, as tables and fields lay it out.

use crate::escape::escape;
use crate::meaning::Meaning;

/// Ends a styled word.
const END: char = '\u{206a}';

/// Returns the invisible character that begins a styled word.
///
/// The layout measures and breaks text before styles are added, so styles must have no width. These
/// characters have no width, and [`escape`] replaces them in all other text.
const fn start(meaning: Meaning) -> char {
    match meaning {
        Meaning::Good => '\u{2060}',
        Meaning::Warning => '\u{2061}',
        Meaning::Bad => '\u{2062}',
        Meaning::Dim => '\u{2063}',
        Meaning::Heading => '\u{2064}',
    }
}

/// Text of a table or of a field, with a meaning for each of its parts. The text is escaped.
///
/// ```
/// use license_cli_support::{Meaning, StyledText};
///
/// let cell = StyledText::from("12 of 50 ").and(StyledText::new(Meaning::Warning, "almost full"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StyledText(String);

impl StyledText {
    /// Creates a text with a meaning.
    #[must_use]
    pub fn new(meaning: Meaning, text: &str) -> Self {
        // Each word is marked, because a line can end after each word.
        let words = escape(text);
        let words = words.split(' ').map(|word| match word {
            "" => String::new(),
            word => format!("{}{word}{END}", start(meaning)),
        });
        Self(words.collect::<Vec<_>>().join(" "))
    }

    /// Appends another text.
    #[must_use]
    pub fn and(mut self, other: impl Into<Self>) -> Self {
        self.0.push_str(&other.into().0);
        self
    }

    /// Returns the text with its styles, in one line.
    ///
    /// `Terminal` removes the styles if colors are disabled.
    #[must_use]
    pub fn painted(&self) -> String {
        paint(&self.0)
    }

    /// Returns the text with invisible marks, for the layout.
    pub(crate) fn marked(&self) -> &str {
        &self.0
    }
}

impl From<&str> for StyledText {
    fn from(text: &str) -> Self {
        Self(escape(text).into_owned())
    }
}

impl From<String> for StyledText {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for StyledText {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

/// Replaces the marks in a layout with styles.
pub(crate) fn paint(layout: &str) -> String {
    let mut painted = layout.to_owned();
    for meaning in Meaning::ALL {
        let start = start(meaning);
        // Adjacent words of one meaning share their style.
        painted = painted.replace(&format!("{END} {start}"), " ");
    }
    for meaning in Meaning::ALL {
        painted = paint_words(&painted, meaning);
    }
    painted
}

fn paint_words(layout: &str, meaning: Meaning) -> String {
    let mut parts = layout.split(start(meaning));
    let mut painted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (words, rest) = part.split_once(END).unwrap_or((part, ""));
        painted.push_str(&meaning.paint(words));
        painted.push_str(rest);
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_added_after_the_layout() {
        let cell = StyledText::new(Meaning::Bad, "not valid").and(StyledText::from(", 3 ago"));
        assert_eq!(
            cell.painted(),
            format!("{}, 3 ago", Meaning::Bad.paint("not valid"))
        );
        // The layout moved the second word to the next line.
        let lines = cell.marked().replacen(' ', "\n", 1);
        let (first, second) = (Meaning::Bad.paint("not"), Meaning::Bad.paint("valid"));
        assert_eq!(paint(&lines), format!("{first}\n{second}, 3 ago"));
    }

    #[test]
    fn each_meaning_ends_where_the_next_begins() {
        let cell = Meaning::ALL.map(|meaning| StyledText::new(meaning, "x"));
        let cell = cell
            .into_iter()
            .fold(StyledText::default(), |all, next| all.and(next));
        let expected: String = Meaning::ALL.map(|meaning| meaning.paint("x")).concat();
        assert_eq!(paint(cell.marked()), expected);
    }

    #[test]
    fn marks_in_untrusted_text_are_escaped() {
        let forged = StyledText::from("a\u{2062}b\u{206a}");
        assert_eq!(paint(forged.marked()), r"a\u{2062}b\u{206a}");
    }
}
