//! Enterprise keys: `CODITECT-ENT-ACME-100-20261231-<signature>`, which verify without a license
//! file.

mod expiry;
mod terms;

use std::fmt;

use sha2::{Digest, Sha256};

pub use expiry::KeyExpiry;
pub use terms::EnterpriseTerms;

use super::scan::{KeyScanner, is_hex};
use super::{KeyError, LicenseKey};
use crate::encoding::base64url;
use crate::encoding::value::text_value;
use terms::parse_terms;

/// The length in bytes of an RSA signature of 2048 to 8192 bits.
const SIGNATURE_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// The number of hexadecimal digits of the digest in a short key.
const SHORT_LENGTH: usize = 16;

/// A well-formed enterprise key whose signature is not verified.
///
/// [`EnterpriseKey::verify`] returns its license. `Display` and the JSON form contain the
/// signature, so they are bearer credentials. `Debug` prints the short form.
///
/// ```
/// use license_core::key::{EnterpriseKey, ShortEnterpriseKey};
///
/// // A placeholder for a signature of 2048 bits, which does not verify.
/// let signature = "A".repeat(342);
/// let key: EnterpriseKey = format!("CODITECT-ENT-ACME-100-20271231-{signature}").parse()?;
/// assert_eq!(key.signature().len(), 256);
/// assert_eq!(key.short(), ShortEnterpriseKey::new(key.unverified_terms(), key.signature()));
/// # Ok::<(), license_core::key::KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EnterpriseKey {
    terms: EnterpriseTerms,
    /// The text that the signature covers, as received.
    signed: Box<str>,
    signature: Box<[u8]>,
    /// The signature with `--` for each long dash of the input, if there are any.
    other_signature: Option<Box<[u8]>>,
}

impl EnterpriseKey {
    #[cfg(feature = "issue")]
    pub(crate) fn from_signature(terms: EnterpriseTerms, signature: Vec<u8>) -> Self {
        Self {
            terms,
            signed: terms.to_string().into(),
            signature: signature.into(),
            other_signature: None,
        }
    }

    /// Returns the key with the other signature. Without long dashes in the input, there is none.
    pub(crate) fn other_reading(&self) -> Option<Self> {
        Some(Self {
            signature: self.other_signature.clone()?,
            other_signature: None,
            ..self.clone()
        })
    }

    /// Parses a full enterprise key, and reverts the changes that mail, chat and editors make.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// use license_core::Code;
    /// use license_core::key::EnterpriseKey;
    ///
    /// let key = EnterpriseKey::parse(TEXT)?;
    /// assert_eq!(key.unverified_terms().company.as_str(), "ACME");
    ///
    /// // The short form has no signature.
    /// let short = "CODITECT-ENT-ACME-100-20271231-0123456789ABCDEF";
    /// let error = EnterpriseKey::parse(short).unwrap_err();
    /// assert_eq!(error.code(), Code::Malformed);
    /// # Ok::<(), license_core::key::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the text is not a license key, or is a key of another form.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        match LicenseKey::parse(text)? {
            LicenseKey::Enterprise(key) => Ok(key),
            other => Err(other.other_form("a full enterprise key")),
        }
    }

    /// Returns the content of the key, which is not authenticated.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// # let key = license_core::key::EnterpriseKey::parse(TEXT)?;
    /// assert_eq!(key.unverified_terms().seats.get(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unverified_terms(&self) -> EnterpriseTerms {
        self.terms
    }

    /// Returns the text that the signature covers, which is the text before the fifth hyphen.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// # let key = license_core::key::EnterpriseKey::parse(TEXT)?;
    /// assert_eq!(key.signed_text(), "CODITECT-ENT-ACME-100-20271231");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signed_text(&self) -> &str {
        &self.signed
    }

    /// Returns the RSA signature.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// # let key = license_core::key::EnterpriseKey::parse(TEXT)?;
    /// assert_eq!(key.signature().len(), 256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Returns the short form, for invoices and phone calls.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// # let key = license_core::key::EnterpriseKey::parse(TEXT)?;
    /// assert_eq!(key.short().to_string(), "CODITECT-ENT-ACME-100-20271231-6A8B8A18501C8B91");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn short(&self) -> ShortEnterpriseKey {
        ShortEnterpriseKey::new(self.terms, &self.signature)
    }
}

/// Prints the canonical full form.
impl fmt::Display for EnterpriseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.signed, base64url::encode(&self.signature))
    }
}

text_value!(EnterpriseKey, "a full enterprise key", KeyError);

/// Omits the signature, because a full key is a bearer credential.
impl fmt::Debug for EnterpriseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnterpriseKey({})", self.short())
    }
}

