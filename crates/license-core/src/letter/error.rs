//! Why a text is no letter.

use crate::Code;
use crate::json::JsonError;
use crate::spoken::SpokenError;

/// Why a text is no request or receipt of a machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LetterError {
    /// More bytes than are read.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// The lines around it are missing, or there is other text beside them.
    #[error(
        "expected one block from `-----BEGIN LICENSE …-----` to its `-----END LICENSE …-----`, \
         and nothing else"
    )]
    Armor,
    /// There is more than one in it.
    #[error("expected one request or receipt, found several")]
    Several,
    /// The armor is that of something else.
    #[error("expected a request or receipt of a machine, found a block `{found}`")]
    OtherBlock {
        /// Its label, cut to 40 characters.
        found: String,
    },
    /// The lines that it was read out in are not all there, or not right.
    #[error(transparent)]
    Spoken(SpokenError),
    /// What is inside is no strict JSON object.
    #[error("between the lines: {0}")]
    Json(JsonError),
    /// The format is newer.
    #[error("expected format version {supported}, found {found}: needs a newer version")]
    Version {
        /// The newest format that is understood.
        supported: u64,
        /// The letter's.
        found: u64,
    },
    /// A member is missing or has another value than it must have.
    #[error("`{member}`: expected {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// There is a member that no such letter has.
    #[error("expected only known members, found `{found}`")]
    UnknownMember {
        /// Its name, cut to 32 characters.
        found: String,
    },
    /// It was changed after it was made.
    #[error("`check` is of another content: it was changed after it was made")]
    Check,
    /// The bytes are no compact form of a letter.
    #[error("what the lines hold is no request or receipt")]
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
