//! Meanings of text, with a style for each.

use anstyle::{AnsiColor, Style};

/// The meaning of a text, which decides its style on a terminal.
///
/// The styles use the 16 basic colors, whose shades the user chooses, and effects that keep the
/// user's own color. All of them are readable on dark and light backgrounds. A style only repeats
/// what the words say, because some terminals and some people do not see it.
///
/// ```
/// use license_cli_support::Meaning;
///
/// assert_eq!(Meaning::Bad.paint("denied"), "\u{1b}[1m\u{1b}[31mdenied\u{1b}[0m");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Something is in order.
    Good,
    /// Something needs attention soon. Yellow is not readable on white, so the color is magenta.
    Warning,
    /// Something is denied or wrong.
    Bad,
    /// Something is of less interest than the text around it.
    Dim,
    /// A title of a section or column, or the main point of a line.
    Heading,
}

impl Meaning {
    pub(crate) const ALL: [Self; 5] = [
        Self::Good,
        Self::Warning,
        Self::Bad,
        Self::Dim,
        Self::Heading,
    ];

    const fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Warning => AnsiColor::Magenta.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Heading => Style::new().bold(),
        }
    }

    /// Returns the text with the style of this meaning.
    ///
    /// `Terminal` removes the style if colors are disabled.
    #[must_use]
    pub fn paint(self, text: &str) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}
