//! Reads what people paste: keys and tokens that came through mail, chat and spreadsheets.
//!
//! Undone here: white space, byte order marks and quotes around the text, line breaks inside it, and the
//! hyphens and dashes that editors put in place of `-`. Everything else is left for the parser to refuse,
//! which can say where it stood in the text as given.

use std::borrow::Cow;
use std::fmt;

/// A place in the text as it was given; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
}

impl Position {
    /// The place of the byte at `offset` of `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
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

/// What stood where something else was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// One character.
    Character(char),
    /// The end of the text.
    End,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the end"),
            Self::Character(c) if c.is_ascii_graphic() => write!(f, "`{c}`"),
            Self::Character(c) => write!(f, "U+{:04X}", u32::from(*c)),
        }
    }
}

/// A tidied text that remembers where each of its characters came from.
pub(crate) struct Pasted<'a> {
    source: &'a str,
    body_start: usize,
    body: &'a str,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Pasted<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let (body_start, body) = unwrapped(source);
        let text = match body.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Cow::Borrowed(body),
            false => Cow::Owned(tidied(body).map(|(_, letter)| letter).collect()),
        };
        Self {
            source,
            body_start,
            body,
            text,
        }
    }

    /// Where the character with this index of the tidied text stood in the text as given.
    pub(crate) fn position(&self, index: usize) -> Position {
        let offset = tidied(self.body)
            .nth(index)
            .map_or(self.body.len(), |(offset, _)| offset);
        Position::of(self.source, self.body_start + offset)
    }

    /// The character with this index.
    pub(crate) fn found(&self, index: usize) -> Found {
        self.text
            .chars()
            .nth(index)
            .map_or(Found::End, Found::Character)
    }
}

/// Byte order marks and zero-width spaces are invisible too.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{feff}' | '\u{200b}')
}

fn is_quote(letter: char) -> bool {
    matches!(
        letter,
        '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '«' | '»' | '‹' | '›' | '＂' | '＇'
    )
}

/// U+2010 to U+2015, hyphen bullet, minus, and the small and full-width forms.
fn is_dash(letter: char) -> bool {
    matches!(
        letter,
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// `"` for every double quotation mark that an editor may have put in its place.
#[cfg(feature = "requests")]
pub(crate) fn plain_quote(letter: char) -> char {
    match letter {
        '\u{201c}'..='\u{201f}' | '«' | '»' | '＂' => '"',
        other => other,
    }
}

/// `-` for every dash that an editor may have put in its place.
pub(crate) fn plain_dash(letter: char) -> char {
    if is_dash(letter) { '-' } else { letter }
}

/// Takes off what surrounds the text: blanks, and quotes that stand at both ends.
pub(crate) fn without_wrapping(text: &str) -> &str {
    unwrapped(text).1
}

/// The same with how many bytes stood before.
pub(crate) fn unwrapped(text: &str) -> (usize, &str) {
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
pub(crate) fn unbroken(text: &str) -> String {
    text.split(['\n', '\r']).collect()
}

/// The characters that count, each with its offset: no white space that holds a line break, plain hyphens.
fn tidied(body: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut letters = body.char_indices();
    // Up to here the white space was looked at, and stays.
    let mut looked_at = 0;
    std::iter::from_fn(move || {
        let (mut offset, mut letter) = letters.next()?;
        if letter.is_whitespace() && offset >= looked_at {
            let rest = body.get(offset..).unwrap_or_default();
            let blanks = rest.len() - rest.trim_start().len();
            looked_at = offset + blanks;
            if rest
                .get(..blanks)
                .is_some_and(|run| run.contains(is_line_break))
            {
                (offset, letter) = letters.find(|(offset, _)| *offset >= looked_at)?;
            }
        }
        Some((offset, plain_dash(letter)))
    })
}

fn is_line_break(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mail_and_chat_do_is_undone() {
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
    fn what_is_not_known_damage_stays_to_be_refused() {
        for pasted in ["AB CD", "\"AB", "A\u{200b}B", "A\tB", "<AB>"] {
            assert_eq!(Pasted::new(pasted).text, pasted, "{pasted:?}");
        }
    }

    #[test]
    fn what_stood_before_is_counted() {
        for (text, expected) in [
            ("AB", (0, "AB")),
            ("  AB\n", (2, "AB")),
            ("\u{feff}“ 'AB' ”", (8, "AB")),
            ("\"AB", (0, "\"AB")),
            ("", (0, "")),
            (" \"\" ", (2, "")),
        ] {
            assert_eq!(unwrapped(text), expected, "{text:?}");
        }
    }

    #[test]
    fn line_breaks_are_taken_out() {
        for text in ["", "\n", "ab", "a\nb", "a\r\nb\r\n", "\na\n\nb", "ä\n✓"] {
            assert_eq!(unbroken(text), text.replace(['\n', '\r'], ""), "{text:?}");
        }
    }

    #[test]
    fn positions_are_those_of_the_text_as_given() {
        let pasted = Pasted::new("\u{feff}  “AB–\r\n  C*D”\n");
        assert_eq!(pasted.text, "AB-C*D");
        let star = pasted.position(4);
        assert_eq!((star.line, star.column), (2, 4));
        let first = pasted.position(0);
        assert_eq!((first.line, first.column), (1, 4));
        assert_eq!(pasted.found(4), Found::Character('*'));
        assert_eq!(pasted.found(6), Found::End);
    }
}
