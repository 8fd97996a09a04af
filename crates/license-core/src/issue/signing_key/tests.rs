//! Tests of signing with both backends.

use super::*;
use crate::issue::{RandomError, system_random};

fn generated(backend: Backend, algorithm: Algorithm) -> Zeroizing<Vec<u8>> {
    SigningKey::generate_with(backend, KeyBits::B2048, algorithm, &system_random).unwrap()
}

fn loaded(backend: Backend, der: &[u8]) -> SigningKey {
    SigningKey::from_pkcs8_with(backend, der, None, Box::new(system_random)).unwrap()
}

/// Asserts that the public half of the key accepts the signature with each backend.
fn assert_verifies_with_both(key: &SigningKey, message: &[u8], signature: &[u8]) {
    for &backend in Backend::AVAILABLE {
        let public = key.public.with_backend(backend).unwrap();
        assert!(public.verify(message, signature), "{backend:?}");
    }
}

const MESSAGES: [&[u8]; 3] = [b"", b"message", &[0x5a; 10_000]];

#[test]
fn rs256_signatures_of_both_backends_are_equal() {
    for &generator in Backend::AVAILABLE {
        let der = generated(generator, Algorithm::Rs256);
        let [one, other] = [Backend::AwsLcRs, Backend::Rsa].map(|backend| loaded(backend, &der));
        for message in MESSAGES {
            let signature = one.sign(message).unwrap();
            assert_eq!(other.sign(message).unwrap(), signature, "{generator:?}");
            assert_verifies_with_both(&one, message, &signature);
        }
    }
}

#[test]
fn ps256_signatures_of_each_backend_verify_with_both() {
    for &generator in Backend::AVAILABLE {
        let der = generated(generator, Algorithm::Ps256);
        for &signer in Backend::AVAILABLE {
            let key = loaded(signer, &der);
            assert_eq!(key.public().algorithm(), Algorithm::Ps256);
            for message in MESSAGES {
                let [one, other] = [(); 2].map(|()| key.sign(message).unwrap());
                assert_ne!(
                    one, other,
                    "{signer:?} must use a new salt for each signature"
                );
                assert_verifies_with_both(&key, message, &one);
            }
        }
    }
}

#[test]
fn a_key_with_a_damaged_number_is_refused_by_both_backends() {
    let der = generated(Backend::Rsa, Algorithm::Rs256);
    let info = PrivateKeyInfoRef::from_der(&der).unwrap();
    let pkcs1 = info.private_key.as_bytes();
    let numbers = pkcs1::RsaPrivateKeyRef::from_der(pkcs1).unwrap();
    let private = [
        numbers.private_exponent,
        numbers.prime1,
        numbers.prime2,
        numbers.exponent1,
        numbers.exponent2,
        numbers.coefficient,
    ];
    for number in private.map(|number| number.as_bytes().to_vec()) {
        let at = pkcs1
            .windows(number.len())
            .position(|bytes| bytes == number)
            .unwrap();
        let mut damaged = pkcs1.to_vec();
        damaged[at + number.len() / 2] ^= 1;
        for &backend in Backend::AVAILABLE {
            let key = PrivateKey::from_pkcs1(backend, &damaged, Box::new(system_random));
            assert!(key.is_none(), "{backend:?} at {at}");
        }
    }
}

#[test]
fn a_failing_random_source_stops_the_backend_that_uses_it() {
    let failing = |_: &mut [u8]| Err(RandomError::new("no entropy"));
    let (bits, rs256) = (KeyBits::B2048, Algorithm::Rs256);
    let generated_key = SigningKey::generate_with(Backend::Rsa, bits, rs256, &failing);
    assert!(matches!(generated_key, Err(SigningKeyError::Generate)));
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let der = generated(Backend::AwsLcRs, algorithm);
        let key = SigningKey::from_pkcs8_with(Backend::Rsa, &der, None, Box::new(failing)).unwrap();
        assert!(matches!(key.sign(b"message"), Err(SigningError::Sign)));
    }
}

#[test]
fn the_private_half_is_not_printed() {
    let der = generated(Backend::Rsa, Algorithm::Rs256);
    for &backend in Backend::AVAILABLE {
        let printed = format!("{:?}", loaded(backend, &der));
        assert!(
            printed.ends_with("2048 bits), private half redacted)"),
            "{printed}"
        );
    }
}
