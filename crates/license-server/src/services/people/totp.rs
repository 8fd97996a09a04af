//! One-time codes (TOTP, RFC 6238) with SHA-1, six digits and steps of 30 seconds, as all
//! authenticator apps support them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// The length of a secret in bytes, which is that of the hash (RFC 4226, section 4).
pub(super) const SECRET_BYTES: usize = 20;

/// The length of a step in seconds.
const STEP_SECONDS: i64 = 30;

/// How many steps the clock of a device may differ.
const LEEWAY: u64 = 1;

/// The letters of Base32 (RFC 4648, section 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Returns the step of a time.
pub(super) fn step_at(at: DateTime<Utc>) -> u64 {
    let step = at.timestamp().div_euclid(STEP_SECONDS);
    u64::try_from(step).unwrap_or(0)
}

/// Returns the step of a code, if the code is valid at a time. The steps up to `last` are not
/// accepted again.
pub(super) fn verify(
    secret: &[u8],
    code: &str,
    at: DateTime<Utc>,
    last: Option<u64>,
) -> Option<u64> {
    let now = step_at(at);
    let mut found = None;
    // All steps are compared, so that the time does not reveal which of them matches.
    for step in now.saturating_sub(LEEWAY)..=now.saturating_add(LEEWAY) {
        let expected = code_at(secret, step);
        let is_equal = verify_slices_are_equal(expected.as_bytes(), code.as_bytes()).is_ok();
        if is_equal && last.is_none_or(|last| step > last) {
            found = found.or(Some(step));
        }
    }
    found
}

/// Returns the code of a step (RFC 4226, section 5.3).
pub(super) fn code_at(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let hash = tag.as_ref();
    let offset = hash.last().map_or(0, |byte| usize::from(byte & 0x0f));
    let part = hash.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    let number = part.map_or(0, |bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff);
    format!("{:06}", number % 1_000_000)
}

/// Returns a secret as text for a person.
pub(super) fn base32(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(5) * 8));
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(&mut text, buffer >> bits);
        }
    }
    if bits > 0 {
        push(&mut text, buffer << (5 - bits));
    }
    text
}

fn push(text: &mut String, value: u32) {
    let index = usize::try_from(value & 31).unwrap_or(0);
    text.extend(BASE32.get(index).map(|letter| char::from(*letter)));
}

/// Returns the address that a QR code for authenticator apps contains.
pub(super) fn uri(issuer: &str, account: &str, secret: &str) -> Zeroizing<String> {
    let (issuer, account) = (encoded(issuer), encoded(account));
    Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}\
         &algorithm=SHA1&digits=6&period=30"
    ))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Returns the code of a secret in Base32 at a time.
#[cfg(test)]
pub(crate) fn code_of(secret: &str, at: DateTime<Utc>) -> String {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for letter in secret.bytes() {
        let value = BASE32.iter().position(|one| *one == letter).unwrap();
        buffer = (buffer << 5) | u32::try_from(value).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).unwrap());
        }
    }
    code_at(&bytes, step_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::time;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfcs() {
        // RFC 4226, appendix D.
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, expected) in (0..).zip(expected) {
            assert_eq!(code_at(SECRET, step), expected, "{step}");
        }
        // RFC 6238, appendix B, cut to six digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            assert_eq!(code_at(SECRET, step_at(at)), expected);
            assert_eq!(verify(SECRET, expected, at, None), Some(step_at(at)));
        }
        // RFC 4648, section 10.
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"f", "MY"),
            (b"fo", "MZXQ"),
            (b"foo", "MZXW6"),
            (b"foob", "MZXW6YQ"),
            (b"fooba", "MZXW6YTB"),
            (b"foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes).as_str(), expected);
        }
    }

    #[test]
    fn a_code_is_valid_for_a_step_on_each_side_and_once() {
        let at = time::parse_instant("2027-01-15T09:00:00Z").unwrap();
        let now = step_at(at);
        for (step, expected) in [
            (now - 2, None),
            (now - 1, Some(now - 1)),
            (now, Some(now)),
            (now + 1, Some(now + 1)),
            (now + 2, None),
        ] {
            assert_eq!(verify(SECRET, &code_at(SECRET, step), at, None), expected);
        }
        let code = code_at(SECRET, now);
        assert_eq!(verify(SECRET, &code, at, Some(now)), None);
        assert_eq!(verify(SECRET, &code, at, Some(now - 1)), Some(now));
        let next = code_at(SECRET, now + 1);
        assert_eq!(verify(SECRET, &next, at, Some(now)), Some(now + 1));
        for text in [
            "",
            "12345",
            "1234567",
            " 123456",
            "123456\n",
            "１２３４５６",
        ] {
            assert_eq!(verify(SECRET, text, at, None), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_has_no_room_for_other_parameters() {
        let uri = uri("A&B", "ann@example.com?x=1", "MY");
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/A%26B:ann%40example%2Ecom%3Fx%3D1?secret=MY&issuer=A%26B\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
