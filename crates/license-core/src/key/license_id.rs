//! License ids.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::encoding::value::text_value;
use crate::key::{LicenseKey, ShortEnterpriseKey};
use crate::time;

/// The id of a license: a UUID (RFC 9562), or the short form of an enterprise key.
///
/// This library creates UUIDs of version 7. It accepts the versions 1 to 8, so that a vendor can
/// keep the ids of another system.
///
/// ```
/// use license_core::LicenseId;
///
/// let id: LicenseId = "01940000-0000-7000-8000-000000000001".parse()?;
/// assert_eq!(id.as_str(), "01940000-0000-7000-8000-000000000001");
/// assert!(LicenseId::parse("01940000000070008000000000000001").is_none());
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenseId(Box<str>);

impl LicenseId {
    pub(crate) const EXPECTED: &'static str = "a UUID of version 1 to 8, in lower case";
    pub(crate) const EXPECTED_ANY: &'static str =
        "a license id: a UUID of version 1 to 8, in lower case, or a short enterprise key";

    /// Parses a license id in canonical form: a UUID, or the short form of an enterprise key.
    ///
    /// ```
    /// use license_core::LicenseId;
    ///
    /// assert!(LicenseId::parse("01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01").is_some());
    /// assert!(LicenseId::parse("hello").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let from_key = || match LicenseKey::parse(text) {
            Ok(LicenseKey::EnterpriseShort(key)) => Some(Self::from_key(&key)),
            _ => None,
        };
        Self::parse_uuid(text)
            .or_else(from_key)
            .filter(|id| id.as_str() == text)
    }

    /// Parses the license id of a token: a UUID in canonical form.
    pub(crate) fn parse_uuid(text: &str) -> Option<Self> {
        is_uuid(text).then(|| Self(text.into()))
    }

    /// Returns the id with these 128 bits, if they are a UUID.
    pub(crate) fn from_uuid_number(number: u128) -> Option<Self> {
        Self::parse(&Uuid::from_u128(number).hyphenated().to_string())
    }

    /// Returns the 128 bits of a UUID in canonical form.
    pub(crate) fn uuid_number(text: &str) -> Option<u128> {
        let uuid = Uuid::try_parse(text).ok().filter(|_| is_uuid(text))?;
        Some(uuid.as_u128())
    }

    /// Returns the 16 bytes of an id that is a UUID.
    pub(crate) fn uuid_bytes(&self) -> Option<[u8; 16]> {
        Self::uuid_number(&self.0).map(u128::to_be_bytes)
    }

    /// Returns the id with these 16 bytes, if they are a UUID.
    pub(crate) fn from_uuid_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::parse_uuid(&Uuid::from_bytes(bytes).hyphenated().to_string())
    }

    /// Creates a UUIDv7 from the current time in milliseconds and 10 random bytes.
    ///
    /// A time before the year 1970 or after the year 9999 is clamped to this range.
    ///
    /// ```
    /// use license_core::{LicenseId, time};
    ///
    /// let now = time::parse_instant("2027-01-01T12:00:00Z")?;
    /// let random = [7; 10]; // A real program uses bytes of its random source.
    /// let id = LicenseId::from_random(now, &random);
    /// assert_eq!(id.as_str(), "01a2d11f-0200-7707-8707-070707070707");
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn from_random(now: DateTime<Utc>, random: &[u8; 10]) -> Self {
        let millis = now.clamp(time::MIN, time::MAX).timestamp_millis();
        // The value is not negative, because no instant in the range is before the epoch.
        let millis = millis.cast_unsigned();
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid();
        Self(uuid.hyphenated().to_string().into())
    }

    /// Returns the id of an enterprise key.
    pub(crate) fn from_key(key: &ShortEnterpriseKey) -> Self {
        Self(key.to_string().into())
    }

    /// Returns the id as text.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether the text is a UUID of version 1 to 8 in canonical form (RFC 9562 section 4).
fn is_uuid(text: &str) -> bool {
    const PATTERN: &[u8; 36] = b"xxxxxxxx-xxxx-nxxx-vxxx-xxxxxxxxxxxx";
    let matches_pattern = |(byte, pattern): (&u8, &u8)| match pattern {
        b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        b'n' => matches!(byte, b'1'..=b'8'),
        b'v' => matches!(byte, b'8' | b'9' | b'a' | b'b'),
        separator => byte == separator,
    };
    let Ok(bytes) = <&[u8; 36]>::try_from(text.as_bytes()) else {
        return false;
    };
    // The check does not stop at the first mismatch, which avoids a branch for each byte.
    bytes
        .iter()
        .zip(PATTERN)
        .fold(true, |all, pair| all & matches_pattern(pair))
}

impl fmt::Display for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_value!(LicenseId, LicenseId::EXPECTED_ANY);

impl fmt::Debug for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenseId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        time::from_unix_seconds(1_795_000_000).unwrap()
    }

    #[test]
    fn only_uuids_in_canonical_form_are_ids() {
        let id = LicenseId::from_random(now(), &[0xab; 10]);
        assert_eq!(LicenseId::parse(id.as_str()), Some(id.clone()));
        for wrong in [
            id.as_str().to_uppercase(),
            id.as_str().replace('-', ""),
            format!("{{{id}}}"),
            "f47ac10b-58cc-0372-a567-0e02b2c3d479".to_owned(),
            "f47ac10b-58cc-9372-a567-0e02b2c3d479".to_owned(),
            "f47ac10b-58cc-4372-c567-0e02b2c3d479".to_owned(),
            Uuid::nil().to_string(),
            Uuid::max().to_string(),
            String::new(),
        ] {
            assert_eq!(LicenseId::parse(&wrong), None, "{wrong}");
        }
        for version in 1..=8 {
            let id = format!("f47ac10b-58cc-{version}372-a567-0e02b2c3d479");
            let parsed = LicenseId::parse(&id).unwrap();
            assert_eq!(parsed.as_str(), id);
            let bytes = parsed.uuid_bytes().unwrap();
            assert_eq!(LicenseId::from_uuid_bytes(bytes), Some(parsed));
        }
    }

    /// Compares the check with the parser of `uuid` for every change of one byte. The parser also
    /// accepts other versions and forms, which the test excludes.
    #[test]
    fn the_uuid_check_agrees_with_the_uuid_crate() {
        let id = LicenseId::from_random(now(), &[0xab; 10]);
        let mut ids = 0;
        for (at, byte) in (0..36).flat_map(|at| (0..=127).map(move |byte| (at, byte))) {
            let mut text = id.as_str().as_bytes().to_vec();
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            let is_canonical = |uuid: &Uuid| {
                let is_known = (1..=8).contains(&uuid.get_version_num());
                let is_rfc_9562 = uuid.get_variant() == uuid::Variant::RFC4122;
                is_known && is_rfc_9562 && uuid.hyphenated().to_string() == text
            };
            let expected = Uuid::try_parse(&text).ok().filter(is_canonical);
            assert_eq!(
                LicenseId::parse_uuid(&text).is_some(),
                expected.is_some(),
                "{text}"
            );
            assert_eq!(
                LicenseId::uuid_number(&text),
                expected.map(|uuid| uuid.as_u128())
            );
            ids += usize::from(expected.is_some());
        }
        // 30 positions accept 16 digits, the version accepts 8 digits, the variant accepts 4
        // digits, and 4 characters are fixed.
        assert_eq!(ids, 30 * 16 + 8 + 4 + 4);
    }
}
