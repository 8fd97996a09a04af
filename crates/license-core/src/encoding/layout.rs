//! The layout of texts with armor blocks (`-----BEGIN …-----`), which mail, chat, spreadsheets and
//! environment variables change.
//!
//! In the content of a block, only line breaks are added, and only line breaks that are spelled out
//! and characters that no block can contain are removed. The delimiters are rewritten with five
//! hyphens. A text therefore has one canonical layout, and two different blocks never become equal.

use super::pasted::{Position, is_dash, is_invisible};

/// The maximum length of a label in bytes.
const MAX_LABEL: usize = 40;
/// The hyphens of a delimiter line.
const HYPHENS: &str = "-----";
/// The number of hyphens of a delimiter line.
const HYPHEN_COUNT: usize = 5;

/// Returns whether the text contains the beginning of a block, perhaps with other dashes or spaces.
pub(crate) fn has_block(text: &str) -> bool {
    let mut rests = text.split("BEGIN").skip(1);
    rests.any(|rest| rest.trim_start_matches(is_invisible).starts_with(is_gap))
}

/// Returns whether a character separates the words of a delimiter: a space, or a character that a
/// spreadsheet, a web page or a word processor writes in its place, and no line break.
pub(crate) fn is_gap(character: char) -> bool {
    let is_break = matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    character.is_whitespace() && !is_break
}

/// Writes a text with each delimiter and each line of a block on its own line.
///
/// - `\n` and `\r` that are spelled out, carriage returns and Unicode line separators end a line.
/// - Quotation marks of mail (`> `), white space and invisible characters around a line are
///   removed.
/// - Delimiters that share a line with other text are separated, and have five hyphens. Their words
///   are separated by one space. Delimiters contain no invisible characters.
/// - White space splits the content of a block that is on one line.
///
/// ```
/// let mut lines = String::new();
/// license_core::encoding::write_lines("> -----BEGIN X----- abc -----END X-----", &mut lines);
/// assert_eq!(lines, "-----BEGIN X-----\nabc\n-----END X-----\n");
/// ```
///
/// `into` grows by at most twice the length of the text, so that a caller with secrets can provide
/// a buffer that never grows.
pub fn write_lines(text: &str, into: &mut String) {
    let breaks = Breaks { rest: text };
    for line in breaks {
        write_line(without_margin(line), into);
    }
}

/// Returns the text of [`write_lines`].
pub(crate) fn lines_of(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 16);
    write_lines(text, &mut lines);
    lines
}

/// Finds lines that [`write_lines`] wrote in the text that they come from.
///
/// The lines are asked for in ascending order, so that all of them together take linear time.
pub(crate) struct SourceLines<'a> {
    text: &'a str,
    breaks: Breaks<'a>,
    /// The part of the text that was read last, with its offset in bytes and its line.
    part: &'a str,
    start: usize,
    line: usize,
    /// The lines of this part, and the number of lines before it.
    written: String,
    lines_before: usize,
}

impl<'a> SourceLines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            breaks: Breaks { rest: text },
            part: "",
            start: 0,
            line: 1,
            written: String::new(),
            lines_before: 0,
        }
    }

    /// Returns the number of the line of the text from which a written line comes. Lines count from
    /// 1. A line after the last one is the one after the text.
    pub(crate) fn line(&mut self, written: usize) -> usize {
        match self.find(written) {
            Some(_) => self.line,
            None => self.text.trim_end().matches('\n').count() + 2,
        }
    }

    /// Returns the position in the text of a position in the written lines.
    pub(crate) fn position(&mut self, written: Position) -> Position {
        let line = self.line(written.line);
        let index = self.find(written.line);
        let found = index.and_then(|index| self.written.lines().nth(index));
        let offset = found.and_then(|found| self.part.find(found));
        let start = offset.map_or(1, |offset| {
            Position::from_offset(self.text, self.start + offset).column
        });
        Position {
            line,
            column: start + written.column - 1,
        }
    }

    /// Reads up to the part that contains this written line, and returns the index of the line in
    /// the lines of this part.
    fn find(&mut self, written: usize) -> Option<usize> {
        loop {
            let lines = self.written.lines().count();
            if written <= self.lines_before + lines {
                break;
            }
            let start = self.text.len() - self.breaks.rest.len();
            let part = self.breaks.next()?;
            let passed = self.text.get(self.start..start).unwrap_or_default();
            self.line += passed.matches('\n').count();
            self.lines_before += lines;
            (self.start, self.part) = (start, part);
            self.written.clear();
            write_line(without_margin(part), &mut self.written);
        }
        written.checked_sub(self.lines_before + 1)
    }
}

