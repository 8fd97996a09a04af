//! The checksum of standard keys detects each wrong character and each swap of two adjacent
//! characters.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use license_core::chrono::TimeDelta;
use license_core::key::{KeyError, StandardKey};
use license_core::{LicenseId, LicenseKey, ProductCode, Tier, time};

/// Computes the CRC-16 by its definition, as a long division: inverts the first 16 bits of the
/// text, appends 16 zeros and takes the remainder. Shares no code with the implementation.
fn reference(text: &str) -> u16 {
    let inverted = text
        .bytes()
        .enumerate()
        .map(|(at, byte)| if at < 2 { !byte } else { byte });
    remainder(inverted) ^ 0xF027
}

/// Returns the remainder of a polynomial, times x^16, modulo x^16 + x^12 + x^5 + 1.
fn remainder(bytes: impl Iterator<Item = u8>) -> u16 {
    let bits = bytes
        .chain([0, 0])
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let divide = |rest: u32, bit: u8| {
        let rest = rest << 1 | u32::from(bit);
        if rest & 0x1_0000 == 0 {
            rest
        } else {
            rest ^ 0x1_1021
        }
    };
    bits.fold(0, divide).try_into().unwrap()
}

fn keys() -> Vec<String> {
    let names = [
        ("CODITECT", "FREE", "alice"),
        ("CODITECT", "PRO", "bob"),
        ("CODITECT", "TEAM", "carol"),
        ("CODITECT", "ENT", "dan"),
        ("AB", "XY", "shortest"),
        ("A2345678901234Z6", "LONGESTTIERNAME1", "longest"),
    ];
    let start = time::parse_instant("2027-01-01").unwrap();
    let computed = names
        .iter()
        .zip(0..)
        .map(|((product, tier, customer), number)| {
            let product = ProductCode::parse(product).unwrap();
            let id = LicenseId::from_random(start + TimeDelta::milliseconds(number), &[7; 10]);
            let end = time::from_unix_seconds(1_830_297_600);
            StandardKey::new(product, Tier::parse(tier).unwrap(), &id, customer, end).to_string()
        });
    computed
        .chain(["CODITECT-PRO-A7F3E9D2C4B1-8F2A".to_owned()])
        .collect()
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('-').unwrap()
}

fn with_character(text: &str, at: usize, character: char) -> String {
    format!("{}{character}{}", &text[..at], &text[at + 1..])
}

fn with_swap(text: &str, at: usize) -> String {
    let (first, second) = (&text[at..=at], &text[at + 1..at + 2]);
    format!("{}{second}{first}{}", &text[..at], &text[at + 2..])
}

#[test]
fn a_printed_key_ends_with_the_checksum_of_the_specification() {
    assert_eq!(
        reference("123456789") ^ 0xF027,
        0x29B1,
        "the check value of CRC-16/IBM-3740"
    );
    for key in keys() {
        let (text, checksum) = split(&key);
        assert_eq!(format!("{:04X}", reference(text)), checksum, "{key}");
    }
}

#[test]
fn a_wrong_character_changes_the_checksum() {
    for key in keys() {
        let (text, checksum) = split(&key);
        for at in 0..text.len() {
            for character in (' '..='~').filter(|&character| !text[at..].starts_with(character)) {
                let wrong = with_character(text, at, character);
                assert_ne!(reference(&wrong), reference(text), "{wrong}");
                assert_refused(&wrong, checksum, text);
            }
        }
    }
}

#[test]
fn swapping_two_adjacent_characters_changes_the_checksum() {
    for key in keys() {
        let (text, checksum) = split(&key);
        for at in (0..text.len() - 1).filter(|&at| text.as_bytes()[at] != text.as_bytes()[at + 1]) {
            let wrong = with_swap(text, at);
            assert_ne!(reference(&wrong), reference(text), "{wrong}");
            assert_refused(&wrong, checksum, text);
        }
    }
}

/// Asserts that a wrong text with the checksum of the correct text is rejected.
///
/// The error contains the checksum of the normalized wrong text: without white space and in upper
/// case. A text that differs only in case is not wrong.
fn assert_refused(wrong: &str, checksum: &str, right: &str) {
    if wrong.eq_ignore_ascii_case(right) {
        return;
    }
    match LicenseKey::parse(&format!("{wrong}-{checksum}")) {
        Err(KeyError::Checksum { expected, found }) => {
            assert_eq!(
                expected,
                reference(&wrong.trim().to_ascii_uppercase()),
                "{wrong}"
            );
            assert_eq!(format!("{found:04X}"), checksum);
        }
        Err(_) => {}
        Ok(key) => panic!("the wrong text {wrong} was parsed as {key:?}"),
    }
}

/// The checksum is linear: whether two texts of the same length have different checksums depends
/// only on their difference. This test therefore covers all keys.
#[test]
fn the_checksum_detects_every_wrong_character_and_swap_in_keys_of_any_length() {
    const LONGEST: usize = "A2345678901234Z6-LONGESTTIERNAME1-A7F3E9D2C4B1".len();
    for following in 0..LONGEST {
        let zeros = || std::iter::repeat_n(0, following);
        for difference in 1..=u8::MAX {
            // One character differs.
            assert_ne!(remainder([difference].into_iter().chain(zeros())), 0);
            // Two swapped characters both differ by the same bits.
            assert_ne!(
                remainder([difference, difference].into_iter().chain(zeros())),
                0
            );
        }
    }
}

#[test]
fn changing_one_character_of_a_key_never_gives_another_key() {
    for key in keys() {
        let right = LicenseKey::parse(&key).unwrap();
        for at in 0..key.len() {
            for character in ' '..='~' {
                match LicenseKey::parse(&with_character(&key, at, character)) {
                    Ok(other) => assert_eq!(other, right),
                    Err(error) => assert!(
                        matches!(error.code().as_str(), "CHECKSUM_MISMATCH" | "MALFORMED"),
                        "{error}"
                    ),
                }
            }
        }
    }
}
