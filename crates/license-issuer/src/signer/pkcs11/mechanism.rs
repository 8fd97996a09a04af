//! Selection of the PKCS#11 mechanism for signatures.

use cryptoki::error::Result;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use license_core::jose::Algorithm;
use sha2::{Digest, Sha256};

use super::error::Pkcs11Error;
use super::token::Token;

/// The DER in front of a SHA-256 digest in a DigestInfo (RFC 8017 section 9.2, note 1).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A mechanism that signs either a message or a digest that this program computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SigningMechanism {
    /// `CKM_SHA256_RSA_PKCS`.
    Pkcs1,
    /// `CKM_RSA_PKCS` with the DigestInfo.
    Pkcs1OfDigest,
    /// `CKM_SHA256_RSA_PKCS_PSS`.
    Pss,
    /// `CKM_RSA_PKCS_PSS` with the digest.
    PssOfDigest,
}

impl SigningMechanism {
    /// Returns the first mechanism that both the token and the key allow.
    pub(super) fn choose(
        algorithm: Algorithm,
        token: &Token,
        allowed: Option<&[MechanismType]>,
    ) -> std::result::Result<Self, Pkcs11Error> {
        let all = Self::all(algorithm);
        let is_allowed = |mechanism: &Self| {
            allowed.is_none_or(|allowed| allowed.contains(&mechanism.mechanism_type()))
        };
        all.into_iter()
            .find(|mechanism| is_allowed(mechanism) && token.offers(mechanism.mechanism_type()))
            .ok_or_else(|| Pkcs11Error::NoMechanism {
                token: token.label().to_owned(),
                algorithm,
                expected: all
                    .map(|mechanism| mechanism.mechanism_type().to_string())
                    .join(" or "),
            })
    }

    /// Returns the mechanisms of an algorithm. The more common mechanism is first.
    pub(super) fn all(algorithm: Algorithm) -> [Self; 2] {
        match algorithm {
            Algorithm::Rs256 => [Self::Pkcs1, Self::Pkcs1OfDigest],
            Algorithm::Ps256 => [Self::Pss, Self::PssOfDigest],
        }
    }

    pub(super) fn mechanism_type(self) -> MechanismType {
        match self {
            Self::Pkcs1 => MechanismType::SHA256_RSA_PKCS,
            Self::Pkcs1OfDigest => MechanismType::RSA_PKCS,
            Self::Pss => MechanismType::SHA256_RSA_PKCS_PSS,
            Self::PssOfDigest => MechanismType::RSA_PKCS_PSS,
        }
    }

    pub(super) fn sign(
        self,
        session: &Session,
        key: ObjectHandle,
        message: &[u8],
    ) -> Result<Vec<u8>> {
        let pss = || PkcsPssParams {
            hash_alg: MechanismType::SHA256,
            mgf: PkcsMgfType::MGF1_SHA256,
            s_len: Ulong::new(32),
        };
        match self {
            Self::Pkcs1 => session.sign(&Mechanism::Sha256RsaPkcs, key, message),
            Self::Pkcs1OfDigest => session.sign(&Mechanism::RsaPkcs, key, &digest_info(message)),
            Self::Pss => session.sign(&Mechanism::Sha256RsaPkcsPss(pss()), key, message),
            Self::PssOfDigest => {
                session.sign(&Mechanism::RsaPkcsPss(pss()), key, &Sha256::digest(message))
            }
        }
    }
}

fn digest_info(message: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(message);
    DIGEST_INFO.into_iter().chain(digest).collect()
}

/// Returns the algorithm with which a key signs. Without a request, this is RS256 if the key allows
/// RS256, and PS256 otherwise.
///
/// # Errors
///
/// Returns [`Pkcs11Error::OtherAlgorithm`] if the key does not allow the requested algorithm.
pub(super) fn algorithm(
    allowed: Option<&[MechanismType]>,
    requested: Option<Algorithm>,
) -> std::result::Result<Algorithm, Pkcs11Error> {
    let is_allowed = |algorithm| {
        let mut all = SigningMechanism::all(algorithm).into_iter();
        allowed.is_none_or(|allowed| {
            all.any(|mechanism| allowed.contains(&mechanism.mechanism_type()))
        })
    };
    match requested {
        Some(requested) if is_allowed(requested) => Ok(requested),
        Some(requested) => Err(Pkcs11Error::OtherAlgorithm(requested)),
        None if is_allowed(Algorithm::Rs256) => Ok(Algorithm::Rs256),
        None => Ok(Algorithm::Ps256),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restricted_key_signs_only_with_its_own_algorithm() {
        let (rs, ps) = (Algorithm::Rs256, Algorithm::Ps256);
        let types =
            |algorithm| SigningMechanism::all(algorithm).map(SigningMechanism::mechanism_type);
        fn algorithm(
            allowed: Option<&[MechanismType]>,
            requested: Option<Algorithm>,
        ) -> Option<Algorithm> {
            super::algorithm(allowed, requested).ok()
        }
        for own in [rs, ps] {
            let other = if own == rs { ps } else { rs };
            let allowed = types(own);
            assert_eq!(algorithm(Some(&allowed), None), Some(own));
            assert_eq!(algorithm(Some(&allowed), Some(own)), Some(own));
            assert_eq!(algorithm(Some(&allowed), Some(other)), None);
        }
        assert_eq!(algorithm(None, None), Some(rs));
        assert_eq!(algorithm(None, Some(ps)), Some(ps));
        let both = [types(rs), types(ps)].concat();
        assert_eq!(algorithm(Some(&both), None), Some(rs));
        assert_eq!(algorithm(Some(&both), Some(ps)), Some(ps));
    }

    #[test]
    fn the_digest_info_is_a_der_sequence_of_51_bytes() {
        let info = digest_info(b"abc");
        assert_eq!((info.len(), info[1]), (51, 49));
        assert_eq!(info[19..23], [0xba, 0x78, 0x16, 0xbf]);
    }
}
