//! Trust sets as JSON Web Keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::trust::TrustedKey;
use license_core::{TrustSet, with_causes};
use license_fuzz::{assert_printable, bounded, json};

const MEMORY_FACTOR: u64 = 128;

fuzz_target!(|text: &str| {
    if !text.trim_start().starts_with('{') {
        return;
    }
    let keys = match bounded(MEMORY_FACTOR, text.as_bytes(), || TrustSet::parse(text)) {
        Ok(keys) => keys,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    assert!(json::strict_object(text.trim().trim_end_matches(['"', '\'']).as_bytes()).is_some());
    let jwks = keys.to_jwks();
    assert_eq!(TrustSet::parse(&jwks.to_string()).unwrap(), keys);
    assert_eq!(serde_json::from_value::<TrustSet>(jwks).unwrap(), keys);
    for key in &keys {
        let jwk = key.to_jwk();
        assert!(jwk.get("d").is_none());
        assert_eq!(&serde_json::from_value::<TrustedKey>(jwk).unwrap(), key);
        assert_eq!(keys.get(key.id().as_str()), Some(key));
        let pem = TrustSet::parse(&key.to_pem().unwrap()).unwrap();
        assert_eq!(pem.iter().collect::<Vec<_>>(), [key]);
    }
});
