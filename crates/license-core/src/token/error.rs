//! What can be wrong with a token.

use std::fmt;

use crate::Code;
use crate::json::JsonError;
use crate::letter::LetterKind;
use crate::pasted::{Found, Position};
use crate::signature::Algorithm;
use crate::token::TokenKind;
use crate::trust::{KeyId, TrustError};

/// Why a text is no token or no file of tokens. Nothing has been verified by then.
#[derive(Debug)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is empty.
    Empty,
    /// A private key was given.
    PrivateKey,
    /// More bytes than are read.
    TooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Something else was expected at this place.
    Unexpected {
        /// Where, in the text as given.
        position: Position,
        /// What would have been right.
        expected: &'static str,
        /// What stood there.
        found: Found,
    },
    /// Not three segments with dots between them.
    Segments {
        /// Segments found.
        found: usize,
    },
    /// A segment is not canonical base64url.
    Base64 {
        /// `header`, `payload` or `signature`.
        segment: &'static str,
    },
    /// The header is no strict JSON object.
    HeaderJson(JsonError),
    /// A member of the header is missing or has a value that is not accepted.
    Header {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The header has a member that is not accepted.
    HeaderMember {
        /// Its name, cut to 32 characters.
        found: String,
    },
    /// A line of armor where another one belongs.
    Armor {
        /// The line, from 1.
        line: usize,
        /// What would have been right.
        expected: String,
        /// What stood there.
        found: &'static str,
    },
    /// A block of the file is no token.
    Block {
        /// The line on which it begins, from 1.
        line: usize,
        /// What is wrong with it.
        error: Box<ParseError>,
    },
    /// The armor says one kind of token, the header another.
    Label {
        /// The kind that the armor says.
        expected: TokenKind,
        /// The kind that the header says.
        found: TokenKind,
    },
    /// The file holds what a machine sends to its vendor.
    Letter {
        /// What it is.
        found: LetterKind,
    },
}

impl ParseError {
    /// The same error in a text that begins so many lines further down in its file.
    pub(super) fn lines_down(mut self, lines: usize) -> Self {
        match &mut self {
            Self::Unexpected { position, .. } => {
                position.line += lines;
                self
            }
            _ => Self::Block {
                line: lines,
                error: Box::new(self),
            },
        }
    }

    /// The reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Block { error, .. } => error.code(),
            _ => Code::Malformed,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected a license token or file, found nothing"),
            Self::PrivateKey => f.write_str("expected a license, found a private key"),
            Self::TooLong { limit, found } => {
                write!(f, "expected at most {limit} bytes, found {found}")
            }
            Self::Unexpected {
                position,
                expected,
                found,
            } => {
                write!(f, "at {position}: expected {expected}, found {found}")
            }
            Self::Segments { found } => {
                write!(
                    f,
                    "expected a token of 3 segments with dots between them, found {found}"
                )
            }
            Self::Base64 { segment } => {
                write!(
                    f,
                    "token {segment}: expected canonical base64url without padding"
                )
            }
            Self::HeaderJson(error) => write!(f, "token header: {error}"),
            Self::Header { member, expected } => {
                write!(f, "token header: expected `{member}` to be {expected}")
            }
            Self::HeaderMember { found } => {
                write!(
                    f,
                    "token header: expected only `alg`, `kid` and `typ`, found `{found}`"
                )
            }
            Self::Armor {
                line,
                expected,
                found,
            } => {
                write!(f, "line {line}: expected {expected}, found {found}")
            }
            Self::Block { line, error } => write!(f, "block at line {line}: {error}"),
            Self::Label { expected, found } => write!(
                f,
                "the armor says {}, the token says {}",
                expected.label(),
                found.label()
            ),
            Self::Letter { found } => {
                write!(
                    f,
                    "expected what the vendor has signed, found {}",
                    found.name()
                )
            }
        }
    }
}

impl std::error::Error for ParseError {}

/// Why a token was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is of another kind than asked for.
    Kind {
        /// The kind asked for.
        expected: TokenKind,
        /// The kind that the header says.
        found: TokenKind,
    },
    /// The key that the header names is not in the trust set.
    UntrustedKey {
        /// The key id in the header.
        found: String,
        /// How many keys are trusted.
        trusted: usize,
    },
    /// The key that the header names was retired by its vendor.
    RetiredKey {
        /// The key.
        key: KeyId,
    },
    /// The header names another algorithm than the key's.
    Algorithm {
        /// The key.
        key: KeyId,
        /// The key's algorithm.
        expected: Algorithm,
        /// The header's.
        found: Algorithm,
    },
    /// The signature does not verify. There is no more to say of it.
    Signature,
    /// A part of the token is not spelled as it must be.
    Parse(ParseError),
    /// The payload is no strict JSON object.
    Json(JsonError),
    /// A claim is missing or of a wrong type.
    Claim {
        /// The claim.
        claim: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is: a type or `nothing`.
        found: &'static str,
    },
    /// A public key in a claim must not be trusted.
    Key {
        /// The claim.
        claim: &'static str,
        /// What is wrong with the key.
        error: Box<TrustError>,
    },
    /// The token's format is newer.
    Version {
        /// The newest format that is understood.
        supported: u32,
        /// The token's format.
        found: i64,
    },
    /// The token has a critical claim that is not understood.
    CriticalClaim {
        /// Its name, cut to 32 characters.
        found: String,
    },
    /// The token belongs to another license.
    OtherLicense,
    /// The matrix has no tier for enterprise keys.
    NoEnterpriseTier,
}

impl VerifyError {
    /// The reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::UntrustedKey { .. } => Code::UntrustedKey,
            Self::RetiredKey { .. } => Code::RetiredKey,
            Self::Algorithm { .. } | Self::Signature => Code::BadSignature,
            Self::Version { .. } => Code::UnsupportedVersion,
            Self::CriticalClaim { .. } => Code::UnsupportedClaim,
            _ => Code::Malformed,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { expected, found } => {
                write!(f, "expected a token of type {expected}, found {found}")
            }
            Self::UntrustedKey { found, trusted } => write!(
                f,
                "signed by key {found}, which is not among the trusted keys ({trusted})"
            ),
            Self::RetiredKey { key } => {
                write!(f, "signed by key {key}, which its vendor has retired")
            }
            Self::Algorithm {
                key,
                expected,
                found,
            } => {
                write!(f, "key {key} signs with {expected}, the token says {found}")
            }
            Self::Signature => f.write_str("the signature does not verify"),
            Self::Parse(error) => error.fmt(f),
            Self::Json(error) => write!(f, "token payload: {error}"),
            Self::Claim {
                claim,
                expected,
                found,
            } => {
                write!(f, "claim `{claim}`: expected {expected}, found {found}")
            }
            Self::Key { claim, error } => write!(f, "claim `{claim}`: {error}"),
            Self::Version { supported, found } => {
                write!(
                    f,
                    "expected format version {supported}, found {found}: needs a newer version"
                )
            }
            Self::CriticalClaim { found } => {
                write!(
                    f,
                    "the critical claim `{found}` is unknown: needs a newer version"
                )
            }
            Self::OtherLicense => f.write_str("the validation token belongs to another license"),
            Self::NoEnterpriseTier => {
                f.write_str("the product has no tier that enterprise keys stand for")
            }
        }
    }
}

impl std::error::Error for VerifyError {}

impl From<ParseError> for VerifyError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}
