//! Small changes to tokens and keys: a changed token or key does not verify, and a changed key
//! matches no license.
//!
//! Parsers revert two changes on purpose:
//!
//! - A typographic dash instead of `-`, which editors insert.
//! - A letter in lower case in a standard key.
//!
//! Parsers also remove line breaks inside a text and white space around the text. These tests
//! insert both only in place of another character. The text is rejected because that character is
//! missing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::ids::Company;
use license_core::issue::{SigningKey, sign_enterprise_key};
use license_core::jose::Backend;
use license_core::key::{EnterpriseKey, EnterpriseTerms, KeyExpiry};
use license_core::{Code, FeatureMatrix, License, LicenseKey, TrustSet, Unverified, time};
use support::{SPARE, VENDOR, id, issued, perpetual, trust};

const EN_DASH: char = '\u{2013}';

/// All dashes that parsers accept as `-`.
const DASHES: [char; 11] = [
    '\u{2010}', '\u{2011}', '\u{2012}', EN_DASH, '\u{2014}', '\u{2015}', '\u{2043}', '\u{2212}',
    '\u{fe58}', '\u{fe63}', '\u{ff0d}',
];

/// The characters that replace each character of a text.
fn characters() -> impl Iterator<Item = char> {
    (' '..='~').chain(['\n', '\t', '\0', 'é', EN_DASH])
}

fn with_character(text: &str, at: usize, character: char) -> String {
    format!("{}{character}{}", &text[..at], &text[at + 1..])
}

/// Calls `check` for each position, in parallel.
fn at_every_position(text: &str, check: impl Fn(usize) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let check = &check;
            scope.spawn(move || (first..text.len()).step_by(threads).for_each(check));
        }
    });
}

/// Asserts that a text with one replaced character is rejected, unless a dash replaces a hyphen.
fn assert_replacements_are_rejected(text: &str, passes: impl Fn(&str) -> bool + Sync) {
    assert!(passes(text));
    assert!(text.is_ascii() && text.contains('-'));
    at_every_position(text, |at| {
        let original = text[at..].chars().next().unwrap();
        for character in characters().filter(|&character| character != original) {
            let changed = with_character(text, at, character);
            let is_reverted = original == '-' && character == EN_DASH;
            assert_eq!(passes(&changed), is_reverted, "{character:?} at {at}");
        }
        // Every dash is accepted in place of `-`. In place of other characters, `EN_DASH` above
        // represents all dashes.
        for dash in DASHES.iter().filter(|_| original == '-') {
            assert!(passes(&with_character(text, at, *dash)), "{dash:?} at {at}");
        }
    });
}

/// Asserts that a text is rejected if a character is omitted, doubled or swapped with the next
/// character. Also asserts that no prefix or suffix is accepted.
fn assert_typing_errors_are_rejected(text: &str, passes: impl Fn(&str) -> bool + Sync) {
    at_every_position(text, |at| {
        for wrong in typing_errors(text, at) {
            assert!(!passes(&wrong), "at {at}: {wrong}");
        }
    });
}

fn typing_errors(text: &str, at: usize) -> Vec<String> {
    let (before, character, after) = (&text[..at], &text[at..=at], &text[at + 1..]);
    let mut errors = vec![
        format!("{before}{after}"),
        format!("{before}{character}{character}{after}"),
        before.to_owned(),
        after.to_owned(),
    ];
    match after.get(..1) {
        Some(next) if next != character => {
            errors.push(format!("{before}{next}{character}{}", &after[1..]))
        }
        _ => {}
    }
    errors
}

/// Returns a short token with a hyphen. It is short because each of its characters is changed.
fn token(key: &SigningKey) -> String {
    (1..)
        .map(|number| perpetual("FREE", id(number)).sign(key).unwrap())
        .find(|token| token.contains('-'))
        .unwrap()
}

static TOKEN: LazyLock<String> = LazyLock::new(|| token(&VENDOR));

fn gives_a_license(token: &str, trust: &TrustSet) -> bool {
    Unverified::parse(token).is_ok_and(|token| token.verify(trust).is_ok())
}

