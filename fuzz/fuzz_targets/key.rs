//! License keys, license ids and the terms of enterprise keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::key::{EnterpriseKey, EnterpriseTerms, ShortEnterpriseKey, StandardKey};
use license_core::{LicenseId, LicenseKey};
use license_fuzz::{assert_printable, bounded};
use serde_json::json;

const MEMORY_FACTOR: u64 = 16;

fuzz_target!(|text: &str| {
    let parsed = bounded(MEMORY_FACTOR, text.as_bytes(), || LicenseKey::parse(text));
    let standard = StandardKey::parse(text).ok().map(LicenseKey::Standard);
    let full = EnterpriseKey::parse(text).ok().map(LicenseKey::Enterprise);
    let short = ShortEnterpriseKey::parse(text)
        .ok()
        .map(LicenseKey::EnterpriseShort);
    assert_eq!(standard.or(full).or(short), parsed.clone().ok());
    match parsed {
        Ok(key) => {
            for reading in key.readings() {
                // The printed form has no long dashes, so it has one reading.
                let printed = reading.to_string();
                let again = LicenseKey::parse(&printed).unwrap();
                assert_eq!((again.to_string(), again.readings().count()), (printed, 1));
            }
            let printed = key.to_string();
            assert_eq!(
                serde_json::from_value::<LicenseKey>(json!(text)).unwrap(),
                key
            );
            assert!(LicenseKey::is_likely(&printed));
            if let Some(id) = key.license_id() {
                assert_eq!(LicenseId::parse(id.as_str()), Some(id));
            }
        }
        Err(error) => assert_printable(&error.to_string()),
    }
    if let Some(id) = LicenseId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(terms) = EnterpriseTerms::parse(text) {
        assert_eq!(EnterpriseTerms::parse(&terms.to_string()), Ok(terms));
    }
});
