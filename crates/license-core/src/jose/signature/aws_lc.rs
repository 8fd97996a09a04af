//! Signatures with AWS-LC.

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents,
};
#[cfg(feature = "issue")]
use {
    super::KeyBits,
    aws_lc_rs::encoding::AsDer,
    aws_lc_rs::rand::SystemRandom,
    aws_lc_rs::rsa::KeySize,
    aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
    pkcs8::PrivateKeyInfoRef,
    pkcs8::der::Decode,
    zeroize::Zeroizing,
};

use super::Algorithm;

pub(super) struct AwsLcPublicKey(ParsedPublicKey);

impl AwsLcPublicKey {
    pub(super) fn new(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        // AWS-LC's PSS verification accepts only a salt as long as the digest: 32 bytes.
        let parameters: &'static RsaParameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        };
        let key = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        key.to_parsed_public_key(parameters).ok().map(Self)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

#[cfg(feature = "issue")]
pub(super) struct AwsLcPrivateKey(RsaKeyPair);

#[cfg(feature = "issue")]
impl AwsLcPrivateKey {
    pub(super) fn generate(bits: KeyBits) -> Option<Zeroizing<Vec<u8>>> {
        let size = match bits {
            KeyBits::B2048 => KeySize::Rsa2048,
            KeyBits::B3072 => KeySize::Rsa3072,
            KeyBits::B4096 => KeySize::Rsa4096,
        };
        let pkcs8 = RsaKeyPair::generate(size).ok()?.as_der().ok()?;
        let info = PrivateKeyInfoRef::from_der(pkcs8.as_ref()).ok()?;
        Some(Zeroizing::new(info.private_key.as_bytes().to_vec()))
    }

    pub(super) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_der(der).ok().map(Self)
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
        };
        let mut signature = vec![0; self.0.public_modulus_len()];
        // AWS-LC ignores this argument and uses its own random source.
        self.0
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .ok()?;
        Some(signature)
    }
}
