//! What can be wrong with lines that were read out.

use std::fmt;

use crate::code::Code;

/// Why bytes can't be put into lines, or lines not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpokenError {
    /// More bytes than are put into lines.
    #[error("expected at most {limit} bytes to put into lines, found {found}")]
    ContentTooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given, or said by the first line.
        found: usize,
    },
    /// More text than lines are read from.
    #[error("expected at most {limit} bytes of lines, found {found}")]
    TextTooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Nothing in the text looks like a line.
    #[error("expected numbered lines, found none")]
    Nothing,
    /// Lines are wrong or missing.
    #[error("{}", lines(faults, *unnumbered))]
    Lines {
        /// What is wrong, by number.
        faults: Vec<Fault>,
        /// How many lines stand there without a number.
        unnumbered: usize,
    },
    /// Every line holds by itself, but not all of them together.
    #[error(
        "every line holds, but not all together: \
         they are of two readings, or one has several wrong characters"
    )]
    Mixed,
    /// The lines are of a newer format.
    #[error("expected lines of format {expected}, found {found}: needs a newer version")]
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

/// Lists the faults: `line 3: the check characters do not match; lines 7 to 9: missing`.
fn lines(faults: &[Fault], unnumbered: usize) -> String {
    let follows = |one: &Fault, next: &Fault| one.kind == next.kind && one.line + 1 == next.line;
    let run = |run: &[Fault]| match run {
        [first, .., last] => Some(format!(
            "lines {} to {}: {}",
            first.line, last.line, last.kind
        )),
        [only] => Some(format!("line {}: {}", only.line, only.kind)),
        [] => None,
    };
    let runs: Vec<String> = faults.chunk_by(follows).filter_map(run).collect();
    let lines = runs.join("; ");
    match unnumbered {
        0 => lines,
        1 => format!("{lines}; one line has no number"),
        more => format!("{lines}; {more} lines have no number"),
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
