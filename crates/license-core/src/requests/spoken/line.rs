//! One line: its number, its content and what checks both.

use std::fmt::{self, Write as _};

use super::check::check;
use super::error::FaultKind;

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 4;
/// Characters of a line behind its number.
pub(super) const LETTERS: usize = 4 * GROUP;
/// Those of them that are content.
pub(super) const CONTENT: usize = LETTERS - 2;

/// The content of a line, five bits each.
pub(super) type Body = [u8; CONTENT];

/// A line that holds by itself.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// From 1 to 99.
    pub(super) number: u8,
    pub(super) body: Body,
}

impl Line {
    /// Reads what stands behind a number.
    pub(super) fn read(number: u8, letters: &str) -> Result<Self, FaultKind> {
        let symbols: Vec<u8> = letters.chars().map(symbol).collect::<Result<_, _>>()?;
        let length = FaultKind::Length {
            expected: LETTERS,
            found: symbols.len(),
        };
        let (body, checks) = symbols.split_at_checked(CONTENT).ok_or(length)?;
        let line = Self {
            number,
            body: body.try_into().map_err(|_| length)?,
        };
        let checks: [u8; 2] = checks.try_into().map_err(|_| length)?;
        (line.checks() == checks)
            .then_some(line)
            .ok_or(FaultKind::Check)
    }

    fn checks(&self) -> [u8; 2] {
        let digits = [self.number / 10, self.number % 10];
        check(digits.into_iter().chain(self.body))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02} ", self.number)?;
        let symbols = self.body.into_iter().chain(self.checks());
        for (place, symbol) in symbols.enumerate() {
            match place {
                0 => f.write_char(' ')?,
                _ if place % GROUP == 0 => f.write_char('-')?,
                _ => {}
            }
            f.write_char(letter(symbol))?;
        }
        Ok(())
    }
}

fn letter(symbol: u8) -> char {
    let letter = ALPHABET.get(usize::from(symbol));
    letter.copied().map_or('?', char::from)
}

/// The five bits of a character as people type it.
fn symbol(letter: char) -> Result<u8, FaultKind> {
    let upper = plain(letter);
    let place = ALPHABET
        .iter()
        .position(|known| char::from(*known) == upper);
    let symbol = place.and_then(|place| u8::try_from(place).ok());
    symbol.ok_or(match upper {
        'U' => FaultKind::LetterU,
        _ => FaultKind::Foreign,
    })
}

/// Upper case, and the digits that letters look like.
pub(super) fn plain(letter: char) -> char {
    match letter.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        upper => upper,
    }
}

/// Whether the character is of the alphabet, or looks like one that is.
pub(super) fn is_letter(letter: char) -> bool {
    symbol(letter).is_ok()
}
