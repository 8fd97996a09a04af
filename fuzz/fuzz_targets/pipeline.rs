//! Everything that a machine installs: parsing, verification and decisions.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use license_core::license::{CanonicalText, Rotation};
use license_core::{
    Context, FeatureMatrix, LicenseFile, LicenseKey, VerifiedLicenses, time, with_causes,
};
use license_fuzz::fixtures::{SIGNED, TRUST};
use license_fuzz::{assert_printable, bounded};
use serde_json::json;

const MEMORY_FACTOR: u64 = 128;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    let now = time::parse_instant("2027-01-15T09:00:00Z").unwrap();
    Context::at(now)
});

fuzz_target!(|text: &str| {
    let matrix = FeatureMatrix::built_in();
    let verify = || VerifiedLicenses::verify(text, &TRUST, matrix);
    let verified = match bounded(MEMORY_FACTOR, text.as_bytes(), verify) {
        Ok(verified) => verified,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    if let Ok(file) = LicenseFile::parse(text) {
        let mut rotation = Rotation::new(TRUST.clone());
        for block in &file {
            let token = &block.token;
            let is_statement = rotation.apply(token).is_ok();
            let signed = token.signed_reading(&TRUST).as_str();
            let is_signed = SIGNED.contains(signed);
            assert!(is_signed || !is_statement, "forged: {signed}");
        }
    }
    for license in verified.licenses() {
        let decide = || json!(license.evaluate(matrix, &CONTEXT));
        assert_eq!(decide(), decide());
    }
    let (CanonicalText::File(canonical) | CanonicalText::EnterpriseKey(canonical)) =
        verified.canonical();
    let is_key = LicenseKey::parse(canonical).is_ok();
    assert!(
        !is_key || SIGNED.contains(canonical.trim()),
        "forged: {canonical}"
    );
    let again = VerifiedLicenses::verify(canonical, &TRUST, matrix).unwrap();
    assert_eq!(again.canonical(), verified.canonical());
});
