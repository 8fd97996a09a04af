//! What can be wrong with lines that were read out.

use std::fmt;

use crate::code::Code;

/// Why bytes can't be put into lines, or lines not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpokenError {
    /// More bytes than are put into lines.
    ContentTooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given, or said by the first line.
        found: usize,
    },
    /// More text than lines are read from.
    TextTooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Nothing in the text looks like a line.
    Nothing,
    /// Lines are wrong or missing.
    Lines {
        /// What is wrong, by number.
        faults: Vec<Fault>,
        /// How many lines stand there without a number.
        unnumbered: usize,
    },
    /// Every line holds by itself, but not all of them together.
    Mixed,
    /// The lines are of a newer format.
    Version {
        /// The format that is understood.
        expected: u8,
        /// What the first line says.
        found: u8,
    },
}

/// A line that is wrong or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number, from 1 to 99.
    pub line: u8,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It is not there.
    Missing,
    /// A character is wrong, or two are swapped, or the number is another line's.
    Check,
    /// Characters are missing, or there are too many.
    Length {
        /// Characters behind the number.
        expected: usize,
        /// Characters found.
        found: usize,
    },
    /// It has a U, which is never used.
    LetterU,
    /// It has a letter or digit that is none of the alphabet.
    Foreign,
    /// It stands there more than once, and each holds: lines of two readings.
    Different,
    /// It holds, but the first line says that there are fewer.
    Beyond {
        /// How many there are.
        count: u8,
    },
    /// It does not hold, but is not missed either: perhaps its number is wrong, and another line is missing.
    AlsoDamaged,
}

impl SpokenError {
    /// The reason code.
    pub fn code(&self) -> Code {
        let is_wrong = |fault: &Fault| fault.kind == FaultKind::Check;
        match self {
            Self::Version { .. } => Code::UnsupportedVersion,
            Self::Mixed => Code::ChecksumMismatch,
            Self::Lines { faults, .. } if faults.iter().any(is_wrong) => Code::ChecksumMismatch,
            _ => Code::Malformed,
        }
    }

    /// What to do about it, for the hint below an error.
    pub fn advice(&self) -> &'static str {
        let is_different = |fault: &Fault| fault.kind == FaultKind::Different;
        let is_beyond = |fault: &Fault| matches!(fault.kind, FaultKind::Beyond { .. });
        match self {
            Self::ContentTooLong { .. } => "carry it as a file or as a QR code",
            Self::TextTooLong { .. } => "give the lines alone, and nothing else",
            Self::Nothing => "type each line with its number, as in 02  000G-40R4-0M30-E2XC",
            Self::Lines { faults, .. }
                if faults.iter().any(is_different) || faults.iter().all(is_beyond) =>
            {
                "these are lines of two readings: leave only those of one"
            }
            Self::Lines { .. } => {
                "have these lines read out again, and type them below the others: a line that holds takes the place of one that does not"
            }
            Self::Mixed => "have all lines read out again, from the same request",
            Self::Version { .. } => "use a newer version of this program",
        }
    }
}

impl fmt::Display for SpokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentTooLong { limit, found } => {
                write!(f, "expected at most {limit} bytes to put into lines, found {found}")
            }
            Self::TextTooLong { limit, found } => {
                write!(f, "expected at most {limit} bytes of lines, found {found}")
            }
            Self::Nothing => f.write_str("expected numbered lines, found none"),
            Self::Lines { faults, unnumbered } => lines(f, faults, *unnumbered),
            Self::Mixed => f.write_str(
                "every line holds, but not all together: they are of two readings, or one has several wrong characters",
            ),
            Self::Version { expected, found } => {
                write!(f, "expected lines of format {expected}, found {found}: needs a newer version")
            }
        }
    }
}

impl std::error::Error for SpokenError {}

/// `line 3: the check characters do not match; lines 7 to 9: missing`.
fn lines(f: &mut fmt::Formatter<'_>, faults: &[Fault], unnumbered: usize) -> fmt::Result {
    let follows = |one: &Fault, next: &Fault| one.kind == next.kind && one.line + 1 == next.line;
    let mut separator = "";
    for run in faults.chunk_by(follows) {
        if let [first, .., last] = run {
            write!(
                f,
                "{separator}lines {} to {}: {}",
                first.line, last.line, last.kind
            )?;
        } else if let [only] = run {
            write!(f, "{separator}line {}: {}", only.line, only.kind)?;
        }
        separator = "; ";
    }
    match unnumbered {
        0 => Ok(()),
        1 => f.write_str("; one line has no number"),
        more => write!(f, "; {more} lines have no number"),
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Check => f.write_str("the check characters do not match"),
            Self::Length { expected, found } => {
                write!(
                    f,
                    "expected {expected} characters behind the number, found {found}"
                )
            }
            Self::LetterU => f.write_str("U is never used, it may be a V or a 0"),
            Self::Foreign => f.write_str("expected letters A to Z and digits, found another"),
            Self::Different => f.write_str("stands there twice, with different content"),
            Self::Beyond { count } => write!(f, "line 1 says that there are only {count}"),
            Self::AlsoDamaged => {
                f.write_str("superfluous and wrong, its number may be another line's")
            }
        }
    }
}
