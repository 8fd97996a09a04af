//! The capabilities of a terminal.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use terminal_size::{Height, Width, terminal_size_of};

use crate::meaning::Meaning;
use crate::styled_text::StyledText;
use crate::wrap::wrap_message;

/// The number of columns of a bar.
const BAR: u8 = 20;

/// The size of a terminal if the system does not know it.
const DEFAULT_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// The values of `COLUMNS` and `LINES` that are sensible.
const SENSIBLE: std::ops::RangeInclusive<usize> = 10..=1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    columns: usize,
    rows: usize,
}

/// The capabilities of standard output: its size, and whether it shows symbols.
///
/// A file or a pipe has no size. Text for it has one line for each item, and no symbols, so that
/// scripts can read it.
///
/// ```
/// use license_cli_support::{Meaning, Screen};
///
/// let screen = Screen::new(80, true);
/// assert_eq!(screen.symbol("✓", "x"), "✓");
/// assert_eq!(Screen::plain().symbol("✓", "x"), "x");
/// assert_eq!(Screen::plain().bar(3, 4, Meaning::Good), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    size: Option<Size>,
    has_unicode: bool,
}

impl Screen {
    /// Creates a terminal with this number of columns. A terminal without Unicode shows ASCII.
    #[must_use]
    pub fn new(columns: usize, has_unicode: bool) -> Self {
        let size = Size {
            columns,
            ..DEFAULT_SIZE
        };
        Self {
            size: Some(size),
            has_unicode,
        }
    }

    /// Returns the terminal with this number of rows.
    #[must_use]
    pub fn with_rows(self, rows: usize) -> Self {
        let size = self.size.map(|size| Size { rows, ..size });
        Self { size, ..self }
    }

    /// Creates the screen of a file or pipe.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            size: None,
            has_unicode: false,
        }
    }

    /// Returns the screen of standard output.
    pub(crate) fn of_stdout() -> Self {
        let (stdout, variable) = (io::stdout(), |name: &str| std::env::var_os(name));
        Self::detect(stdout.is_terminal(), terminal_size_of(&stdout), variable)
    }

    /// Returns the number of columns of standard error, or `None` if it is not a terminal.
    pub(crate) fn stderr_columns() -> Option<usize> {
        let (stderr, variable) = (io::stderr(), |name: &str| std::env::var_os(name));
        Self::detect(stderr.is_terminal(), terminal_size_of(&stderr), variable).columns()
    }

    fn detect(
        is_terminal: bool,
        measured: Option<(Width, Height)>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        if !is_terminal {
            return Self::plain();
        }
        let stated = |name| stated_number(variable(name));
        let measured = measured.map(|(width, height)| Size {
            columns: width.0.into(),
            rows: height.0.into(),
        });
        let size = measured.unwrap_or_else(|| Size {
            columns: stated("COLUMNS").unwrap_or(DEFAULT_SIZE.columns),
            rows: stated("LINES").unwrap_or(DEFAULT_SIZE.rows),
        });
        Self {
            size: Some(size),
            has_unicode: has_unicode(variable),
        }
    }

    /// Returns the number of columns, or `None` for a file or pipe.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.size.map(|size| size.columns)
    }

    /// Returns the number of rows, or `None` for a file or pipe.
    pub(crate) fn rows(&self) -> Option<usize> {
        self.size.map(|size| size.rows)
    }

    /// Returns the symbol if the terminal shows Unicode, else the plain text.
    #[must_use]
    pub fn symbol<'a>(&self, unicode: &'a str, plain: &'a str) -> &'a str {
        if self.has_unicode { unicode } else { plain }
    }

    /// Returns the mark in front of a line with this meaning, or `None` for a file or pipe.
    #[must_use]
    pub fn mark(&self, meaning: Meaning) -> Option<StyledText> {
        self.size?;
        let mark = match meaning {
            Meaning::Good => self.symbol("✓", "+"),
            Meaning::Warning => "!",
            Meaning::Bad => self.symbol("✗", "x"),
            Meaning::Dim | Meaning::Heading => "-",
        };
        Some(StyledText::new(meaning, mark))
    }

    /// Returns a line that states a result, with the mark of its meaning on a terminal.
    #[must_use]
    pub fn verdict(&self, meaning: Meaning, text: &str) -> String {
        let text = StyledText::new(meaning, text);
        match self.mark(meaning) {
            Some(mark) => mark.and(" ").and(text).painted(),
            None => text.painted(),
        }
    }

    /// Returns a sentence that begins with a result, wrapped for the terminal.
    #[must_use]
    pub fn sentence(&self, meaning: Meaning, result: &str, rest: &str) -> String {
        let sentence = format!("{}: {rest}", self.verdict(meaning, result));
        wrap_message(&sentence, self.columns())
    }

    /// Returns a bar that shows a part of a whole, or `None` for a file or pipe.
    ///
    /// The bar is empty only if the part is 0, and full only if the part is the whole or more.
    #[must_use]
    pub fn bar(&self, part: u64, whole: u64, meaning: Meaning) -> Option<StyledText> {
        self.size?;
        let filled = filled(part, whole);
        let rest = usize::from(BAR).saturating_sub(filled);
        let filled = StyledText::new(meaning, &self.symbol("█", "#").repeat(filled));
        let rest = StyledText::new(Meaning::Dim, &self.symbol("░", ".").repeat(rest));
        Some(filled.and(rest))
    }
}

