//! Wrapping of text at words.

use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, core};

/// The indentation of the lines that continue a message.
const HANGING_INDENT: usize = 2;

/// Wraps a text at words so that it fits the columns. All lines but the first are indented.
///
/// A word that is longer than a line, such as a path, stays whole, so that it can be copied. A
/// command between backticks counts as one word. A line can also end between two wide characters,
/// such as those of a Japanese name.
///
/// ```
/// use license_cli_support::wrap;
///
/// let hint = "run `license request` to activate this machine";
/// assert_eq!(wrap(hint, Some(24), 2), "run `license request` to\n  activate this machine");
/// assert_eq!(wrap(hint, None, 2), hint);
/// ```
#[must_use]
pub fn wrap(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(columns) = columns else {
        return text.to_owned();
    };
    let indent = " ".repeat(indent);
    let options = Options::new(columns)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = text
        .lines()
        .map(|line| textwrap::wrap(line, &options).join("\n"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Wraps a message for a terminal with these columns.
pub(crate) fn wrap_message(text: &str, columns: Option<usize>) -> String {
    wrap(text, columns, HANGING_INDENT)
}

/// Returns the number of columns that a text needs in one line. Styles need none.
pub(crate) fn display_width(text: &str) -> usize {
    core::display_width(text)
}

/// Returns the parts of a line between which it can end, each with the spaces after it.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    let words = std::iter::from_fn(move || {
        let (word, next) = rest.split_at(word_end(rest)?);
        rest = next;
        Some(word)
    });
    Box::new(words.flat_map(parts).map(Word::from))
}

/// Returns the position after the first word and its spaces. Spaces between backticks end no word.
fn word_end(line: &str) -> Option<usize> {
    let (mut is_quoted, mut is_after_space) = (false, false);
    for (position, character) in line.char_indices() {
        if is_after_space && character != ' ' {
            return Some(position);
        }
        is_quoted ^= character == '`';
        is_after_space = character == ' ' && !is_quoted;
    }
    (!line.is_empty()).then_some(line.len())
}

/// Returns the parts of a word between which a line can end. A command has one part.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let is_command = word.contains('`');
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut last = ' ';
        let end = rest.char_indices().find_map(|(position, character)| {
            let is_end = is_wide(last) && is_wide(character);
            last = character;
            (is_end && !is_command).then_some(position)
        });
        let (part, next) = rest.split_at(end.unwrap_or(rest.len()));
        rest = next;
        (!part.is_empty()).then_some(part)
    })
}

fn is_wide(character: char) -> bool {
    let mut buffer = [0; 4];
    display_width(character.encode_utf8(&mut buffer)) > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize) -> Vec<String> {
        let wrapped = wrap_message(text, Some(columns));
        wrapped.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_end_at_words_and_continue_indented() {
        let text = "error: the license ended 3 days ago";
        assert_eq!(
            wrapped(text, 20),
            ["error: the license", "  ended 3 days ago"]
        );
        assert_eq!(wrapped(text, 80), [text]);
        assert_eq!(wrap("a b\nc d", Some(2), 0), "a\nb\nc\nd");
    }

    #[test]
    fn a_long_word_stays_whole() {
        let text = "cannot read /var/lib/licenses/coditect/acme.lic: no such file";
        let expected = [
            "cannot read",
            "  /var/lib/licenses/coditect/acme.lic:",
            "  no such file",
        ];
        assert_eq!(wrapped(text, 16), expected);
    }

    #[test]
    fn a_command_in_backticks_stays_on_one_line() {
        let text = "send the output of `license request --out a.req` to the vendor";
        let expected = [
            "send the output of",
            "  `license request --out a.req`",
            "  to the vendor",
        ];
        assert_eq!(wrapped(text, 32), expected);
        // A backtick that is never closed is a mistake, and loses nothing.
        assert_eq!(wrapped("a `b c", 3), ["a", "  `b c"]);
    }

    #[test]
    fn wide_characters_count_twice_and_styles_do_not_count() {
        assert_eq!(wrapped("東京 大阪 京都", 9), ["東京 大阪", "  京都"]);
        assert_eq!(display_width("東京"), 4);
        assert_eq!(display_width("\u{1b}[1mab\u{1b}[0m"), 2);
    }

    #[test]
    fn a_line_ends_between_wide_characters_outside_of_commands() {
        assert_eq!(
            wrapped("名前 東京精密機械 x", 10),
            ["名前 東京", "  精密機械", "  x"]
        );
        assert_eq!(wrapped("`run 東京精密` x", 8), ["`run 東京精密`", "  x"]);
    }

    #[test]
    fn nothing_is_lost_at_any_width() {
        let text = "two  spaces, `a command with words`, and /a/long/path/that/does/not/fit";
        for columns in 0..80 {
            let lines = wrapped(text, columns).join(" ");
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&lines), words(text), "{columns}");
        }
    }
}
