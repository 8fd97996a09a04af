//! Inspection of any file that a user has, without verification.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::inspect::inspect;
use license_core::{LicenseFile, LicenseKey, TrustSet, with_causes};
use license_fuzz::{assert_printable, bounded};

const MEMORY_FACTOR: u64 = 256;

fuzz_target!(|text: &str| {
    let shown = match bounded(MEMORY_FACTOR, text.as_bytes(), || inspect(text)) {
        Ok(shown) => shown,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    let shown = serde_json::to_value(&shown).unwrap();
    assert_eq!(shown["verified"], false);
    match shown["kind"].as_str().unwrap() {
        "public keys" => {
            let keys = TrustSet::parse(text).unwrap();
            assert_eq!(shown["keys"].as_array().unwrap().len(), keys.len());
        }
        "tokens" => {
            let file = LicenseFile::parse(text).unwrap();
            assert_eq!(
                shown["tokens"].as_array().unwrap().len(),
                file.blocks().len()
            );
        }
        _ => assert!(LicenseKey::parse(text).is_ok()),
    }
});