/// Returns the number of filled columns of a bar.
fn filled(part: u64, whole: u64) -> usize {
    if part >= whole {
        return BAR.into();
    }
    if part == 0 {
        return 0;
    }
    let columns = u128::from(part) * u128::from(BAR) / u128::from(whole);
    usize::try_from(columns).unwrap_or_default().max(1)
}

/// Returns a number of columns or rows if it is sensible.
fn stated_number(value: Option<OsString>) -> Option<usize> {
    let number = value?.to_str()?.parse().ok()?;
    SENSIBLE.contains(&number).then_some(number)
}

/// Returns whether the locale is UTF-8 and the terminal has symbols.
///
/// The console of Linux (`TERM=linux`) has fonts of 256 or 512 characters without most symbols.
fn has_unicode(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let value = |name| variable(name).filter(|value| !value.is_empty());
    if cfg!(windows) {
        return value("WT_SESSION").is_some() || value("TERM_PROGRAM").is_some();
    }
    if value("TERM").is_some_and(|term| term == "linux" || term == "dumb") {
        return false;
    }
    // The first variable that is set and not empty decides, as POSIX defines it.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value);
    let locale = locale.unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_uppercase();
    locale.contains("UTF-8") || locale.contains("UTF8")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a function that looks a variable up.
    fn variables<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn the_size_of_the_terminal_precedes_variables_and_the_default() {
        let columns = |is_terminal, measured: Option<u16>, set: &[(&str, &str)]| {
            let measured = measured.map(|width| (Width(width), Height(50)));
            Screen::detect(is_terminal, measured, variables(set)).columns()
        };
        let stated = [("COLUMNS", "132")];
        assert_eq!(columns(true, Some(100), &stated), Some(100));
        assert_eq!(columns(true, None, &stated), Some(132));
        assert_eq!(columns(true, None, &[]), Some(80));
        for senseless in ["", "0", "9", "1001", "-80", "8O", "99999999999999999999999"] {
            let set = [("COLUMNS", senseless)];
            assert_eq!(columns(true, None, &set), Some(80), "{senseless}");
        }
        assert_eq!(columns(false, None, &stated), None, "a pipe has no width");
    }

    #[test]
    #[cfg(not(windows))]
    fn symbols_need_a_terminal_and_a_locale_with_utf_8() {
        for (set, expected) in [
            (&[("LANG", "en_US.UTF-8")][..], true),
            (&[("LANG", "C"), ("LC_CTYPE", "C.utf8")], true),
            (&[("LC_ALL", ""), ("LANG", "de_DE.UTF-8")], true),
            (&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")], false),
            (&[("LANG", "de_DE.ISO-8859-1")], false),
            (&[], false),
            (&[("LANG", "C.UTF-8"), ("TERM", "linux")], false),
            (&[("LANG", "C.UTF-8"), ("TERM", "xterm-256color")], true),
        ] {
            let screen = Screen::detect(true, None, variables(set));
            assert_eq!(screen.symbol("✓", "x") == "✓", expected, "{set:?}");
            assert_eq!(Screen::detect(false, None, variables(set)), Screen::plain());
        }
    }

    #[test]
    fn a_bar_is_empty_or_full_only_at_the_ends() {
        for (part, whole, expected) in [
            (0, 100, 0),
            (1, u64::MAX, 1),
            (50, 100, 10),
            (99, 100, 19),
            (u64::MAX - 1, u64::MAX, 19),
            (100, 100, 20),
            (101, 100, 20),
            (0, 0, 20),
        ] {
            assert_eq!(filled(part, whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn a_terminal_without_unicode_shows_ascii() {
        let bar = |unicode| Screen::new(80, unicode).bar(1, 2, Meaning::Good).unwrap();
        let halves = |filled: &str, rest: &str| {
            let filled = Meaning::Good.paint(&filled.repeat(10));
            format!("{filled}{}", Meaning::Dim.paint(&rest.repeat(10)))
        };
        assert_eq!(bar(true).painted(), halves("█", "░"));
        assert_eq!(bar(false).painted(), halves("#", "."));
        let verdict = Screen::new(80, false).verdict(Meaning::Bad, "denied");
        assert_eq!(verdict, Meaning::Bad.paint("x denied"));
    }

    #[test]
    fn a_pipe_has_neither_marks_nor_bars() {
        let pipe = Screen::plain();
        assert_eq!(pipe.bar(1, 2, Meaning::Good), None);
        assert_eq!(pipe.mark(Meaning::Good), None);
        let verdict = pipe.verdict(Meaning::Good, "licensed");
        assert_eq!(verdict, Meaning::Good.paint("licensed"));
    }
}
