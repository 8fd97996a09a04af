//! License keys: short strings that a person can type.

mod checksum;
mod enterprise;
mod license_id;
mod scan;
mod standard;

use std::fmt;

pub use enterprise::{EnterpriseKey, EnterpriseTerms, KeyExpiry, ShortEnterpriseKey};
pub use license_id::LicenseId;
pub use standard::StandardKey;

use crate::code::Code;
use crate::encoding::pasted::{Found, Pasted, Position};
use scan::Scan;

/// The longest key: its text, and the signature of an RSA key of 8192 bits, with room for line breaks.
const MAX_BYTES: usize = 4096;

/// A license key as it was spelled. It proves only that it was spelled right, and grants nothing.
///
/// ```
/// use license_core::LicenseKey;
///
/// let pasted = "  “coditect–pro–a7f3e9d2c4b1–8f2a”\r\n";
/// let key = LicenseKey::parse(pasted)?;
/// assert_eq!(key.to_string(), "CODITECT-PRO-A7F3E9D2C4B1-8F2A");
///
/// let error = LicenseKey::parse("CODITECT-PRO-A7F3E9D2C4B1-8F2B").unwrap_err();
/// assert_eq!(error.code().as_str(), "CHECKSUM_MISMATCH");
/// # Ok::<(), license_core::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicenseKey {
    /// `PRODUCT-TIER-HASH-CHECKSUM`: names a license; its file proves it.
    Standard(StandardKey),
    /// `PRODUCT-ENT-COMPANY-SEATS-EXPIRY-SIGNATURE`: can be verified with a trust set alone.
    Enterprise(EnterpriseKey),
    /// The same with a digest of the signature: for invoices and phone calls.
    EnterpriseShort(ShortEnterpriseKey),
}

impl LicenseKey {
    /// Reads a key of any form, undoing what mail, chat and editors do to it.
    ///
    /// # Errors
    /// [`KeyError`] with the position and what was expected there, or a wrong checksum.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let length = text.len();
        if length > MAX_BYTES {
            return Err(KeyError::TooLong {
                limit: MAX_BYTES,
                found: length,
            });
        }
        let pasted = Pasted::new(text);
        let mut fields = pasted.text.split('-');
        let is_enterprise = fields
            .nth(1)
            .is_some_and(|tier| tier.eq_ignore_ascii_case("ENT"))
            && fields.count() >= 3;
        let scan = Scan::new(&pasted);
        if is_enterprise {
            enterprise::parse(scan)
        } else {
            standard::parse(scan).map(Self::Standard)
        }
    }

    /// Whether the text looks like a key rather than a token or a file.
    pub fn is_likely(text: &str) -> bool {
        let text = crate::encoding::pasted::without_wrapping(text);
        !text.contains("BEGIN ") && !text.contains('{') && !text.contains('.')
    }

    /// The id of the license that the key itself carries: enterprise keys only.
    pub fn license_id(&self) -> Option<LicenseId> {
        match self {
            Self::Standard(_) => None,
            Self::Enterprise(key) => Some(LicenseId::of_key(&key.short())),
            Self::EnterpriseShort(key) => Some(LicenseId::of_key(key)),
        }
    }
}

impl fmt::Display for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(key) => key.fmt(f),
            Self::Enterprise(key) => key.fmt(f),
            Self::EnterpriseShort(key) => key.fmt(f),
        }
    }
}

/// Why a text is no license key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Something else was expected at this place.
    #[error("license key: at {position}: expected {expected}, found {found}")]
    Unexpected {
        /// Where, in the text as given.
        position: Position,
        /// What would have been right.
        expected: &'static str,
        /// What stood there.
        found: Found,
    },
    /// The checksum is not that of the text before it: a character is wrong, or two are swapped.
    #[error(
        "license key: its characters give the checksum {expected:04X}, but it ends with {found:04X}"
    )]
    Checksum {
        /// The checksum of the text before it.
        expected: u16,
        /// The checksum as typed.
        found: u16,
    },
    /// The signature has no length that an RSA key of 2048 to 8192 bits can give: cut off, or doubled.
    #[error("license key: expected a signature of 342 to 1366 characters, found {found}")]
    SignatureLength {
        /// Characters found.
        found: usize,
    },
    /// Larger than any key.
    #[error("license key: expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The most bytes that are read.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
}

impl KeyError {
    /// The reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Checksum { .. } => Code::ChecksumMismatch,
            _ => Code::Malformed,
        }
    }
}