fn trust_with_backend(backend: Backend) -> TrustSet {
    trust(&[&VENDOR, &SPARE]).with_backend(backend).unwrap()
}

#[test]
fn a_token_with_a_replaced_character_gives_no_license() {
    let trust = trust_with_backend(Backend::FASTEST);
    assert_replacements_are_rejected(&TOKEN, |text| gives_a_license(text, &trust));
}

/// Replaces each character with the next character of the alphabet.
#[test]
fn a_changed_token_gives_no_license_with_any_backend() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A";
    for &backend in Backend::AVAILABLE {
        let trust = trust_with_backend(backend);
        at_every_position(&TOKEN, |at| {
            let next = ALPHABET
                .find(&TOKEN[at..=at])
                .and_then(|place| ALPHABET[place + 1..].chars().next());
            let changed = with_character(&TOKEN, at, next.unwrap_or('A'));
            assert!(!gives_a_license(&changed, &trust), "{backend:?} at {at}");
        });
    }
}

#[test]
fn a_token_with_a_typing_error_gives_no_license() {
    let trust = trust_with_backend(Backend::FASTEST);
    assert_typing_errors_are_rejected(&TOKEN, |text| gives_a_license(text, &trust));
}

fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

fn with_bit_flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// Flips each bit of a decoded segment and asserts that the token does not verify.
fn assert_no_flipped_bit_verifies(token: &str, segment: usize, trust: &TrustSet) {
    let segments = segments(token);
    let bytes = URL_SAFE_NO_PAD.decode(segments[segment]).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = segments.map(str::to_owned);
        changed[segment] = URL_SAFE_NO_PAD.encode(with_bit_flipped(&bytes, bit));
        assert!(
            !gives_a_license(&changed.join("."), trust),
            "segment {segment}, bit {bit}"
        );
    }
}

#[test]
fn no_flipped_bit_of_the_signature_verifies() {
    for &backend in Backend::AVAILABLE {
        let trust = trust_with_backend(backend);
        for token in [&TOKEN, &token(&SPARE)] {
            assert!(gives_a_license(token, &trust));
            assert_no_flipped_bit_verifies(token, 2, &trust);
        }
    }
}

#[test]
fn no_flipped_bit_of_header_or_claims_verifies() {
    for &backend in Backend::AVAILABLE {
        let trust = trust_with_backend(backend);
        assert_no_flipped_bit_verifies(&TOKEN, 0, &trust);
        assert_no_flipped_bit_verifies(&TOKEN, 1, &trust);
    }
}

/// Flips the bits of the encoded text. A result that is not UTF-8 is skipped.
#[test]
fn no_flipped_bit_of_the_signed_text_verifies() {
    let trust = trust_with_backend(Backend::FASTEST);
    let signed = TOKEN.rfind('.').unwrap();
    let verified = (0..signed * 8).filter(|&bit| {
        String::from_utf8(with_bit_flipped(TOKEN.as_bytes(), bit))
            .is_ok_and(|text| gives_a_license(&text, &trust))
    });
    assert_eq!(verified.count(), 0);
}

/// An enterprise key with a hyphen in its signature.
static ENTERPRISE: LazyLock<EnterpriseKey> = LazyLock::new(|| {
    let issue = |seats| {
        let terms = EnterpriseTerms {
            product: FeatureMatrix::built_in().product(),
            company: Company::parse("ACME").unwrap(),
            seats: NonZeroU32::new(seats).unwrap(),
            expiry: KeyExpiry::LastDay(time::parse_date("20271231").unwrap()),
        };
        sign_enterprise_key(terms, &*VENDOR).unwrap()
    };
    (100..)
        .map(issue)
        .find(|key| key.to_string().matches('-').count() > 5)
        .unwrap()
});

fn enterprise_license(text: &str, trust: &TrustSet) -> Option<License> {
    match LicenseKey::parse(text) {
        Ok(LicenseKey::Enterprise(key)) => key.verify(trust, FeatureMatrix::built_in()).ok(),
        _ => None,
    }
}

