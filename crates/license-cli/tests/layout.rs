//! The list of functions that the linker lays side by side.
#![allow(missing_docs, reason = "a test")]

use std::collections::BTreeSet;

const SCRIPT: &str = include_str!("../build/start-up.ld");

fn patterns() -> impl Iterator<Item = &'static str> {
    SCRIPT.lines().filter(|line| line.starts_with(".text.*"))
}

#[test]
fn functions_of_every_layer_are_listed_once() {
    let distinct: BTreeSet<&str> = patterns().collect();
    assert_eq!(distinct.len(), patterns().count());
    for layer in [
        "main",
        "7license",
        "14license_client",
        "12license_core",
        "12clap_builder",
        "RSA_verify",
    ] {
        let listed = distinct.iter().any(|pattern| pattern.contains(layer));
        assert!(listed, "{layer}");
    }
}

/// With the hash of one compiler or the version of one library, nothing would be found by the next, and nobody would be told.
#[test]
fn no_name_is_of_one_compiler_or_of_one_version() {
    let is_hash = |text: &str| text.len() >= 16 && text.bytes().take(16).all(is_hex_digit);
    for pattern in patterns() {
        let mut hashes = pattern.split("17h").skip(1).filter(|text| is_hash(text));
        assert_eq!(hashes.next(), None, "{pattern}");
        let mut versions = pattern.split("aws_lc_").skip(1);
        let is_version = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        assert!(!versions.any(is_version), "{pattern}");
        assert!(!pattern.contains(".llvm."), "{pattern}");
        // A crate's name in the newer names of functions, as in `NtCs5Zl7_4core`.
        let mut crates = pattern.split("Cs").skip(1);
        let is_crate = |text: &str| {
            text.split_once('_').is_some_and(|(hash, name)| {
                is_crate_hash(hash) && name.starts_with(|first: char| first.is_ascii_digit())
            })
        };
        assert!(!crates.any(is_crate), "{pattern}");
    }
}

fn is_crate_hash(text: &str) -> bool {
    text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_hex_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}
