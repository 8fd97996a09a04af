//! A single token: parsing, and verification with the keys of the fixtures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::{LicenseFile, Unverified, with_causes};
use license_fuzz::fixtures::{SIGNED, TRUST};
use license_fuzz::{assert_printable, bounded};

const MEMORY_FACTOR: u64 = 48;

fuzz_target!(|text: &str| {
    let parsed = bounded(MEMORY_FACTOR, text.as_bytes(), || Unverified::parse(text));
    let token = match parsed {
        Ok(token) => token,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    let canonical = token.as_str();
    assert_eq!(Unverified::parse(canonical).unwrap(), token);
    let file = LicenseFile::parse(text).unwrap();
    assert_eq!(file.blocks()[0].token, token);

    let claims = token.unverified_claims();
    // The claims of a license are read as strictly before verification as after it.
    let license = token.unverified_license_claims();
    assert!(claims.is_ok() || license.is_err());
    match token.verify(&TRUST) {
        Ok(verified) => {
            assert!(SIGNED.contains(canonical), "forged: {canonical}");
            assert_eq!(verified.claims(), &license.unwrap());
        }
        Err(error) => assert_printable(&with_causes(&error)),
    }
});
