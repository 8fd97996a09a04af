//! Verification by AWS-LC.

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents,
};

use super::Algorithm;

pub(super) struct Key(ParsedPublicKey);

impl Key {
    pub(super) fn new(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        // The library's PSS verification takes a salt as long as the digest and no other: 32 bytes.
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
