//! Normalization of keys and tokens that were pasted from mail, chat or a spreadsheet.
//!
//! Removes white space, invisible characters and quotes around the text. Removes line breaks inside
//! the text, with the white space around them. Replaces typographic dashes with `-`. The parser
//! rejects all other changes, and reports their position in the original text.
//!
//! A long dash can also mean `--`, which editors replace. [`Pasted::with_double_hyphens`]
//! returns this other reading, and the signature decides between the two.

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
            Self::Character(c) => match name(*c) {
                Some(name) => write!(f, "U+{:04X} ({name})", u32::from(*c)),
                None => write!(f, "U+{:04X}", u32::from(*c)),
            },
        }
    }
}

/// Returns the name of a character that cannot be seen or is easily confused.
const fn name(character: char) -> Option<&'static str> {
    Some(match character {
        '\0' => "NUL",
        '\t' => "tab",
        ' ' => "space",
        '\u{1a}' => "Ctrl-Z",
        '\u{a0}' => "non-breaking space",
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{2060}' => "word joiner",
        '\u{feff}' => "byte order mark",
        '\u{202f}' => "narrow non-breaking space",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "text direction mark"
        }
        '\u{fffd}' => "a replacement for an unreadable character",
        _ => return None,
    })
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

    /// Returns the normalized text from the character at `index` on, with `--` for each long dash.
    /// Returns `None` without long dashes.
    pub(crate) fn with_double_hyphens(&self, index: usize) -> Option<String> {
        if !self.body.contains(is_long_dash) {
            return None;
        }
        let mut text = String::with_capacity(self.body.len());
        for (offset, character) in normalized(self.body).skip(index) {
            let original = self.body.get(offset..).unwrap_or_default();
            let is_long = original.starts_with(is_long_dash);
            text.push(character);
            text.push_str(if is_long { "-" } else { "" });
        }
        Some(text)
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

/// Returns whether a character is white space or cannot be seen.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_invisible(character)
}

/// Returns whether a character cannot be seen and has no width: zero-width characters, byte order
/// marks, soft hyphens, text direction marks, and the Ctrl-Z that ends a text of DOS.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{1a}'
            | '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

fn is_quote(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '«' | '»' | '‹' | '›' | '＂' | '＇'
    )
}

/// Returns whether a character is a hyphen or a typographic dash: U+2010 to U+2015, the hyphen
/// bullet, the minus sign, or a small or full-width form.
pub(crate) fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{2010}'
            ..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// Returns whether a character is a dash that editors substitute for `--`.
fn is_long_dash(character: char) -> bool {
    matches!(character, '\u{2013}'..='\u{2015}')
}

/// Replaces a typographic double quotation mark with `"`.
pub(crate) fn plain_quote(character: char) -> char {
    match character {
        '\u{201c}'..='\u{201f}' | '«' | '»' | '＂' => '"',
        other => other,
    }
}

/// Returns JSON without invisible characters, with plain double quotation marks and spaces.
/// Returns `None` if nothing changes.
pub(crate) fn plain_json(text: &str) -> Option<String> {
    let plain = |character: char| match character {
        '\n' | '\r' | '\t' => character,
        blank if blank.is_whitespace() => ' ',
        other => plain_quote(other),
    };
    let visible = text.chars().filter(|character| !is_invisible(*character));
    let json: String = visible.map(plain).collect();
    (json != text).then_some(json)
}

/// Replaces a typographic dash with `-`.
pub(crate) fn plain_dash(character: char) -> char {
    if is_dash(character) { '-' } else { character }
}

/// Removes white space and invisible characters around a text, such as the non-breaking spaces and
/// zero-width characters that spreadsheets and web pages add to a cell.
///
/// ```
/// use license_core::encoding::trim_blanks;
///
/// assert_eq!(trim_blanks("\u{a0}ACME Ltd\u{200b} "), "ACME Ltd");
/// ```
pub fn trim_blanks(text: &str) -> &str {
    text.trim_matches(is_blank)
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
/// Skips runs of blanks that contain a line break, and replaces dashes with `-`.
fn normalized(body: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut characters = body.char_indices();
    // A blank before this offset belongs to a run that was already checked and kept.
    let mut checked_to = 0;
    std::iter::from_fn(move || {
        let (mut offset, mut character) = characters.next()?;
        if is_blank(character) && offset >= checked_to {
            let rest = body.get(offset..).unwrap_or_default();
            let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
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
            "AB-\u{200b}\n\u{200b}CD\r\n\u{1a}",
            "AB-\u{ad}\nCD",
        ] {
            assert_eq!(Pasted::new(pasted).text, "AB-CD", "{pasted:?}");
        }
    }

    #[test]
    fn other_changes_are_kept_for_the_parser_to_reject() {
        for pasted in [
            "AB CD",
            "\"AB",
            "A\u{200b}B",
            "A\tB",
            "<AB>",
            "A >B",
            "AB>",
            ">AB",
        ] {
            assert_eq!(Pasted::new(pasted).text, pasted, "{pasted:?}");
        }
    }

    #[test]
    fn a_long_dash_has_a_second_reading() {
        let reading = |text: &str| Pasted::new(text).with_double_hyphens(0);
        assert_eq!(reading("A-B\u{2011}C"), None);
        for text in ["A\u{2014}B-C", " “A\u{2013}B\u{2011}\n C”"] {
            assert_eq!(reading(text).as_deref(), Some("A--B-C"), "{text:?}");
            assert_eq!(Pasted::new(text).text, "A-B-C", "{text:?}");
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
