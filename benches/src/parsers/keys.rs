//! License keys and sets of public keys.

use license_core::issue::Signer;
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_core::{LicenseKey, TrustSet};

use super::json::expensive_members;
use super::{InputKind, repeated};
use crate::vendor::SampleVendor;

/// License keys.
pub(super) fn license_keys() -> Vec<InputKind<'static>> {
    let parse = |text: &str| LicenseKey::parse(text).is_ok();
    let enterprise = |between: &str, bytes: usize| {
        let signature = format!("A{between}").repeat(344);
        let signature: String = signature.chars().take(bytes).collect();
        format!("CODITECT-ENT-ACME-100-20261231-{signature}")
    };
    vec![
        InputKind::new("a signature", move |bytes| enterprise("", bytes), parse),
        InputKind::new(
            "line breaks",
            move |bytes| enterprise("\n \n", bytes),
            parse,
        ),
        InputKind::new("hyphens", |bytes| repeated("-", bytes), parse),
        InputKind::new("dashes", |bytes| repeated("\u{2013}", bytes), parse),
        InputKind::new("quotes", |bytes| repeated("' \"", bytes), parse),
    ]
}

/// JWK Sets.
pub(super) fn jwk_sets(vendor: &SampleVendor) -> Vec<InputKind<'static>> {
    let parse = |text: &str| TrustSet::parse(text).is_ok();
    let distinct = |bytes: usize| {
        let count = bytes / moduli_key(0).to_jwk().to_string().len();
        let jwks = (0..count.max(1)).map(|number| moduli_key(number).to_jwk().to_string());
        format!(r#"{{"keys":[{}]}}"#, jwks.collect::<Vec<_>>().join(","))
    };
    let jwk = vendor.key.public().to_jwk().to_string();
    let others = expensive_members().into_iter().map(|kind| {
        let open = jwk.trim_end_matches('}').to_owned();
        let make = move |bytes: usize| {
            let more = (kind.make)(bytes.saturating_sub(open.len()));
            format!(r#"{{"keys":[{open},{more}}}]}}"#)
        };
        InputKind::new(kind.name, make, parse)
    });
    let distinct = InputKind::new("distinct keys", distinct, parse);
    std::iter::once(distinct).chain(others).collect()
}

/// Files with PEM public keys.
pub(super) fn pem_files() -> Vec<InputKind<'static>> {
    let parse = |text: &str| TrustSet::parse(text).is_ok();
    let distinct = |bytes: usize| {
        let pem = |number| moduli_key(number).to_pem().expect("PEM");
        let count = bytes / pem(0).len();
        (0..count.max(1)).map(pem).collect()
    };
    let one = |bytes: usize| {
        let lines = repeated(&format!("{}\n", "A".repeat(64)), bytes);
        format!("-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n")
    };
    vec![
        InputKind::new("distinct keys", distinct, parse),
        InputKind::new("one long block", one, parse),
        InputKind::new(
            "lines that begin",
            |bytes| repeated("-----BEGIN X-----\n", bytes),
            parse,
        ),
        InputKind::new(
            "lines that end",
            |bytes| repeated("-----END X-----\n", bytes),
            parse,
        ),
    ]
}

/// Returns a key whose modulus is an odd pseudorandom number of 2048 bits.
fn moduli_key(number: usize) -> TrustedKey {
    let mut seed = u64::try_from(number).expect("fewer than 2^64");
    let mut modulus = [0; 256];
    for byte in &mut modulus {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [high, ..] = seed.to_be_bytes();
        *byte = high;
    }
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    TrustedKey::new(Algorithm::Rs256, &modulus, &[1, 0, 1]).expect("a key")
}
