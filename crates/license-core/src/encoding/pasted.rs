//! Normalization of keys and tokens that were pasted from mail, chat or a spreadsheet.
//!
//! Removes white space, byte order marks and quotes around the text. Removes line breaks inside the
//! text, with the white space around them. Replaces typographic dashes with `-`. The parser rejects
//! all other changes, and reports their position in the original text.

use std::borrow::Cow;
use std::fmt;

/// A position in the input. Lines and columns count from 1, and columns count characters.
///
/// ```
/// use license_core::encoding::Position;
///
/// assert_eq!(Position { line: 2, column: 7 }.to_string(), "line 2, character 7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// Returns the position of the byte at `offset` in `text`.
    pub(crate) fn from_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: last_line.trim_start_matches('\u{feff}').chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "character {}", self.column),
            line => write!(f, "line {line}, character {}", self.column),
        }
    }
}

/// The input at a position where something else was expected.
///
/// ```
/// use license_core::encoding::FoundText;
///
/// assert_eq!(FoundText::End.to_string(), "the end");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FoundText {
    /// A character.
    Character(char),
    /// The end of the input.
    End,
}

impl fmt::Display for FoundText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the end"),
            Self::Character(c) if c.is_ascii_graphic() => write!(f, "`{c}`"),
            Self::Character(c) => write!(f, "U+{:04X}", u32::from(*c)),
        }
    }
}

/// A normalized text that can map its characters to positions in the input.
pub(crate) struct Pasted<'a> {
    source: &'a str,
    body_start: usize,
    body: &'a str,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Pasted<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let (body_start, body) = offset_and_body(source);
        let text = if body.bytes().all(|byte| byte.is_ascii_graphic()) {
            Cow::Borrowed(body)
        } else {
            Cow::Owned(normalized(body).map(|(_, character)| character).collect())
        };
        Self {
            source,
            body_start,
            body,
            text,
        }
    }

    /// Returns the position in the input of the character at `index` in the normalized text.
    pub(crate) fn position(&self, index: usize) -> Position {
        let offset = normalized(self.body)
            .nth(index)
            .map_or(self.body.len(), |(offset, _)| offset);
        Position::from_offset(self.source, self.body_start + offset)
    }

    /// Returns the character at `index` in the normalized text.
    pub(crate) fn found(&self, index: usize) -> FoundText {
        self.text
            .chars()
            .nth(index)
            .map_or(FoundText::End, FoundText::Character)
    }
}

/// Returns whether a character is white space, a byte order mark or a zero-width space.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}')
}

fn is_quote(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '«' | '»' | '‹' | '›' | '＂' | '＇'
    )
}

/// Returns whether a character is a typographic dash: U+2010 to U+2015, the hyphen bullet, the
/// minus sign, or a small or full-width form.
fn is_dash(character: char) -> bool {
    matches!(
        character,
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// Replaces a typographic double quotation mark with `"`.
pub(crate) fn plain_quote(character: char) -> char {
    match character {
        '\u{201c}'..='\u{201f}' | '«' | '»' | '＂' => '"',
        other => other,
    }
}

/// Replaces a typographic dash with `-`.
pub(crate) fn plain_dash(character: char) -> char {
    if is_dash(character) { '-' } else { character }
}

/// Removes white space and quotes around the text.
pub(crate) fn without_wrapping(text: &str) -> &str {
    offset_and_body(text).1
}

/// Returns the text without surrounding white space and quotes, and its byte offset in the input.
pub(crate) fn offset_and_body(text: &str) -> (usize, &str) {
    let (mut start, mut body) = (0, text);
    loop {
        let rest = body.trim_start_matches(is_blank);
        start += body.len() - rest.len();
        body = rest.trim_end_matches(is_blank);
        let Some(opened) = body.strip_prefix(is_quote) else {
            return (start, body);
        };
        let Some(inner) = opened.strip_suffix(is_quote) else {
            return (start, body);
        };
        start += body.len() - opened.len();
        body = inner;
    }
}

/// Returns the text without its line breaks.
pub(crate) fn without_line_breaks(text: &str) -> String {
    text.split(['\n', '\r']).collect()
}

/// Returns the characters of the normalized text with their offsets in `body`.
///
/// Skips runs of white space that contain a line break, and replaces dashes with `-`.
fn normalized(body: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut characters = body.char_indices();
    // White space before this offset belongs to a run that was already checked and kept.
    let mut checked_to = 0;
    std::iter::from_fn(move || {
        let (mut offset, mut character) = characters.next()?;
        if character.is_whitespace() && offset >= checked_to {
            let rest = body.get(offset..).unwrap_or_default();
            let blanks = rest.len() - rest.trim_start().len();
            checked_to = offset + blanks;
            if rest
                .get(..blanks)
                .is_some_and(|run| run.contains(is_line_break))
            {
                (offset, character) = characters.find(|(offset, _)| *offset >= checked_to)?;
            }
        }
        Some((offset, plain_dash(character)))
    })
}

fn is_line_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_by_mail_and_chat_are_reverted() {
        for pasted in [
            "AB-CD",
            "  AB-CD\r\n",
            "\u{feff}AB-CD",
            "\"AB-CD\"",
            "“AB–CD”",
            "' `AB-CD` '",
            "AB-\r\n  CD",
            "AB−CD",
            "A\nB\n-\nC\u{2028}D",
            "\u{a0}AB\u{2011}CD\u{200b}",
        ] {
            assert_eq!(Pasted::new(pasted).text, "AB-CD", "{pasted:?}");
        }
    }

    #[test]
    fn other_changes_are_kept_for_the_parser_to_reject() {
        for pasted in ["AB CD", "\"AB", "A\u{200b}B", "A\tB", "<AB>"] {
            assert_eq!(Pasted::new(pasted).text, pasted, "{pasted:?}");
        }
    }

    #[test]
    fn the_offset_of_the_body_is_returned() {
        for (text, expected) in [
            ("AB", (0, "AB")),
            ("  AB\n", (2, "AB")),
            ("\u{feff}“ 'AB' ”", (8, "AB")),
            ("\"AB", (0, "\"AB")),
            ("", (0, "")),
            (" \"\" ", (2, "")),
        ] {
            assert_eq!(offset_and_body(text), expected, "{text:?}");
        }
    }

    #[test]
    fn line_breaks_are_removed() {
        for text in ["", "\n", "ab", "a\nb", "a\r\nb\r\n", "\na\n\nb", "ä\n✓"] {
            let expected = text.replace(['\n', '\r'], "");
            assert_eq!(without_line_breaks(text), expected, "{text:?}");
        }
    }

    #[test]
    fn positions_refer_to_the_input() {
        let pasted = Pasted::new("\u{feff}  “AB–\r\n  C*D”\n");
        assert_eq!(pasted.text, "AB-C*D");
        let star = pasted.position(4);
        assert_eq!((star.line, star.column), (2, 4));
        let first = pasted.position(0);
        assert_eq!((first.line, first.column), (1, 4));
        assert_eq!(pasted.found(4), FoundText::Character('*'));
        assert_eq!(pasted.found(6), FoundText::End);
    }
}