/// Iterates over the lines of a text. A spelled-out line break is a line break.
struct Breaks<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Breaks<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let text = self.rest;
        let is_break = |character| {
            matches!(
                character,
                '\n' | '\r' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        };
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(is_break)) {
            let at = from + found;
            let rest = text.get(at..).unwrap_or_default();
            let Some(length) = break_length(rest) else {
                from = at + 1;
                continue;
            };
            self.rest = text.get(at + length..).unwrap_or_default();
            return text.get(..at);
        }
        self.rest = "";
        Some(text)
    }
}

/// Returns the length of the line break at the start of a text. A backslash alone is none.
fn break_length(text: &str) -> Option<usize> {
    let spelled = ["\r\n", "\\r\\n", "\\n", "\\r"].into_iter();
    let length = spelled
        .filter(|spelled| text.starts_with(spelled))
        .map(str::len)
        .next();
    let other = text.chars().next().filter(|first| *first != '\\');
    length.or(other.map(char::len_utf8))
}

/// Removes the quotation marks of mail, white space and invisible characters around a line, and the
/// `- ` with which OpenPGP escapes a line that begins with a dash.
/// See <https://www.rfc-editor.org/rfc/rfc9580#section-7.2>.
fn without_margin(line: &str) -> &str {
    let is_margin = |character: char| character.is_whitespace() || is_invisible(character);
    let line = line
        .trim_start_matches(|character| is_margin(character) || character == '>')
        .trim_end_matches(is_margin);
    let escaped = line
        .strip_prefix("- ")
        .filter(|rest| rest.starts_with(is_dash));
    escaped.unwrap_or(line)
}

/// Writes one line, with each delimiter on its own line.
fn write_line(mut line: &str, into: &mut String) {
    let mut is_after_delimiter = false;
    while let Some(delimiter) = LineDelimiter::find(line) {
        write_content(delimiter.before, into);
        into.extend([HYPHENS, delimiter.word]);
        for word in words(delimiter.label) {
            into.push(' ');
            into.extend(word);
        }
        into.extend([HYPHENS, "\n"]);
        line = delimiter.after;
        is_after_delimiter = true;
    }
    if is_after_delimiter {
        write_content(line, into);
    } else {
        into.extend([line, "\n"]);
    }
}

/// Iterates over the words of a label, without invisible characters.
fn words(label: &str) -> impl Iterator<Item = impl Iterator<Item = char>> {
    let words = label.split(is_gap);
    let words = words.map(|word| word.chars().filter(|character| !is_invisible(*character)));
    words.filter(|word| word.clone().next().is_some())
}

/// Writes PEM with lines of 64 characters, from the lines that [`write_lines`] wrote.
///
/// White space inside a block is removed, because base64 in PEM has none.
///
/// ```
/// let mut pem = String::new();
/// license_core::encoding::write_pem("-----BEGIN X-----\nab\ncd\n-----END X-----\n", &mut pem);
/// assert_eq!(pem, "-----BEGIN X-----\nabcd\n-----END X-----\n");
/// ```
pub fn write_pem(lines: &str, into: &mut String) {
    const COLUMNS: usize = 64;
    let mut column = 0;
    for line in lines.lines() {
        let is_delimiter = line.starts_with(HYPHENS);
        if is_delimiter && column > 0 {
            into.push('\n');
            column = 0;
        }
        if is_delimiter {
            into.extend([line, "\n"]);
            continue;
        }
        for character in line.chars().filter(|character| !character.is_whitespace()) {
            into.push(character);
            column += 1;
            if column == COLUMNS {
                into.push('\n');
                column = 0;
            }
        }
    }
    if column > 0 {
        into.push('\n');
    }
}

/// Writes the content of a block that shares a line with a delimiter. White space in the content
/// was a line break, because a line of a block contains no white space.
fn write_content(content: &str, into: &mut String) {
    let words = content.split(char::is_whitespace);
    let words = words.map(|word| word.trim_matches(is_invisible));
    let words = words.filter(|word| !word.is_empty());
    into.extend(words.flat_map(|word| [word, "\n"]));
}

/// A delimiter in a line, such as `-----BEGIN LICENSE-----`.
struct LineDelimiter<'a> {
    before: &'a str,
    word: &'a str,
    label: &'a str,
    after: &'a str,
}

impl<'a> LineDelimiter<'a> {
    /// Finds the first delimiter. At most five dashes on each side belong to it.
    fn find(line: &'a str) -> Option<Self> {
        line.match_indices(is_gap)
            .find_map(|(gap, _)| Self::at(line, gap))
    }

