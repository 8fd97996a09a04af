//! Errors of parsing tokens and license files.

use crate::code::Code;
use crate::encoding::QrTextError;
use crate::encoding::armor::MachineRequestKind;
use crate::encoding::kind::TextKind;
use crate::encoding::layout::SourceLines;
use crate::encoding::pasted::{FoundText, Position, without_wrapping};
use crate::encoding::strict_json::JsonError;
use crate::jose::TokenKind;

/// The reason why a text is neither a token nor a license file, found before verification.
///
/// ```
/// use license_core::Unverified;
///
/// let error = Unverified::parse("not a token").unwrap_err();
/// assert_eq!(error.code().as_str(), "MALFORMED");
/// println!("{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is empty.
    #[error("expected a license token or file, found nothing")]
    Empty,
    /// The text is a private key.
    #[error("expected a license, found a private key")]
    PrivateKey,
    /// The text is longer than the limit.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the text in bytes.
        found: usize,
    },
    /// The text has an unexpected character.
    #[error("at {position}: expected {expected}, found {found}")]
    Unexpected {
        /// The position in the input.
        position: Position,
        /// A description of the accepted characters.
        expected: &'static str,
        /// The character at this position.
        found: FoundText,
    },
    /// The text of a QR code cannot be read.
    #[error(transparent)]
    QrText(#[from] QrTextError),
    /// The text does not have three segments with dots between them.
    #[error("expected a token of 3 segments with dots between them, found {found}")]
    Segments {
        /// The number of segments.
        found: usize,
    },
    /// A segment is not canonical base64url.
    #[error("token {segment}: expected canonical base64url without padding")]
    Base64 {
        /// `header`, `payload` or `signature`.
        segment: &'static str,
    },
    /// The header is not a strict JSON object.
    #[error("cannot read the token header")]
    HeaderJson(#[source] JsonError),
    /// A member of the header is missing or has a value that is not accepted.
    #[error("token header: expected `{member}` to be {expected}")]
    Header {
        /// The member.
        member: &'static str,
        /// A description of the accepted values.
        expected: &'static str,
    },
    /// The header has an unknown member.
    #[error("token header: expected only `alg`, `kid` and `typ`, found `{found}`")]
    HeaderMember {
        /// The name of the member, cut to 32 characters.
        found: String,
    },
    /// A line of the armor is missing or misplaced.
    #[error("line {line}: expected {expected}, found {found}")]
    Armor {
        /// The line, from 1.
        line: usize,
        /// The expected line.
        expected: String,
        /// A description of the line.
        found: &'static str,
    },
    /// A block of the file is not a token.
    #[error("cannot read the block at line {line}")]
    Block {
        /// The first line of the block, from 1.
        line: usize,
        /// The reason.
        source: Box<ParseError>,
    },
    /// The armor and the header name different kinds of token.
    #[error("the armor names {}, but the token header names {}", .expected.label(), .found.label())]
    Label {
        /// The kind that the armor names.
        expected: TokenKind,
        /// The kind that the header names.
        found: TokenKind,
    },
    /// The file contains a machine request.
    #[error("expected a token that the vendor has signed, found {}", .found.name())]
    MachineRequest {
        /// The kind of the request.
        found: MachineRequestKind,
    },
    /// The text is neither a license file nor a token, and does not resemble a license key.
    #[error("expected a license file, a token or a license key, found {found}")]
    NotALicense {
        /// A description of the text, which does not quote it.
        found: String,
    },
    /// The text is of another kind, such as a certificate.
    #[error("expected a license, found {}", .found.name())]
    OtherKind {
        /// The kind of the text.
        found: TextKind,
    },
}

impl JsonError {
    /// Returns the reason code.
    pub const fn code(&self) -> Code {
        Code::Malformed
    }
}

impl ParseError {
    /// Returns the error for a text that is of another kind than a license.
    pub(crate) fn other_kind(text: &str) -> Option<Self> {
        Some(match TextKind::detect(text)? {
            TextKind::License => return None,
            TextKind::MachineRequest(found) => Self::MachineRequest { found },
            TextKind::PrivateKey | TextKind::SshPrivateKey => Self::PrivateKey,
            found => Self::OtherKind { found },
        })
    }

    /// Returns the error for a text that resembles nothing that a vendor sends. The error quotes
    /// nothing, because the text can be a secret that was pasted by mistake.
    pub(crate) fn not_a_license(text: &str) -> Self {
        let length = without_wrapping(text).len();
        let found = format!("another text of {length} bytes");
        Self::NotALicense { found }
    }

    /// Adds the position of a block to an error. `lines` is the number of lines that precede the
    /// token of the block in the file. The last of them is the BEGIN line, so `lines` is also the
    /// number of that line.
    pub(crate) fn after_lines(mut self, lines: usize) -> Self {
        match &mut self {
            Self::Unexpected { position, .. } => {
                position.line += lines;
                self
            }
            _ => Self::Block {
                line: lines,
                source: Box::new(self),
            },
        }
    }

    /// Replaces the position in the lines that the parser corrected with the position in the text
    /// that they come from.
    pub(crate) fn in_source(mut self, text: &str) -> Self {
        let mut lines = SourceLines::new(text);
        match &mut self {
            Self::Unexpected { position, .. } => *position = lines.position(*position),
            Self::Armor { line, .. } | Self::Block { line, .. } => *line = lines.line(*line),
            _ => {}
        }
        self
    }

    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::jose::ParseError;
    ///
    /// assert_eq!(ParseError::Empty.code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Block { source, .. } => source.code(),
            _ => Code::Malformed,
        }
    }
}
