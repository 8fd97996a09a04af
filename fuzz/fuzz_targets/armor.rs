//! License files: armor blocks and bare tokens.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use license_core::jose::input_cap;
use license_core::{LicenseFile, TokenKind, with_causes};
use license_fuzz::{assert_printable, bounded};

const MEMORY_FACTOR: u64 = 48;

fuzz_target!(|text: &str| {
    let parsed = bounded(MEMORY_FACTOR, text.as_bytes(), || LicenseFile::parse(text));
    let file = match parsed {
        Ok(file) => file,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    assert!(!file.blocks().is_empty());
    assert!(text.len() <= input_cap(text.as_bytes()));
    let tokens = |file: &LicenseFile<'_>| -> Vec<(TokenKind, String)> {
        let tokens = file.blocks().iter().map(|block| &block.token);
        tokens
            .map(|token| (token.unverified_kind(), token.as_str().to_owned()))
            .collect()
    };
    let armor: String = file
        .blocks()
        .iter()
        .map(|block| block.token.to_armor())
        .collect();
    let again = LicenseFile::parse(&armor).unwrap();
    assert_eq!(tokens(&again), tokens(&file));
    // A chat or a spreadsheet removes line breaks. In a changed layout, copies of a block count
    // once.
    let line = armor.replace('\n', " ");
    let mut seen = HashSet::new();
    let distinct = tokens(&file).into_iter();
    let distinct: Vec<_> = distinct
        .filter(|(_, token)| seen.insert(token.clone()))
        .collect();
    assert_eq!(tokens(&LicenseFile::parse(&line).unwrap()), distinct);
    for block in file.blocks() {
        assert!(text.lines().count() >= block.line, "line {}", block.line);
    }
});