    /// Returns the delimiter whose first word ends at this gap.
    fn at(line: &'a str, gap: usize) -> Option<Self> {
        let (start, rest) = line.split_at_checked(gap)?;
        let start = start.trim_end_matches(is_invisible);
        let (word, before) = ["BEGIN", "END"].into_iter().find_map(|word| {
            let before = start.strip_suffix(word)?.trim_end_matches(is_invisible);
            before.ends_with(is_dash).then_some((word, before))
        })?;
        let before = before.get(..before.len() - dashes(before.chars().rev()))?;
        let rest = rest.strip_prefix(is_gap)?;
        let mut label = rest.char_indices().take(MAX_LABEL + 1);
        let (end, _) = label.find(|(_, character)| is_dash(*character))?;
        let (label, rest) = rest.split_at_checked(end)?;
        let after = rest.get(dashes(rest.chars())..)?;
        words(label).next().is_some().then_some(Self {
            before,
            word,
            label,
            after,
        })
    }
}

/// Returns the length of the first five dashes, or of as many as there are, in bytes. Invisible
/// characters between them are part of it.
fn dashes(characters: impl Iterator<Item = char>) -> usize {
    let (mut count, mut length, mut dashes) = (0, 0, 0);
    for character in characters {
        length += character.len_utf8();
        if is_dash(character) {
            (count, dashes) = (count + 1, length);
        } else if !is_invisible(character) {
            break;
        }
        if count == HYPHEN_COUNT {
            break;
        }
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "-----BEGIN X Y-----\nab-_\ncd--\n-----END X Y-----\n";

    #[test]
    fn changed_layouts_have_the_same_lines() {
        for text in [
            LINES.to_owned(),
            LINES.replace('\n', "\r\n"),
            LINES.replace('\n', "\r"),
            LINES.replace('\n', "\\n"),
            LINES.replace('\n', "\\r\\n"),
            LINES.replace('\n', " "),
            LINES.replace('\n', "  \u{200b}\n"),
            LINES.lines().map(|line| format!("> {line}\n")).collect(),
            LINES
                .lines()
                .map(|line| format!(">> > {line} \r\n"))
                .collect(),
            format!("\u{feff}{LINES}").replace("Y-----\n", "Y-----\u{1a}\n"),
            LINES.replace("-----", "—"),
            LINES
                .replace("-----BEGIN", "- -----BEGIN")
                .replace("-----END", "> - -----END"),
            LINES.replace("-----\n", "-----"),
            LINES.replace(' ', "\u{a0}"),
            LINES.replace("X Y", "X\u{3000}\u{200b}Y\u{feff}"),
            LINES.replace("X Y", " X  \u{200b} Y\t"),
            LINES.replace(' ', "\u{202f}").replace('\n', "\u{a0}"),
            LINES
                .replace("-----B", "-----\u{200b}B")
                .replace("-----E", "--\u{feff}---E"),
            LINES
                .replace("BEGIN", "BEGIN\u{200b}")
                .replace("Y-----", "Y\u{ad}---\u{200b}--"),
        ] {
            assert_eq!(lines_of(&text), LINES, "{text:?}");
        }
        let glued = format!("{}{LINES}", LINES.trim_end());
        assert_eq!(lines_of(&glued), LINES.repeat(2));
    }

    #[test]
    fn written_lines_are_found_in_their_text() {
        let quoted: String = LINES.lines().map(|line| format!("> {line}\r\n")).collect();
        let mail = format!("Dear Jo,\n\n{quoted}\nRegards\n");
        let at = |text: &str, line, column| {
            let found = SourceLines::new(text).position(Position { line, column });
            (found.line, found.column)
        };
        assert_eq!(lines_of(&mail).lines().nth(3), Some("ab-_"));
        assert_eq!(at(&mail, 4, 2), (4, 4));
        assert_eq!(at(&mail, 8, 1), (8, 1));
        assert_eq!(at(&mail, 9, 1), (9, 1), "the end of the text");
        let one_line = LINES.replace('\n', " ");
        assert_eq!(at(&one_line, 3, 1), (1, 26));
        assert_eq!(
            at(&format!("\n\n{}", LINES.replace('\n', "\\n")), 4, 2),
            (3, 23)
        );
        let mut lines = SourceLines::new(&mail);
        let found: Vec<_> = (1..=9).map(|line| lines.line(line)).collect();
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn other_characters_are_kept() {
        let nameless = "-----BEGIN \u{200b} -----";
        for line in [
            "a b",
            "a\u{200b}b",
            "a\\b",
            "a–b",
            "BEGIN x",
            "END",
            nameless,
        ] {
            assert_eq!(lines_of(line), format!("{line}\n"), "{line:?}");
        }
    }
}
