//! License keys: short strings that can be typed.

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
use crate::encoding::layout::has_block;
use crate::encoding::pasted::{FoundText, Pasted, Position, is_blank};
use crate::encoding::qr_text;
use crate::encoding::value::text_value;
use scan::KeyScanner;

/// The maximum length of a key in bytes: its fields and an RSA signature of 8192 bits, with line
/// breaks.
const MAX_BYTES: usize = 4096;

/// A well-formed license key.
///
/// A key that parses has a valid form, and a standard key also has a valid checksum. The key alone
/// grants nothing. [`EnterpriseKey::verify`] verifies an enterprise key. A key of another form
/// identifies a license file.
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
/// assert_eq!(key.to_string().parse(), Ok(key));
/// # Ok::<(), license_core::key::KeyError>(())
/// ```
///
/// `Display` and the JSON form of an enterprise key contain its signature, so they are bearer
/// credentials. `Debug` omits the signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LicenseKey {
    /// `PRODUCT-TIER-HASH-CHECKSUM`: identifies a license, whose file is required.
    Standard(StandardKey),
    /// `PRODUCT-ENT-COMPANY-SEATS-EXPIRY-SIGNATURE`: can be verified without a file.
    Enterprise(EnterpriseKey),
    /// An enterprise key with a digest in place of the signature, for invoices and phone calls.
    EnterpriseShort(ShortEnterpriseKey),
}

impl LicenseKey {
    /// Parses a key of any form, and reverts the changes that mail, chat and editors make.
    ///
    /// Takes memory of up to 4 times the size of the text.
    ///
    /// ```
    /// use license_core::LicenseKey;
    ///
    /// let key = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3730")?;
    /// assert!(matches!(key, LicenseKey::Standard(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if a character is wrong or missing, if the checksum does not match, if
    /// the length of a signature is wrong, or if the text is longer than 4096 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        check_length(text)?;
        let pasted = Pasted::new(text);
        let mut fields = pasted.text.split('-');
        let is_enterprise = fields
            .nth(1)
            .is_some_and(|tier| tier.eq_ignore_ascii_case("ENT"))
            && fields.count() >= 3;
        let scan = KeyScanner::new(&pasted);
        if is_enterprise {
            enterprise::parse(scan)
        } else {
            standard::parse(scan).map(Self::Standard)
        }
    }

    /// Returns whether the text looks like a key rather than a token or a license file.
    ///
    /// ```
    /// use license_core::LicenseKey;
    ///
    /// assert!(LicenseKey::is_likely("CODITECT-PRO-A7F3"));
    /// assert!(!LicenseKey::is_likely("-----BEGIN LICENSE-----"));
    /// ```
    pub fn is_likely(text: &str) -> bool {
        let text = crate::encoding::pasted::without_wrapping(text);
        let is_other = has_block(text) || text.contains(['{', '.']);
        !is_other && !qr_text::has_prefix(text)
    }

    /// Returns whether a text that is not a key can be a damaged one: it has three fields with
    /// hyphens between them, or up to four groups of letters and digits, one of which can be the
    /// hash of a standard key.
    pub(crate) fn resembles(text: &str) -> bool {
        let pasted = Pasted::new(text);
        let mut fields = pasted.text.split('-').map(str::trim);
        let mut is_word = || fields.next().is_some_and(|field| !field.contains(is_blank));
        let groups = pasted.text.split(|part: char| !part.is_alphanumeric());
        let mut groups = groups.filter(|group| !group.is_empty());
        let is_short = groups.clone().nth(4).is_none();
        is_word() && is_word() && fields.next().is_some()
            || is_short && groups.any(standard::is_hash)
    }

    /// Returns a noun phrase for the form of the key.
    const fn form(&self) -> &'static str {
        match self {
            Self::Standard(_) => "a standard key",
            Self::Enterprise(_) => "a full enterprise key",
            Self::EnterpriseShort(_) => "a short enterprise key",
        }
    }

    /// Returns the error for a key whose form is not the expected one.
    fn other_form(&self, expected: &'static str) -> KeyError {
        let found = self.form();
        KeyError::OtherForm { expected, found }
    }

    /// Returns the license id of an enterprise key, or `None` for a standard key.
    ///
    /// ```
    /// use license_core::LicenseKey;
    ///
    /// // The short form of an enterprise key is the license id.
    /// let key = LicenseKey::parse("CODITECT-ENT-ACME-100-20271231-0123456789ABCDEF")?;
    /// let id = key.license_id().ok_or("expected an enterprise key")?;
    /// assert_eq!(id.as_str(), "CODITECT-ENT-ACME-100-20271231-0123456789ABCDEF");
    ///
    /// // A standard key contains only a hash of the license id.
    /// let key = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3730")?;
    /// assert_eq!(key.license_id(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn license_id(&self) -> Option<LicenseId> {
        match self {
            Self::Standard(_) => None,
            Self::Enterprise(key) => Some(LicenseId::from_key(&key.short())),
            Self::EnterpriseShort(key) => Some(LicenseId::from_key(key)),
        }
    }

    /// Returns the readings of the input: one, or two for an enterprise key with long dashes, each
    /// of which can be `-` or `--`. Only the signature shows which reading is right.
    ///
    /// ```
    /// use license_core::LicenseKey;
    ///
    /// let key = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3730")?;
    /// assert_eq!(key.readings().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn readings(&self) -> impl Iterator<Item = Self> {
        let other = match self {
            Self::Enterprise(key) => key.other_reading().map(Self::Enterprise),
            _ => None,
        };
        [Some(self.clone()), other].into_iter().flatten()
    }
}

