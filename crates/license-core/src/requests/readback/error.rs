//! Errors of readback lines.

use std::fmt;

use crate::code::Code;

/// The reason why bytes cannot be converted to readback lines, or lines to bytes.
///
/// ```
/// use license_core::requests::readback::{self, ReadbackError};
///
/// let lines = readback::to_lines(b"short content")?;
/// let error = readback::from_lines(&lines[..2].join("\n")).err().ok_or("expected an error")?;
/// assert!(matches!(error, ReadbackError::Lines { .. }));
/// println!("{error}\nhint: {}", error.hint());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadbackError {
    /// The content is larger than the limit.
    #[error("expected content of at most {limit} bytes, found {found}")]
    ContentTooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the content in bytes, or the content length that the first line states.
        found: usize,
    },
    /// The text is larger than the limit.
    #[error("expected a text of at most {limit} bytes, found {found}")]
    TextTooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the text in bytes.
        found: usize,
    },
    /// The text contains no readback lines.
    #[error("expected numbered readback lines, found none")]
    Empty,
    /// Lines are wrong or missing.
    #[error("{}", describe(faults, *unnumbered))]
    Lines {
        /// The faults, by line number.
        faults: Vec<LineFault>,
        /// The number of lines without a number.
        unnumbered: usize,
    },
    /// Each line is correct, but the lines do not belong together.
    #[error(
        "each line is correct, but the lines do not belong together: they come from two requests, \
         or a line has several wrong characters"
    )]
    Inconsistent,
    /// The lines have a newer format.
    #[error(
        "expected readback lines of format {expected}, found {found}, which needs a newer version \
         of this program"
    )]
    Version {
        /// The supported format.
        expected: u8,
        /// The format in the first line.
        found: u8,
    },
}

/// A line that is wrong or missing.
///
/// ```
/// use license_core::requests::readback::{self, LineFaultKind, ReadbackError};
///
/// let lines = readback::to_lines(b"short content")?;
/// let error = readback::from_lines(&lines[..2].join("\n")).err().ok_or("expected an error")?;
/// let ReadbackError::Lines { faults, .. } = error else {
///     return Err(error.into());
/// };
/// // Mark this line in the window.
/// assert_eq!((faults[0].line, faults[0].kind), (3, LineFaultKind::Missing));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// The number of the line, from 1 to 99.
    pub line: u8,
    /// The kind of the fault.
    pub kind: LineFaultKind,
}

/// Kind of a fault in a line.
///
/// ```
/// use license_core::requests::readback::LineFaultKind;
///
/// /// Returns what the person who typed the lines must do.
/// fn advice(kind: LineFaultKind) -> &'static str {
///     match kind {
///         LineFaultKind::Missing => "type this line",
///         _ => "compare this line with the other side",
///     }
/// }
/// assert_eq!(advice(LineFaultKind::Missing), "type this line");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFaultKind {
    /// The line is missing.
    Missing,
    /// A character is wrong, two characters are swapped, or the number is that of another line.
    Check,
    /// The line has too few or too many characters.
    Length {
        /// The expected number of characters after the number.
        expected: usize,
        /// The number of characters.
        found: usize,
    },
    /// The line has a U, which is never used.
    LetterU,
    /// The line has a letter or digit outside the alphabet.
    InvalidCharacter,
    /// The line occurs several times with different content: the lines come from two requests.
    Conflicting,
    /// The line is correct, but the first line announces fewer lines.
    BeyondEnd {
        /// The number of lines.
        count: u8,
    },
    /// The line is wrong, but no line with its number is missing. It may be a missing line with a
    /// wrong number.
    ExtraDamaged,
}

impl ReadbackError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::requests::readback::ReadbackError;
    ///
    /// assert_eq!(ReadbackError::Empty.code(), Code::Malformed);
    /// ```
    pub fn code(&self) -> Code {
        let is_wrong = |fault: &LineFault| fault.kind == LineFaultKind::Check;
        match self {
            Self::Version { .. } => Code::UnsupportedVersion,
            Self::Inconsistent => Code::ChecksumMismatch,
            Self::Lines { faults, .. } if faults.iter().any(is_wrong) => Code::ChecksumMismatch,
            _ => Code::Malformed,
        }
    }

    /// Returns a hint for the user.
    ///
    /// ```
    /// use license_core::requests::readback::ReadbackError;
    ///
    /// println!("hint: {}", ReadbackError::Inconsistent.hint());
    /// ```
    pub fn hint(&self) -> &'static str {
        let is_different = |fault: &LineFault| fault.kind == LineFaultKind::Conflicting;
        let is_beyond = |fault: &LineFault| matches!(fault.kind, LineFaultKind::BeyondEnd { .. });
        match self {
            Self::ContentTooLong { .. } => "use a file or a QR code instead",
            Self::TextTooLong { .. } => "enter only the readback lines",
            Self::Empty => "type each line with its number, such as 02  000G-40R4-0M30-E2XC",
            Self::Lines { faults, .. }
                if faults.iter().any(is_different) || faults.iter().all(is_beyond) =>
            {
                "keep only the lines of one request; these lines come from two requests"
            }
            Self::Lines {
                unnumbered: 1.., ..
            } => "type the number in front of each line, such as 02  000G-40R4-0M30-E2XC",
            Self::Lines { .. } => {
                "have these lines read again, and type them below the others; a correct line \
                 replaces a wrong one"
            }
            Self::Inconsistent => "have all lines of one request read again",
            Self::Version { .. } => "use a newer version of this program",
        }
    }
}

/// Returns a list of the faults, such as
/// `line 3: the check characters do not match; lines 7 to 9: missing`.
fn describe(faults: &[LineFault], unnumbered: usize) -> String {
    let follows =
        |one: &LineFault, next: &LineFault| one.kind == next.kind && one.line + 1 == next.line;
    let describe_run = |run: &[LineFault]| match run {
        [first, .., last] => Some(format!(
            "lines {} to {}: {}",
            first.line, last.line, last.kind
        )),
        [only] => Some(format!("line {}: {}", only.line, only.kind)),
        [] => None,
    };
    let runs: Vec<String> = faults.chunk_by(follows).filter_map(describe_run).collect();
    let lines = runs.join("; ");
    match unnumbered {
        0 => lines,
        1 => format!("{lines}; one line has no number"),
        more => format!("{lines}; {more} lines have no number"),
    }
}

impl fmt::Display for LineFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Check => f.write_str("the check characters do not match"),
            Self::Length { expected, found } => {
                write!(
                    f,
                    "expected {expected} characters after the number, found {found}"
                )
            }
            Self::LetterU => f.write_str("U is never used; check for V or 0"),
            Self::InvalidCharacter => f.write_str("expected only letters A to Z and digits"),
            Self::Conflicting => f.write_str("occurs several times with different content"),
            Self::BeyondEnd { count } => {
                write!(f, "expected only {count} lines according to line 1")
            }
            Self::ExtraDamaged => {
                f.write_str("wrong, but no line with this number is missing (it may be a missing line with a wrong number)")
            }
        }
    }
}
