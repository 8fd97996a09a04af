//! Trust sets with 1 to 100 keys.

use std::hint::black_box;

use license_benches::{Line, SampleVendor};
use license_core::issue::{KeyBits, Signer};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_core::{TrustSet, Unverified};

const SIZES: [u32; 7] = [1, 2, 5, 10, 20, 50, 100];
const ROUNDS: usize = 61;

pub(crate) fn lines() -> Vec<Line> {
    let vendor = SampleVendor::new(KeyBits::B2048);
    let others: Vec<_> = (1..100).map(pseudorandom_modulus).collect();
    let set = |size: u32| {
        let own = vendor.key.public();
        let own = TrustedKey::new(own.algorithm(), own.modulus(), own.exponent()).unwrap();
        let count = usize::try_from(size).unwrap() - 1;
        let others = others.iter().take(count).map(|modulus| key(modulus));
        TrustSet::new(others.chain([own])).unwrap()
    };
    vec![
        Line::measure("parse a trust set", ROUNDS, &SIZES, |size| {
            let text = set(size).to_jwks().to_string();
            (size, move || {
                drop(black_box(TrustSet::parse(black_box(&text)).unwrap()));
            })
        }),
        Line::measure("verify a license", ROUNDS, &SIZES, |size| {
            let trust = set(size);
            let token = vendor.token.clone();
            (size, move || {
                let license = Unverified::parse(black_box(&token)).unwrap();
                drop(black_box(license.verify(&trust).unwrap()));
            })
        }),
        Line::measure("look up a key", ROUNDS, &SIZES, |size| {
            let trust = set(size);
            let id = vendor.key.public().id().as_str().to_owned();
            (size, move || {
                black_box(trust.get(black_box(&id)).unwrap());
            })
        }),
    ]
}

/// Returns an odd pseudorandom number of 2048 bits as a modulus.
fn pseudorandom_modulus(number: u64) -> [u8; 256] {
    let mut seed = number;
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
    modulus
}

fn key(modulus: &[u8]) -> TrustedKey {
    TrustedKey::new(Algorithm::Rs256, modulus, &[1, 0, 1]).unwrap()
}
