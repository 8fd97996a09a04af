//! Recognition of readback lines in a text that a person typed.

use super::error::LineFaultKind;
use super::line::{CHARACTERS, GROUP, Line, is_valid_character, normalize};

/// Plausible numbers of characters after the number of a line. A shorter or longer text is treated
/// as prose.
const LIKELY: std::ops::RangeInclusive<usize> = 8..=24;

/// A piece of text that is probably a line.
pub(super) enum Piece {
    /// The piece has a number.
    Numbered {
        number: u8,
        line: Result<Line, LineFaultKind>,
    },
    /// The piece looks like a line without its number.
    Unnumbered,
}

impl Piece {
    /// Returns whether the piece has the length and the characters of a line.
    pub(super) fn is_likely(&self) -> bool {
        match self {
            Self::Unnumbered => true,
            Self::Numbered { line, .. } => matches!(line, Ok(_) | Err(LineFaultKind::Check)),
        }
    }

    fn numbered(number: u8, characters: &str) -> Self {
        let line = Line::parse(number, characters);
        Self::Numbered { number, line }
    }
}

/// Returns the pieces of a text. Headings and other prose are omitted.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    let is_line_break =
        |character| matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.split(is_line_break).flat_map(pieces_of_line)
}

/// Returns the pieces of a line of text. The line has several pieces if a chat program or a
/// spreadsheet has replaced line breaks with spaces.
fn pieces_of_line(line: &str) -> Vec<Piece> {
    let is_separator = |character: char| !character.is_alphanumeric();
    let words = line.split(is_separator).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let (mut pieces, mut rest, mut other) = (Vec::new(), words.as_slice(), Vec::new());
    while let Some((word, after)) = rest.split_first() {
        match standard_line(rest) {
            Some((piece, after)) => {
                pieces.extend(other_line(&std::mem::take(&mut other)));
                pieces.push(piece);
                rest = after;
            }
            None => {
                other.push(*word);
                rest = after;
            }
        }
    }
    pieces.extend(other_line(&other));
    pieces
}

/// Returns a line with four groups of four after its number, and the following words.
fn standard_line<'w, 't>(words: &'w [&'t str]) -> Option<(Piece, &'w [&'t str])> {
    let (first, rest) = words.split_first()?;
    let (groups, rest) = rest.split_at_checked(CHARACTERS / GROUP)?;
    let is_group = |word: &&str| word.chars().count() == GROUP;
    let number = number(first).filter(|_| groups.iter().all(is_group))?;
    Some((Piece::numbered(number, &groups.concat()), rest))
}

/// Returns a line with other separators or missing characters, or `None` for prose.
fn other_line(words: &[&str]) -> Option<Piece> {
    let characters: Vec<char> = words.iter().flat_map(|word| word.chars()).collect();
    if let Some((number, rest)) = joined(words, &characters) {
        return Some(Piece::numbered(number, &rest));
    }
    let numbered = words.iter().enumerate().find_map(|(index, word)| {
        let rest = words.get(index + 1..)?;
        Some((number(word)?, rest.concat()))
    });
    match numbered {
        Some((number, rest)) => LIKELY
            .contains(&rest.chars().count())
            .then(|| Piece::numbered(number, &rest)),
        None => is_unnumbered(words, &characters).then_some(Piece::Unnumbered),
    }
}

/// Returns the number and the characters of a line whose number is not a word of its own.
///
/// Every character may be a separate word, or the number may be followed directly by other
/// characters.
fn joined(words: &[&str], characters: &[char]) -> Option<(u8, String)> {
    let digits = characters.len().checked_sub(CHARACTERS)?;
    let is_joined = match digits {
        1 | 2 if words.len() == characters.len() => true,
        2 => words.first().is_some_and(|first| first.len() > 2),
        _ => false,
    };
    let (first, rest) = characters.split_at_checked(digits).filter(|_| is_joined)?;
    Some((number(&String::from_iter(first))?, String::from_iter(rest)))
}

/// Parses a number of one or two digits, from 1 to 99. In a number of two digits, letters that look
/// like digits are accepted.
fn number(word: &str) -> Option<u8> {
    let digits: String = word.chars().map(normalize).collect();
    let is_number = match word.len() {
        1 => digits == word,
        2 => true,
        _ => false,
    };
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then_some(digits).filter(|_| is_digits)?;
    number.parse().ok().filter(|number| *number > 0)
}

/// Returns whether the words look like a line without its number. Prose has no digits, or no groups
/// of four.
fn is_unnumbered(words: &[&str], characters: &[char]) -> bool {
    characters.len() == CHARACTERS
        && (words.len() == 1 || words.iter().all(|word| word.len() == GROUP))
        && characters
            .iter()
            .all(|character| is_valid_character(*character))
        && characters.iter().any(char::is_ascii_digit)
}
