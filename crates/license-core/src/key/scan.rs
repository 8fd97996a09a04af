//! Cursor over the fields of a license key.

use super::KeyError;
use crate::encoding::pasted::Pasted;

/// The permitted content of a field.
pub(super) struct FieldFormat {
    pub(super) expected: &'static str,
    pub(super) allowed: fn(char) -> bool,
    pub(super) length: std::ops::RangeInclusive<usize>,
}

/// A cursor over a key in normalized form.
pub(super) struct KeyScanner<'p> {
    pasted: &'p Pasted<'p>,
    text: String,
    at: usize,
}

impl<'p> KeyScanner<'p> {
    pub(super) fn new(pasted: &'p Pasted<'p>) -> Self {
        Self {
            pasted,
            text: pasted.text.clone().into_owned(),
            at: 0,
        }
    }

    /// Converts the text to upper case.
    pub(super) fn in_upper_case(mut self) -> Self {
        self.text.make_ascii_uppercase();
        self
    }

    /// Reads the next field: all permitted characters, up to the maximum length of the field.
    pub(super) fn field(&mut self, field: &FieldFormat) -> Result<&str, KeyError> {
        let start = self.at;
        let characters = self.rest().chars().take(*field.length.end());
        let length = characters
            .take_while(|&character| (field.allowed)(character))
            .count();
        self.at = start + length;
        if length < *field.length.start() {
            return Err(self.unexpected(field.expected));
        }
        // All formats permit only ASCII, so each character up to here is one byte.
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

    /// Returns the text that was read.
    pub(super) fn read(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// Returns the text that is not yet read.
    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Returns the text that is not yet read, with `--` for each long dash of the input. Returns
    /// `None` without long dashes.
    pub(super) fn rest_with_double_hyphens(&self) -> Option<String> {
        self.pasted.with_double_hyphens(self.at)
    }

    /// Returns the offset of the next character.
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

fn is_name(character: char) -> bool {
    character.is_ascii_uppercase() || character.is_ascii_digit()
}

pub(super) fn is_hex(character: char) -> bool {
    character.is_ascii_digit() || ('A'..='F').contains(&character)
}

/// Returns the format of a field with 2 to 16 characters of `A-Z0-9`.
pub(super) const fn name(expected: &'static str) -> FieldFormat {
    FieldFormat {
        expected,
        allowed: is_name,
        length: 2..=16,
    }
}
