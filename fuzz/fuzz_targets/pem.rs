//! Trust sets as public keys in PEM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::{TrustSet, with_causes};
use license_fuzz::{assert_printable, bounded};

const MEMORY_FACTOR: u64 = 32;

fuzz_target!(|text: &str| {
    if text.trim_start().starts_with('{') {
        return;
    }
    let keys = match bounded(MEMORY_FACTOR, text.as_bytes(), || TrustSet::parse(text)) {
        Ok(keys) => keys,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    let pem: String = keys.iter().map(|key| key.to_pem().unwrap()).collect();
    assert_eq!(TrustSet::parse(&pem).unwrap(), keys);
    assert_eq!(TrustSet::parse(&pem.replace('\n', "\r\n")).unwrap(), keys);
    assert_eq!(TrustSet::parse(&keys.to_jwks().to_string()).unwrap(), keys);
});
