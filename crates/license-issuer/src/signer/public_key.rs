//! Public keys in responses of key services.

use pkcs8::der::Decode;
use pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// `rsaEncryption` (RFC 8017 appendix C).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Returns the modulus and the exponent of an RSA `SubjectPublicKeyInfo`.
pub(super) fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    info.algorithm.assert_algorithm_oid(RSA_ENCRYPTION).ok()?;
    let key = pkcs1::RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
    Some((
        key.modulus.as_bytes().to_vec(),
        key.public_exponent.as_bytes().to_vec(),
    ))
}
