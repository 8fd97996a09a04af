//! Walks the fields of a key and remembers where it is.

use super::KeyError;
use crate::encoding::pasted::Pasted;

/// What a field may hold.
pub(super) struct Field {
    pub(super) expected: &'static str,
    pub(super) allowed: fn(char) -> bool,
    pub(super) length: std::ops::RangeInclusive<usize>,
}

/// A cursor over a tidied key.
pub(super) struct Scan<'p> {
    pasted: &'p Pasted<'p>,
    text: String,
    at: usize,
}

impl<'p> Scan<'p> {
    pub(super) fn new(pasted: &'p Pasted<'p>) -> Self {
        Self {
            pasted,
            text: pasted.text.clone().into_owned(),
            at: 0,
        }
    }

    /// From here on letters count as upper case.
    pub(super) fn in_upper_case(mut self) -> Self {
        self.text.make_ascii_uppercase();
        self
    }

    /// The next field, up to a hyphen or the end.
    pub(super) fn field(&mut self, field: &Field) -> Result<&str, KeyError> {
        let start = self.at;
        let letters = self.rest().chars().take(*field.length.end());
        let length = letters
            .take_while(|&letter| (field.allowed)(letter))
            .count();
        self.at = start + length;
        if length < *field.length.start() {
            return Err(self.unexpected(field.expected));
        }
        // All that was allowed is ASCII, and so is all before it: characters are bytes here.
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    pub(super) fn hyphen(&mut self, expected: &'static str) -> Result<(), KeyError> {
        if !self.rest().starts_with('-') {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn end(&self, expected: &'static str) -> Result<(), KeyError> {
        if !self.rest().is_empty() {
            return Err(self.unexpected(expected));
        }
        Ok(())
    }

    /// The text read so far.
    pub(super) fn read(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The text not read yet.
    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> KeyError {
        self.unexpected_at(self.at, expected)
    }

    pub(super) fn unexpected_at(&self, index: usize, expected: &'static str) -> KeyError {
        KeyError::Unexpected {
            position: self.pasted.position(index),
            expected,
            found: self.pasted.found(index),
        }
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter.is_ascii_digit()
}

pub(super) fn is_hex(letter: char) -> bool {
    letter.is_ascii_digit() || ('A'..='F').contains(&letter)
}

/// A field of 2 to 16 of `A-Z0-9`.
pub(super) const fn name(expected: &'static str) -> Field {
    Field {
        expected,
        allowed: is_name,
        length: 2..=16,
    }
}
