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
    // The printed form has no long dashes, so it has one reading.
    let printed = token.as_str();
    assert_eq!(Unverified::parse(printed).unwrap().as_str(), printed);
    let file = LicenseFile::parse(text).unwrap();
    assert_eq!(file.blocks()[0].token, token);

    let claims = token.unverified_claims();
    // The claims of a license are read as strictly before verification as after it.
    let license = token.unverified_license_claims();
    assert!(claims.is_ok() || license.is_err());
    match token.verify(&TRUST) {
        Ok(verified) => {
            let signed = token.signed_reading(&TRUST).as_str();
            assert!(SIGNED.contains(signed), "forged: {signed}");
            assert_eq!(verified.claims(), &license.unwrap());
        }
        Err(error) => assert_printable(&with_causes(&error)),
    }
});
