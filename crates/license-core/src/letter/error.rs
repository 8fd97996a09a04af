//! Why a text is no letter.

use std::fmt;

use crate::Code;
use crate::json::JsonError;
use crate::spoken::SpokenError;

/// Why a text is no request or receipt of a machine.
#[derive(Debug)]
#[non_exhaustive]
pub enum LetterError {
    /// More bytes than are read.
    TooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// The lines around it are missing, or there is other text beside them.
    Armor,
    /// There is more than one in it.
    Several,
    /// The armor is that of something else.
    OtherBlock {
        /// Its label, cut to 40 characters.
        found: String,
    },
    /// The lines that it was read out in are not all there, or not right.
    Spoken(SpokenError),
    /// What is inside is no strict JSON object.
    Json(JsonError),
    /// The format is newer.
    Version {
        /// The newest format that is understood.
        supported: u64,
        /// The letter's.
        found: u64,
    },
    /// A member is missing or has another value than it must have.
    Member {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// There is a member that no such letter has.
    UnknownMember {
        /// Its name, cut to 32 characters.
        found: String,
    },
    /// It was changed after it was made.
    Check,
    /// The bytes are no compact form of a letter.
    Compact,
}

impl LetterError {
    /// The reason code.
    pub fn code(&self) -> Code {
        match self {
            Self::Version { .. } => Code::UnsupportedVersion,
            Self::Check => Code::ChecksumMismatch,
            Self::Spoken(error) => error.code(),
            _ => Code::Malformed,
        }
    }
}

impl fmt::Display for LetterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => {
                write!(f, "expected at most {limit} bytes, found {found}")
            }
            Self::Armor => f.write_str(
                "expected one block from `-----BEGIN LICENSE …-----` to its `-----END LICENSE …-----`, and nothing else",
            ),
            Self::Several => f.write_str("expected one request or receipt, found several"),
            Self::OtherBlock { found } => write!(
                f,
                "expected a request or receipt of a machine, found a block `{found}`"
            ),
            Self::Spoken(error) => error.fmt(f),
            Self::Json(error) => write!(f, "between the lines: {error}"),
            Self::Version { supported, found } => write!(
                f,
                "expected format version {supported}, found {found}: needs a newer version"
            ),
            Self::Member { member, expected } => write!(f, "`{member}`: expected {expected}"),
            Self::UnknownMember { found } => {
                write!(f, "expected only known members, found `{found}`")
            }
            Self::Check => {
                f.write_str("`check` is of another content: it was changed after it was made")
            }
            Self::Compact => f.write_str("what the lines hold is no request or receipt"),
        }
    }
}

impl std::error::Error for LetterError {}
