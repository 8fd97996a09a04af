//! Errors of machine requests.

use crate::code::Code;
use crate::encoding::QrTextError;
use crate::encoding::kind::TextKind;
use crate::encoding::strict_json::JsonError;
use crate::requests::readback::ReadbackError;

/// The reason why a text is not a machine request or deactivation receipt.
///
/// ```
/// use license_core::with_causes;
/// use license_core::requests::MachineRequest;
///
/// let error = MachineRequest::parse("hello").err().ok_or("expected an error")?;
/// println!("{}: {}", error.code(), with_causes(&error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineRequestError {
    /// The text is longer than the limit.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the text in bytes.
        found: usize,
    },
    /// The armor lines are missing.
    #[error("expected one block from `-----BEGIN LICENSE …-----` to `-----END LICENSE …-----`")]
    Armor,
    /// The text has several blocks.
    #[error("expected one request or receipt, found several")]
    Several,
    /// The block has another label.
    #[error("expected a machine request or deactivation receipt, found a block `{found}`")]
    OtherBlock {
        /// The label, cut to 32 characters.
        found: String,
    },
    /// The text is of another kind, such as public keys.
    #[error("expected a machine request or deactivation receipt, found {}", .found.name())]
    OtherKind {
        /// The kind of the text.
        found: TextKind,
    },
    /// The text is the source of a mail whose content is encoded.
    #[error("expected the text of a mail, found an encoded mail")]
    EncodedMail,
    /// The text of a QR code cannot be read.
    #[error(transparent)]
    QrText(QrTextError),
    /// Readback lines are missing or wrong.
    #[error(transparent)]
    Readback(ReadbackError),
    /// The content of the block is not a strict JSON object.
    #[error("cannot read the content of the block")]
    Json(#[source] JsonError),
    /// The format version is later than the supported one.
    #[error(
        "expected format version {supported}, found {found}, which needs a newer version of \
         this program"
    )]
    Version {
        /// The latest supported version.
        supported: u64,
        /// The version of the text.
        found: u64,
    },
    /// A member is missing or has a value that is not accepted.
    #[error("`{member}`: expected {expected}")]
    Member {
        /// The member.
        member: String,
        /// A description of the accepted values.
        expected: String,
    },
    /// There is an unknown member.
    #[error("expected only known members, found `{found}`")]
    UnknownMember {
        /// The name of the member, cut to 32 characters.
        found: String,
    },
    /// The content does not match its check value.
    #[error("`check` does not match the content, which was changed after it was created")]
    Check,
    /// The bytes are not the compact form of a request or receipt.
    #[error("the readback lines or the QR code contain no machine request or deactivation receipt")]
    Compact,
}

impl MachineRequestError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::requests::MachineRequest;
    ///
    /// let error = MachineRequest::parse("hello").err().ok_or("expected an error")?;
    /// assert_eq!(error.code(), Code::Malformed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code(&self) -> Code {
        match self {
            Self::Version { .. } => Code::UnsupportedVersion,
            Self::Check | Self::QrText(QrTextError::Check) => Code::ChecksumMismatch,
            Self::Readback(error) => error.code(),
            _ => Code::Malformed,
        }
    }
}
