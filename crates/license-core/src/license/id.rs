//! License ids.

use std::fmt;

use uuid::{Uuid, Variant, Version};

use crate::key::{LicenseKey, ShortEnterpriseKey};

/// The id of a license: a UUIDv7 (RFC 9562), or for an enterprise key its short form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenseId(Box<str>);

impl LicenseId {
    pub(crate) const EXPECTED: &'static str = "a UUIDv7 in lower case";
    pub(crate) const EXPECTED_OF_ANY: &'static str =
        "a license id: a UUIDv7 in lower case, or a short enterprise key";

    /// Reads the id of any license: a UUIDv7, or the short form of an enterprise key, in its canonical spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let of_key = || match LicenseKey::parse(text) {
            Ok(LicenseKey::EnterpriseShort(key)) => Some(Self::of_key(&key)),
            _ => None,
        };
        Self::parse_uuid(text)
            .or_else(of_key)
            .filter(|id| id.as_str() == text)
    }

    /// Reads the id of a license token: a UUIDv7 in its canonical spelling.
    pub(crate) fn parse_uuid(text: &str) -> Option<Self> {
        Self::uuid_number(text).map(|_| Self(text.into()))
    }

    /// The UUIDv7 of these 128 bits.
    pub(super) fn of_uuid_number(number: u128) -> Option<Self> {
        Self::parse(&Uuid::from_u128(number).hyphenated().to_string())
    }

    /// The 128 bits of a UUIDv7 in its canonical spelling.
    pub(super) fn uuid_number(text: &str) -> Option<u128> {
        let uuid = Uuid::try_parse(text).ok()?;
        let mut canonical = Uuid::encode_buffer();
        let canonical = uuid.hyphenated().encode_lower(&mut canonical);
        let is_v7 = uuid.get_version() == Some(Version::SortRand);
        let accepted = is_v7 && uuid.get_variant() == Variant::RFC4122 && canonical == text;
        accepted.then(|| uuid.as_u128())
    }

    /// The 16 bytes of an id that is a UUID.
    pub(crate) fn uuid_bytes(&self) -> Option<[u8; 16]> {
        Self::uuid_number(&self.0).map(u128::to_be_bytes)
    }

    /// The id of these 16 bytes, if they are a UUIDv7.
    pub(crate) fn from_uuid_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::parse_uuid(&Uuid::from_bytes(bytes).hyphenated().to_string())
    }

    /// Makes an id of an instant and 10 random bytes, which the caller brings.
    pub fn from_random(unix_milliseconds: u64, random: &[u8; 10]) -> Self {
        let uuid = uuid::Builder::from_unix_timestamp_millis(unix_milliseconds, random).into_uuid();
        Self(uuid.hyphenated().to_string().into())
    }

    pub(crate) fn of_key(key: &ShortEnterpriseKey) -> Self {
        Self(key.to_string().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenseId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_7_in_one_spelling() {
        let id = LicenseId::from_random(1_795_000_000_000, &[0xab; 10]);
        assert_eq!(LicenseId::parse(id.as_str()), Some(id.clone()));
        for wrong in [
            id.as_str().to_uppercase(),
            id.as_str().replace('-', ""),
            format!("{{{id}}}"),
            "f47ac10b-58cc-4372-a567-0e02b2c3d479".to_owned(),
            String::new(),
        ] {
            assert_eq!(LicenseId::parse(&wrong), None, "{wrong}");
        }
    }
}
