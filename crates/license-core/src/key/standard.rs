//! Standard keys: `CODITECT-PRO-A7F3E9D2C4B1-8F2A`.

use std::fmt;

use super::checksum::checksum;
use super::scan::{FieldFormat, KeyScanner, is_hex, name};
use super::{KeyError, LicenseKey};
use crate::encoding::value::text_value;
use crate::ids::{ProductCode, Tier};
use crate::key::LicenseId;
use crate::time;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

const HASH: FieldFormat = FieldFormat {
    expected: "12 characters of 0-9 and A-F",
    allowed: is_hex,
    length: 12..=12,
};
const CHECKSUM: FieldFormat = FieldFormat {
    expected: "a checksum of 4 characters, 0-9 and A-F",
    allowed: is_hex,
    length: 4..=4,
};

/// The first line of the digested text, which names the version of the text.
const TAG: &str = "coditect-license-key-v1";

/// A key that identifies a license, such as `CODITECT-PRO-A7F3E9D2C4B1-8F2A`.
///
/// The key is computed from the license, so a verifier can check that the key belongs to the
/// license. The key proves nothing without the license.
///
/// ```
/// use license_core::key::StandardKey;
///
/// let key: StandardKey = "CODITECT-PRO-A7F3E9D2C4B1-8F2A".parse()?;
/// assert_eq!((key.product().as_str(), key.tier().as_str()), ("CODITECT", "PRO"));
/// # Ok::<(), license_core::key::KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StandardKey {
    product: ProductCode,
    tier: Tier,
    /// The hash of 48 bits.
    hash: u64,
}

impl StandardKey {
    /// Computes the key of a license.
    ///
    /// The hash is the first 48 bits of SHA-256 over five lines: a version line, the license id,
    /// the customer, the tier, and the expiry in Unix seconds or `perpetual`. A line feed separates
    /// the lines, and none follows the last line.
    pub fn new(
        product: ProductCode,
        tier: Tier,
        id: &LicenseId,
        customer: &str,
        expires_at: Option<DateTime<Utc>>,
    ) -> Self {
        let end = match expires_at {
            None => "perpetual".to_owned(),
            Some(at) => time::unix_seconds(at).to_string(),
        };
        let lines = [TAG, id.as_str(), customer, tier.as_str(), &end];
        let hash = Sha256::digest(lines.join("\n"))
            .iter()
            .take(6)
            .fold(0, |hash, &byte| hash << 8 | u64::from(byte));
        Self {
            product,
            tier,
            hash,
        }
    }

    /// Parses a standard key, and reverts the changes that mail, chat and editors make.
    ///
    /// ```
    /// use license_core::key::StandardKey;
    ///
    /// let key = StandardKey::parse("  coditect-pro-a7f3e9d2c4b1-8f2a")?;
    /// assert_eq!(key.to_string(), "CODITECT-PRO-A7F3E9D2C4B1-8F2A");
    /// # Ok::<(), license_core::key::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the text is not a license key, or is an enterprise key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        match LicenseKey::parse(text)? {
            LicenseKey::Standard(key) => Ok(key),
            other => Err(other.other_form("a standard key")),
        }
    }

    /// Parses a key in its canonical form, which [`Display`](fmt::Display) prints.
    pub(crate) fn parse_canonical(text: &str) -> Option<Self> {
        let (name, checksum_digits) = text.rsplit_once('-')?;
        let (names, hash_digits) = name.rsplit_once('-')?;
        let (product, tier) = names.split_once('-')?;
        let digits = [(hash_digits, &HASH), (checksum_digits, &CHECKSUM)];
        let are_hex = digits.iter().all(|(digits, field)| {
            field.length.contains(&digits.len()) && digits.chars().all(field.allowed)
        });
        let found = u16::from_str_radix(checksum_digits, 16).ok()?;
        let key = Self {
            product: ProductCode::parse(product).ok()?,
            tier: Tier::parse(tier).ok()?,
            hash: u64::from_str_radix(hash_digits, 16).ok()?,
        };
        (are_hex && found == checksum(name)).then_some(key)
    }

    /// Returns the product code.
    ///
    /// ```
    /// # let key: license_core::key::StandardKey = "CODITECT-PRO-D4424EFC5184-3730".parse()?;
    /// assert_eq!(key.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// Returns the tier.
    ///
    /// ```
    /// # let key: license_core::key::StandardKey = "CODITECT-PRO-D4424EFC5184-3730".parse()?;
    /// assert_eq!(key.tier().as_str(), "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier(&self) -> Tier {
        self.tier
    }
}

