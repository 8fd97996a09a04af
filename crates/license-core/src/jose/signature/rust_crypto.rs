//! Signatures with RustCrypto's `rsa`.

use rsa::{BoxedUint, Pkcs1v15Sign, Pss};
use sha2::{Digest, Sha256};
#[cfg(feature = "issue")]
use {
    super::{KeyBits, RandomError, RandomSource},
    rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey},
    rsa::rand_core::{TryCryptoRng, TryRng},
    zeroize::Zeroizing,
};

use super::Algorithm;

const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const SALT_BYTES: usize = 32;

pub(super) struct RustCryptoPublicKey {
    key: rsa::PublicKey,
    algorithm: Algorithm,
}

impl RustCryptoPublicKey {
    pub(super) fn new(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let [n, e] = [modulus, exponent].map(BoxedUint::from_be_slice_vartime);
        let key = rsa::PublicKey::new_with_size_limits(n, e, MODULUS_BITS).ok()?;
        Some(Self { key, algorithm })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let digest = Sha256::digest(message);
        let outcome = match self.algorithm {
            Algorithm::Rs256 => self.key.verify(pkcs1(), &digest, signature),
            Algorithm::Ps256 => self.key.verify(pss(), &digest, signature),
        };
        outcome.is_ok()
    }
}

#[cfg(feature = "issue")]
pub(super) struct RustCryptoPrivateKey(rsa::PrivateKey);

#[cfg(feature = "issue")]
impl RustCryptoPrivateKey {
    pub(super) fn generate(bits: KeyBits, random: &dyn RandomSource) -> Option<Zeroizing<Vec<u8>>> {
        let bits = match bits {
            KeyBits::B2048 => 2048,
            KeyBits::B3072 => 3072,
            KeyBits::B4096 => 4096,
        };
        let key = rsa::PrivateKey::new(&mut Rng(random), bits).ok()?;
        key.to_pkcs1_der().ok().map(|der| der.to_bytes())
    }

    pub(super) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        let key = rsa::PrivateKey::from_pkcs1_der(der).ok()?;
        // The decoder ignores the CRT parameters of the file and computes its own. Comparing the
        // encodings rejects a file with wrong parameters, as AWS-LC does.
        let encoded = key.to_pkcs1_der().ok()?;
        (encoded.as_bytes() == der).then_some(Self(key))
    }

    /// Signs with blinding, and checks the result against the public key before returning it.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        random: &dyn RandomSource,
    ) -> Option<Vec<u8>> {
        let (digest, mut random) = (Sha256::digest(message), Rng(random));
        let outcome = match algorithm {
            Algorithm::Rs256 => self.0.sign_with_rng(&mut random, pkcs1(), &digest),
            Algorithm::Ps256 => self.0.sign_with_rng(&mut random, pss(), &digest),
        };
        outcome.ok()
    }
}

fn pkcs1() -> Pkcs1v15Sign {
    Pkcs1v15Sign::new::<Sha256>()
}

fn pss() -> Pss<Sha256> {
    Pss::new_with_salt(SALT_BYTES)
}

/// Adapter from [`RandomSource`] to the trait that `rsa` expects.
#[cfg(feature = "issue")]
struct Rng<'a>(&'a dyn RandomSource);

#[cfg(feature = "issue")]
impl TryRng for Rng<'_> {
    type Error = RandomError;

    fn try_next_u32(&mut self) -> Result<u32, RandomError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RandomError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.fill(bytes)
    }
}

#[cfg(feature = "issue")]
impl TryCryptoRng for Rng<'_> {}
