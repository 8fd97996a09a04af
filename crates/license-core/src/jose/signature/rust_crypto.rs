//! Verification by RustCrypto's `rsa`.

use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest, Sha256};

use super::Algorithm;

const MAX_BITS: usize = 8192;
const SALT_BYTES: usize = 32;

/// DER of `DigestInfo` up to the digest: SHA-256 with NULL parameters (RFC 8017 section 9.2, note 1).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

pub(super) struct Key {
    key: RsaPublicKey,
    algorithm: Algorithm,
}

impl Key {
    pub(super) fn new(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (n, e) = (
            BigUint::from_bytes_be(modulus),
            BigUint::from_bytes_be(exponent),
        );
        let key = RsaPublicKey::new_with_max_size(n, e, MAX_BITS).ok()?;
        Some(Self { key, algorithm })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let digest = Sha256::digest(message);
        let outcome = match self.algorithm {
            Algorithm::Rs256 => self.key.verify(pkcs1_sha256(), &digest, signature),
            Algorithm::Ps256 => {
                let scheme = Pss::new_with_salt::<Sha256>(SALT_BYTES);
                self.key.verify(scheme, &digest, signature)
            }
        };
        outcome.is_ok()
    }
}

fn pkcs1_sha256() -> Pkcs1v15Sign {
    Pkcs1v15Sign {
        hash_len: Some(32),
        prefix: SHA256_PREFIX.into(),
    }
}