/// Returns whether a text has the form of the hash, in upper or lower case.
pub(super) fn is_hash(text: &str) -> bool {
    let mut characters = text.chars().map(|character| character.to_ascii_uppercase());
    text.len() == *HASH.length.end() && characters.all(HASH.allowed)
}

/// Parses a standard key, in upper or lower case.
pub(super) fn parse(scan: KeyScanner<'_>) -> Result<StandardKey, KeyError> {
    let mut scan = scan.in_upper_case();
    let product = scan.field(&name(ProductCode::EXPECTED))?;
    let product =
        ProductCode::parse(product).map_err(|error| scan.unexpected_at(0, error.expected))?;
    scan.hyphen("`-` after a product code of 2 to 16 characters, A-Z and 0-9")?;
    let start = scan.at();
    let tier = scan.field(&name(Tier::EXPECTED))?;
    let tier = Tier::parse(tier).map_err(|error| scan.unexpected_at(start, error.expected))?;
    scan.hyphen("`-` after the tier")?;
    let hash = u64::from_str_radix(scan.field(&HASH)?, 16).unwrap_or_default();
    let expected = checksum(scan.read());
    scan.hyphen("`-` and a checksum after 12 characters of 0-9 and A-F")?;
    let found = u16::from_str_radix(scan.field(&CHECKSUM)?, 16).unwrap_or_default();
    scan.end("the end of the key")?;
    if expected != found {
        return Err(KeyError::Checksum { expected, found });
    }
    Ok(StandardKey {
        product,
        tier,
        hash,
    })
}

impl fmt::Display for StandardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}-{}-{:012X}", self.product, self.tier, self.hash);
        write!(f, "{text}-{:04X}", checksum(&text))
    }
}

text_value!(StandardKey, "a standard key", KeyError);

impl fmt::Debug for StandardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StandardKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_is_canonical() {
        let canonical = "CODITECT-PRO-A7F3E9D2C4B1-8F2A";
        let key = StandardKey::parse_canonical(canonical).unwrap();
        assert_eq!(key.to_string(), canonical);
        for other in [
            "",
            "CODITECT-PRO-A7F3E9D2C4B1",
            "CODITECT-PRO-A7F3E9D2C4B1-8F2B",
            "CODITECT-PRO-A7F3E9D2C4B1-8F2A-",
            "CODITECT-PRO-A7F3E9D2C4B-8F2A",
            "CODITECT-PRO-+7F3E9D2C4B1-8F2A",
            "CODITECT-PRO-X-A7F3E9D2C4B1-8F2A",
            "coditect-pro-a7f3e9d2c4b1-8f2a",
            "coditect-PRO-A7F3E9D2C4B1-8F2A",
            "CODITECT-pro-A7F3E9D2C4B1-8F2A",
            "CODITECT-PRO-a7f3e9d2c4b1-8F2A",
            "CODITECT-PRO-A7F3E9D2C4B1-8f2a",
            "CODITECT-PRO-A7F3E9D2C4B1-+F2A",
            " CODITECT-PRO-A7F3E9D2C4B1-8F2A",
        ] {
            assert_eq!(StandardKey::parse_canonical(other), None, "{other}");
        }
    }
}