/// The short form of an enterprise key, which has a digest in place of the signature.
///
/// The short form identifies an enterprise key, or a license file of the enterprise tier for a
/// company. The digest is computed from the signature of the key or of the license token. The short
/// form alone proves nothing.
///
/// ```
/// use license_core::key::ShortEnterpriseKey;
///
/// let text = "CODITECT-ENT-ACME-100-20271231-0123456789ABCDEF";
/// let key: ShortEnterpriseKey = text.parse()?;
/// assert_eq!(key.to_string(), text);
/// # Ok::<(), license_core::key::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShortEnterpriseKey {
    terms: EnterpriseTerms,
    digest: u64,
}

impl ShortEnterpriseKey {
    /// Computes the short form of a key with these terms and this signature.
    ///
    /// The digest is the first 64 bits of the SHA-256 hash of the signature.
    pub fn new(terms: EnterpriseTerms, signature: &[u8]) -> Self {
        let digest = Sha256::digest(signature);
        let digest = digest
            .iter()
            .take(8)
            .fold(0, |digest, &byte| digest << 8 | u64::from(byte));
        Self { terms, digest }
    }

    /// Parses a short enterprise key, and reverts the changes that mail, chat and editors make.
    ///
    /// ```
    /// use license_core::key::ShortEnterpriseKey;
    ///
    /// let key = ShortEnterpriseKey::parse("“CODITECT–ENT–ACME–100–20271231–0123456789ABCDEF”")?;
    /// assert_eq!(key.to_string(), "CODITECT-ENT-ACME-100-20271231-0123456789ABCDEF");
    /// # Ok::<(), license_core::key::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the text is not a license key, or is a key of another form.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        match LicenseKey::parse(text)? {
            LicenseKey::EnterpriseShort(key) => Ok(key),
            other => Err(other.other_form("a short enterprise key")),
        }
    }

    /// Returns the content of the key, which is not authenticated.
    ///
    /// ```
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/enterprise-key.txt"
    /// # ));
    /// # let key = license_core::key::EnterpriseKey::parse(TEXT)?;
    /// assert_eq!(key.short().unverified_terms().company.as_str(), "ACME");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unverified_terms(&self) -> EnterpriseTerms {
        self.terms
    }
}

impl fmt::Display for ShortEnterpriseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016X}", self.terms, self.digest)
    }
}

text_value!(ShortEnterpriseKey, "a short enterprise key", KeyError);

/// Parses an enterprise key in its full or short form.
pub(super) fn parse(mut scan: KeyScanner<'_>) -> Result<LicenseKey, KeyError> {
    let terms = parse_terms(&mut scan)?;
    let signed = Box::from(scan.read());
    scan.hyphen("`-` and the signature")?;
    let rest = scan.rest();
    if rest.len() == SHORT_LENGTH && rest.chars().all(is_hex) {
        let digest = u64::from_str_radix(rest, 16).unwrap_or_default();
        return Ok(LicenseKey::EnterpriseShort(ShortEnterpriseKey {
            terms,
            digest,
        }));
    }
    let other = scan.rest_with_double_hyphens();
    let other = other.and_then(|text| decode_signature(&text));
    let (signature, other_signature) = match (parse_signature(&scan), other) {
        (Ok(signature), other) => (signature, other),
        (Err(_), Some(other)) => (other, None),
        (Err(error), None) => return Err(error),
    };
    Ok(LicenseKey::Enterprise(EnterpriseKey {
        terms,
        signed,
        signature,
        other_signature,
    }))
}

/// Decodes the signature of a full key.
fn decode_signature(text: &str) -> Option<Box<[u8]>> {
    let signature = base64url::decode(text)?;
    SIGNATURE_BYTES
        .contains(&signature.len())
        .then(|| signature.into())
}

fn parse_signature(scan: &KeyScanner<'_>) -> Result<Box<[u8]>, KeyError> {
    let rest = scan.rest();
    if let Some(wrong) = rest
        .chars()
        .position(|character| !base64url::is_in_alphabet(character))
    {
        return Err(scan.unexpected_at(scan.at() + wrong, "A-Z, a-z, 0-9, `-` or `_`"));
    }
    let characters = rest.len();
    if characters == SHORT_LENGTH {
        let wrong = rest
            .chars()
            .position(|character| !is_hex(character))
            .unwrap_or(0);
        let expected = "0-9 or A-F in the short form of a signature, or the full signature";
        return Err(scan.unexpected_at(scan.at() + wrong, expected));
    }
    let bytes = characters * 3 / 4;
    if !SIGNATURE_BYTES.contains(&bytes) || characters % 4 == 1 {
        return Err(KeyError::SignatureLength { found: characters });
    }
    let signature = base64url::decode(rest).ok_or_else(|| {
        let last = scan.at() + characters - 1;
        scan.unexpected_at(last, "a last character with no stray bits")
    })?;
    Ok(signature.into())
}