#[test]
fn a_full_enterprise_key_with_a_replaced_character_gives_no_license() {
    let trust = trust_with_backend(Backend::FASTEST);
    let key = ENTERPRISE.to_string();
    assert_replacements_are_rejected(&key, |text| enterprise_license(text, &trust).is_some());
}

#[test]
fn a_full_enterprise_key_with_a_typing_error_gives_no_license() {
    let trust = trust_with_backend(Backend::FASTEST);
    let key = ENTERPRISE.to_string();
    assert_typing_errors_are_rejected(&key, |text| enterprise_license(text, &trust).is_some());
}

#[test]
fn a_full_enterprise_key_with_a_flipped_bit_gives_no_license() {
    for &backend in Backend::AVAILABLE {
        let trust = trust_with_backend(backend);
        let signature = ENTERPRISE.signature();
        for bit in 0..signature.len() * 8 {
            let changed = URL_SAFE_NO_PAD.encode(with_bit_flipped(signature, bit));
            let key = format!("{}-{changed}", ENTERPRISE.signed_text());
            assert!(
                enterprise_license(&key, &trust).is_none(),
                "{backend:?} bit {bit}"
            );
        }
    }
}

/// Returns whether the text is a key that identifies the license.
fn identifies(text: &str, license: &License) -> bool {
    LicenseKey::parse(text)
        .is_ok_and(|key| license.is_identified_by(&key, FeatureMatrix::built_in()))
}

#[test]
fn a_short_enterprise_key_with_an_error_does_not_identify_its_license() {
    let trust = trust_with_backend(Backend::FASTEST);
    let license = enterprise_license(&ENTERPRISE.to_string(), &trust).unwrap();
    let key = ENTERPRISE.short().to_string();
    assert_replacements_are_rejected(&key, |text| identifies(text, &license));
    assert_typing_errors_are_rejected(&key, |text| identifies(text, &license));
}

#[test]
fn a_short_key_with_an_error_does_not_identify_its_license_file() {
    let mut draft = perpetual("ENT", id(1));
    draft.company = Some(Company::parse("ACME").unwrap());
    draft.expires_at = Some(issued() + support::DAY * 365);
    draft
        .set_seats(NonZeroU32::new(100).unwrap(), FeatureMatrix::built_in())
        .unwrap();
    let license = support::issue(&draft);
    let key = license
        .short_enterprise_key(FeatureMatrix::built_in())
        .unwrap()
        .to_string();
    assert_replacements_are_rejected(&key, |text| identifies(text, &license));
    assert_typing_errors_are_rejected(&key, |text| identifies(text, &license));
}

/// Returns a key of each tier.
fn standard_keys() -> impl Iterator<Item = String> {
    let tiers = ["FREE", "PRO", "TEAM", "ENT"].into_iter().zip(1..);
    tiers.map(|(tier, number)| perpetual(tier, id(number)).standard_key().to_string())
}

fn assert_refused(text: &str, right: &str) {
    match LicenseKey::parse(text) {
        Err(error) => assert!(
            matches!(error.code(), Code::ChecksumMismatch | Code::Malformed),
            "{text:?}: {error}"
        ),
        Ok(_) => panic!("{text:?} was accepted, but is {right} with an error"),
    }
}

#[test]
fn a_standard_key_with_a_replaced_character_is_rejected() {
    for key in standard_keys() {
        for at in 0..key.len() {
            let original = key[at..].chars().next().unwrap();
            for character in characters().chain(DASHES) {
                let changed = with_character(&key, at, character);
                let is_dash = original == '-' && DASHES.contains(&character);
                if is_dash || original.eq_ignore_ascii_case(&character) {
                    assert_eq!(
                        LicenseKey::parse(&changed).unwrap().to_string(),
                        key,
                        "{changed}"
                    );
                } else {
                    assert_refused(&changed, &key);
                }
            }
        }
    }
}

#[test]
fn a_standard_key_with_a_typing_error_is_rejected() {
    for key in standard_keys() {
        for at in 0..key.len() {
            typing_errors(&key, at)
                .iter()
                .for_each(|wrong| assert_refused(wrong, &key));
        }
    }
}