fn check_length(text: &str) -> Result<(), KeyError> {
    match text.len() {
        found if found > MAX_BYTES => Err(KeyError::TooLong {
            limit: MAX_BYTES,
            found,
        }),
        _ => Ok(()),
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

text_value!(LicenseKey, "a license key", KeyError);

/// The reason why a text is not a license key.
///
/// ```
/// use license_core::LicenseKey;
///
/// // One digit is wrong, which the checksum detects.
/// let error = LicenseKey::parse("CODITECT-PRO-D4424EFC5184-3731").unwrap_err();
/// assert_eq!(error.code().as_str(), "CHECKSUM_MISMATCH");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text has a wrong or missing character.
    #[error("license key: at {position}: expected {expected}, found {found}")]
    Unexpected {
        /// The position in the input.
        position: Position,
        /// A description of the accepted characters.
        expected: &'static str,
        /// The character in the input.
        found: FoundText,
    },
    /// The checksum does not match the text before it: a character is wrong, or two characters are
    /// swapped.
    #[error(
        "license key: expected checksum {expected:04X} for the text before it, found {found:04X}"
    )]
    Checksum {
        /// The checksum of the text before the last hyphen.
        expected: u16,
        /// The checksum in the input.
        found: u16,
    },
    /// The length of the signature does not fit an RSA key of 2048 to 8192 bits.
    #[error("license key: expected a signature of 342 to 1366 characters, found {found}")]
    SignatureLength {
        /// The number of characters in the input.
        found: usize,
    },
    /// The text is a license key of another form.
    #[error("license key: expected {expected}, found {found}")]
    OtherForm {
        /// The expected form, such as `a standard key`.
        expected: &'static str,
        /// The form of the key.
        found: &'static str,
    },
    /// The text is longer than any key.
    #[error("license key: expected at most {limit} bytes, found {found}")]
    TooLong {
        /// The maximum length in bytes.
        limit: usize,
        /// The length of the input in bytes.
        found: usize,
    },
}

impl KeyError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::{Code, LicenseKey};
    ///
    /// let error = LicenseKey::parse("hello").unwrap_err();
    /// assert_eq!(error.code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Checksum { .. } => Code::ChecksumMismatch,
            _ => Code::Malformed,
        }
    }
}
