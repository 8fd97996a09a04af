//! Quotation marks of CSV files, as RFC 4180 defines them.
//!
//! The parser of the `csv` crate accepts every text. After a stray quotation mark, it reads several
//! rows as one cell, so the orders in them would be lost.

use std::fmt;
use std::io::{self, Read};

/// Reader that fails with a [`QuoteError`] if a quotation mark is in a wrong place.
///
/// A cell must not contain a line break, although RFC 4180 permits one. Otherwise two stray
/// quotation marks could hide the rows between them.
pub(super) struct CheckedQuotes<R> {
    input: R,
    delimiter: u8,
    /// Line of the file that is being read.
    line: u64,
    place: Place,
}

/// Place of the next character.
#[derive(Clone, Copy)]
enum Place {
    CellStart,
    Unquoted,
    Quoted,
    /// After a quotation mark in a quoted cell: the end of the cell, or the first of two marks.
    QuotedEnd,
}

/// A quotation mark in a wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuoteError {
    line: u64,
    fault: QuoteFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuoteFault {
    NoEnd,
    TextAfterEnd,
    Inside,
}

impl fmt::Display for QuoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            QuoteFault::NoEnd => {
                "expected a quotation mark at the end of the cell, found the end of the line"
            }
            QuoteFault::TextAfterEnd => {
                "expected the end of the cell after its quotation mark, found more text"
            }
            QuoteFault::Inside => {
                "expected a cell in quotation marks, found a quotation mark inside the cell"
            }
        };
        write!(f, "line {}: {fault}", self.line)
    }
}

impl std::error::Error for QuoteError {}

impl<R> CheckedQuotes<R> {
    /// Creates the reader. `line` is the first line of the input.
    pub(super) fn new(input: R, delimiter: u8, line: u64) -> Self {
        Self {
            input,
            delimiter,
            line,
            place: Place::CellStart,
        }
    }

    fn advance(&mut self, byte: u8) -> Result<(), QuoteError> {
        self.place = match (self.place, byte) {
            (Place::Quoted, b'\n') => return Err(self.error(QuoteFault::NoEnd)),
            (Place::Quoted, b'"') => Place::QuotedEnd,
            (Place::QuotedEnd, b'"') | (Place::Quoted, _) | (Place::CellStart, b'"') => {
                Place::Quoted
            }
            (_, b'\n') => {
                self.line = self.line.saturating_add(1);
                Place::CellStart
            }
            (_, delimiter) if delimiter == self.delimiter => Place::CellStart,
            // A line feed follows.
            (Place::QuotedEnd, b'\r') => Place::QuotedEnd,
            (Place::QuotedEnd, _) => return Err(self.error(QuoteFault::TextAfterEnd)),
            (Place::Unquoted, b'"') => return Err(self.error(QuoteFault::Inside)),
            _ => Place::Unquoted,
        };
        Ok(())
    }

    fn error(&self, fault: QuoteFault) -> QuoteError {
        QuoteError {
            line: self.line,
            fault,
        }
    }
}

impl<R: Read> Read for CheckedQuotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let is_open = matches!(self.place, Place::Quoted);
        if count == 0 && is_open && !buffer.is_empty() {
            return Err(io::Error::other(self.error(QuoteFault::NoEnd)));
        }
        for byte in buffer.iter().take(count) {
            self.advance(*byte).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let mut reader = CheckedQuotes::new(text.as_bytes(), b',', 1);
        let read = reader.read_to_end(&mut Vec::new());
        read.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn quotation_marks_follow_rfc_4180() {
        for text in [
            "",
            "a,b\r\n\"a, b\",\"c\"\r\n",
            "\"\",\"\"\"\"\n\n\"a \"\"b\"\" c\"",
        ] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
        for (text, line, expected) in [
            ("a,b\na,\"b\na,b\n", 2, "found the end of the line"),
            ("a\n\"b", 2, "found the end of the line"),
            ("a\n\"b\r\nc\"\n", 2, "found the end of the line"),
            ("a,b\n\n\"a\" ,b\n", 3, "found more text"),
            ("a,b\n\"a\"b\"\n", 2, "found more text"),
            ("a,b \"c\"\n", 1, "found a quotation mark inside"),
            ("a, \"b\"\n", 1, "found a quotation mark inside"),
        ] {
            let found = check(text).unwrap_err();
            assert!(
                found.starts_with(&format!("line {line}: ")),
                "{text:?}: {found}"
            );
            assert!(found.contains(expected), "{text:?}: {found}");
        }
    }
}
