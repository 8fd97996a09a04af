//! What people type: the pieces of a text that may be lines.

use super::error::FaultKind;
use super::line::{LETTERS, Line, is_letter, plain};

const GROUP: usize = 4;
/// Characters behind a number that may have been a line; what has fewer or more is prose.
const LIKELY: std::ops::RangeInclusive<usize> = 8..=24;

/// A piece of text that is a line, or was meant to be one.
pub(super) enum Piece {
    /// It has a number.
    Numbered {
        number: u8,
        line: Result<Line, FaultKind>,
    },
    /// It looks like a line without its number.
    Unnumbered,
}

impl Piece {
    /// Whether only somebody who reads lines would type it.
    pub(super) fn is_likely(&self) -> bool {
        match self {
            Self::Unnumbered => true,
            Self::Numbered { line, .. } => matches!(line, Ok(_) | Err(FaultKind::Check)),
        }
    }

    fn numbered(number: u8, letters: &str) -> Self {
        let line = Line::read(number, letters);
        Self::Numbered { number, line }
    }
}

/// The pieces of a text; headings and other prose are left out.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    let is_line_break = |letter| matches!(letter, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.split(is_line_break).flat_map(pieces_of_line)
}

/// More than one where a chat or a spreadsheet has made blanks of line breaks.
fn pieces_of_line(line: &str) -> Vec<Piece> {
    let is_separator = |letter: char| !letter.is_alphanumeric();
    let words = line.split(is_separator).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let (mut pieces, mut rest, mut other) = (Vec::new(), words.as_slice(), Vec::new());
    while let Some((word, behind)) = rest.split_first() {
        match well_spaced(rest) {
            Some((piece, behind)) => {
                pieces.extend(loose(&std::mem::take(&mut other)));
                pieces.push(piece);
                rest = behind;
            }
            None => {
                other.push(*word);
                rest = behind;
            }
        }
    }
    pieces.extend(loose(&other));
    pieces
}

/// A number with four groups of four behind it, and the words behind these.
fn well_spaced<'w, 't>(words: &'w [&'t str]) -> Option<(Piece, &'w [&'t str])> {
    let (first, rest) = words.split_first()?;
    let (groups, rest) = rest.split_at_checked(LETTERS / GROUP)?;
    let is_group = |word: &&str| word.chars().count() == GROUP;
    let number = number(first).filter(|_| groups.iter().all(is_group))?;
    Some((Piece::numbered(number, &groups.concat()), rest))
}

/// A line with hyphens in other places or none, one that lost something, or prose.
fn loose(words: &[&str]) -> Option<Piece> {
    let letters: Vec<char> = words.iter().flat_map(|word| word.chars()).collect();
    if let Some((digits, rest)) = joined(words, &letters) {
        return Some(Piece::numbered(digits, &rest));
    }
    let numbered = words.iter().enumerate().find_map(|(place, word)| {
        let rest = words.get(place + 1..)?;
        Some((number(word)?, rest.concat()))
    });
    match numbered {
        Some((number, rest)) => LIKELY
            .contains(&rest.chars().count())
            .then(|| Piece::numbered(number, &rest)),
        None => is_unnumbered(words, &letters).then_some(Piece::Unnumbered),
    }
}

/// A line whose number does not stand apart: all was spelled one by one, or there is nothing behind the number.
fn joined(words: &[&str], letters: &[char]) -> Option<(u8, String)> {
    let digits = letters.len().checked_sub(LETTERS)?;
    let is_joined = match digits {
        1 | 2 if words.len() == letters.len() => true,
        2 => words.first().is_some_and(|first| first.len() > 2),
        _ => false,
    };
    let (first, rest) = letters.split_at_checked(digits).filter(|_| is_joined)?;
    Some((number(&String::from_iter(first))?, String::from_iter(rest)))
}

/// One or two digits, from 1 to 99. Letters stand for digits that they look like; for both only where there are two.
fn number(word: &str) -> Option<u8> {
    let digits: String = word.chars().map(plain).collect();
    let is_number = match word.len() {
        1 => digits == word,
        2 => true,
        _ => false,
    };
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then_some(digits).filter(|_| is_digits)?;
    number.parse().ok().filter(|number| *number > 0)
}

/// Prose has no digits in it, or no groups of four.
fn is_unnumbered(words: &[&str], letters: &[char]) -> bool {
    letters.len() == LETTERS
        && (words.len() == 1 || words.iter().all(|word| word.len() == GROUP))
        && letters.iter().all(|letter| is_letter(*letter))
        && letters.iter().any(char::is_ascii_digit)
}
