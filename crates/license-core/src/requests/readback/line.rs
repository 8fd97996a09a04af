//! A readback line: number, content and check characters.

use std::fmt::{self, Write as _};

use super::check::check;
use super::error::LineFaultKind;

/// Crockford's base 32, without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a group.
pub(super) const GROUP: usize = 4;
/// Characters of a line after its number.
pub(super) const CHARACTERS: usize = 4 * GROUP;
/// Characters of the content of a line, without the check characters.
pub(super) const CONTENT_CHARACTERS: usize = CHARACTERS - 2;

/// Content of a line as symbols of five bits.
pub(super) type LineContent = [u8; CONTENT_CHARACTERS];

/// A correct line.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// The number, from 1 to 99.
    pub(super) number: u8,
    pub(super) content: LineContent,
}

impl Line {
    /// Parses the characters after a number.
    pub(super) fn parse(number: u8, characters: &str) -> Result<Self, LineFaultKind> {
        let symbols: Vec<u8> = characters.chars().map(symbol).collect::<Result<_, _>>()?;
        let length = LineFaultKind::Length {
            expected: CHARACTERS,
            found: symbols.len(),
        };
        let (content, checks) = symbols.split_at_checked(CONTENT_CHARACTERS).ok_or(length)?;
        let line = Self {
            number,
            content: content.try_into().map_err(|_| length)?,
        };
        let checks: [u8; 2] = checks.try_into().map_err(|_| length)?;
        (line.checks() == checks)
            .then_some(line)
            .ok_or(LineFaultKind::Check)
    }

    fn checks(&self) -> [u8; 2] {
        let digits = [self.number / 10, self.number % 10];
        check(digits.into_iter().chain(self.content))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02} ", self.number)?;
        let symbols = self.content.into_iter().chain(self.checks());
        for (index, symbol) in symbols.enumerate() {
            match index {
                0 => f.write_char(' ')?,
                _ if index % GROUP == 0 => f.write_char('-')?,
                _ => {}
            }
            f.write_char(character(symbol))?;
        }
        Ok(())
    }
}

fn character(symbol: u8) -> char {
    let character = ALPHABET.get(usize::from(symbol));
    character.copied().map_or('?', char::from)
}

/// Returns the symbol of a typed character.
fn symbol(character: char) -> Result<u8, LineFaultKind> {
    let normalized = normalize(character);
    let index = ALPHABET
        .iter()
        .position(|known| char::from(*known) == normalized);
    let symbol = index.and_then(|index| u8::try_from(index).ok());
    symbol.ok_or(match normalized {
        'U' => LineFaultKind::LetterU,
        _ => LineFaultKind::InvalidCharacter,
    })
}

/// Returns the character in upper case, or a digit if the letter looks like one.
pub(super) fn normalize(character: char) -> char {
    match character.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        upper => upper,
    }
}

/// Returns whether the character is in the alphabet or looks like a character of the alphabet.
pub(super) fn is_valid_character(character: char) -> bool {
    symbol(character).is_ok()
}
