//! Values with a text form, as options, members of settings and claims contain them.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use license_core::ids::{Commitment, Company, Nonce};
use license_core::key::KeyExpiry;
use license_core::machine::{Fingerprint, Machine, MachineDigest};
use license_core::policy::Quota;
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use license_core::trust::KeyId;
use license_core::{ProductCode, Tier, time};
use license_fuzz::{assert_printable, bounded};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

const MEMORY_FACTOR: u64 = 16;

fuzz_target!(|text: &str| {
    check::<Commitment>(text);
    check::<Company>(text);
    check::<Fingerprint>(text);
    check::<KeyExpiry>(text);
    check::<KeyId>(text);
    // The function for the names of machines accepts an empty text, which no license may contain.
    if !text.is_empty() {
        check::<Machine>(text);
    }
    check::<MachineDigest>(text);
    check::<Nonce>(text);
    check::<ProductCode>(text);
    check::<SessionId>(text);
    check::<Tier>(text);
    if let Ok(quota) = text.parse::<Quota>() {
        assert_eq!(quota.to_string().parse(), Ok(quota));
    }
    if let Some(secret) = ActivationSecret::parse(text) {
        assert_eq!(
            ActivationSecret::parse(&secret.reveal()).as_ref(),
            Some(&secret)
        );
    }
    if let Ok(at) = bounded(MEMORY_FACTOR, text.as_bytes(), || time::parse_instant(text)) {
        let printed = time::rfc3339(at).to_string();
        assert_eq!(time::parse_instant(&printed), Ok(at));
    }
});

/// Checks that a value has one text form for `FromStr`, `Display` and serde.
fn check<T>(text: &str)
where
    T: FromStr<Err: Display> + Display + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let parsed = bounded(MEMORY_FACTOR, text.as_bytes(), || text.parse::<T>());
    let from_json = serde_json::from_value::<T>(json!(text));
    match parsed {
        Ok(value) => {
            let printed = value.to_string();
            assert!(
                printed.parse::<T>().is_ok_and(|again| again == value),
                "{printed:?}"
            );
            assert_eq!(serde_json::to_value(&value).unwrap(), json!(printed));
            assert_eq!(from_json.unwrap(), value);
        }
        Err(error) => {
            assert!(from_json.is_err(), "{text:?}");
            assert_printable(&error.to_string());
        }
    }
}
