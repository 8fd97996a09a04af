//! In which of its ways a token makes our signatures.

use aws_lc_rs::digest::{SHA256, digest};
use cryptoki::error::Result;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use license_core::Algorithm;
use license_terminal::{Exit, Failure};

use super::token::Token;

/// RFC 8017 section 9.2, note 1: what stands before a SHA-256 digest in its DigestInfo.
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// How a signature comes about: by the token alone, or from a digest that is made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// `CKM_SHA256_RSA_PKCS`.
    Pkcs1,
    /// `CKM_RSA_PKCS` over the DigestInfo.
    Pkcs1OfDigest,
    /// `CKM_SHA256_RSA_PKCS_PSS`.
    Pss,
    /// `CKM_RSA_PKCS_PSS` over the digest.
    PssOfDigest,
}

impl Signature {
    /// The first way that both the token and the key allow.
    pub(super) fn choose(
        algorithm: Algorithm,
        token: &Token,
        allowed: Option<&[MechanismType]>,
    ) -> std::result::Result<Self, Failure> {
        let ways = Self::of(algorithm);
        let may = |way: &Self| allowed.is_none_or(|allowed| allowed.contains(&way.mechanism()));
        let chosen = ways
            .into_iter()
            .find(|way| may(way) && token.offers(way.mechanism()));
        chosen.ok_or_else(|| {
            let names = ways.map(|way| way.mechanism().to_string()).join(" or ");
            let message = format!("{}: expected {names}, found neither", token.shown());
            Failure::new(Exit::Unjudged, "UNSUPPORTED", message).hint(match algorithm {
                Algorithm::Ps256 => "use RS256, which every token has",
                Algorithm::Rs256 => "use another token",
            })
        })
    }

    /// From the better known to the other.
    pub(super) fn of(algorithm: Algorithm) -> [Self; 2] {
        match algorithm {
            Algorithm::Rs256 => [Self::Pkcs1, Self::Pkcs1OfDigest],
            Algorithm::Ps256 => [Self::Pss, Self::PssOfDigest],
        }
    }

    pub(super) fn mechanism(self) -> MechanismType {
        match self {
            Self::Pkcs1 => MechanismType::SHA256_RSA_PKCS,
            Self::Pkcs1OfDigest => MechanismType::RSA_PKCS,
            Self::Pss => MechanismType::SHA256_RSA_PKCS_PSS,
            Self::PssOfDigest => MechanismType::RSA_PKCS_PSS,
        }
    }

    pub(super) fn make(
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
                let digest = digest(&SHA256, message);
                session.sign(&Mechanism::RsaPkcsPss(pss()), key, digest.as_ref())
            }
        }
    }
}

fn digest_info(message: &[u8]) -> Vec<u8> {
    [&DIGEST_INFO, digest(&SHA256, message).as_ref()].concat()
}

/// The key's one algorithm: what it is restricted to, else what is asked for, else RS256.
pub(super) fn algorithm(
    allowed: Option<&[MechanismType]>,
    asked: Option<Algorithm>,
) -> std::result::Result<Algorithm, Failure> {
    let may = |algorithm| {
        let mut ways = Signature::of(algorithm).into_iter();
        allowed.is_none_or(|allowed| ways.any(|way| allowed.contains(&way.mechanism())))
    };
    match asked {
        Some(asked) if may(asked) => Ok(asked),
        Some(asked) => Err(only_the_other(asked)),
        None if may(Algorithm::Rs256) => Ok(Algorithm::Rs256),
        None => Ok(Algorithm::Ps256),
    }
}

fn only_the_other(asked: Algorithm) -> Failure {
    Failure::malformed(format!(
        "the token says that this key is not for {asked}, which was asked for"
    ))
    .hint("leave out --alg, or use a key made for that algorithm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restricted_key_has_the_algorithm_that_it_is_restricted_to() {
        let (rs, ps) = (Algorithm::Rs256, Algorithm::Ps256);
        let of = |algorithm| Signature::of(algorithm).map(Signature::mechanism);
        for own in [rs, ps] {
            let other = if own == rs { ps } else { rs };
            let allowed = of(own);
            assert_eq!(algorithm(Some(&allowed), None), Ok(own));
            assert_eq!(algorithm(Some(&allowed), Some(own)), Ok(own));
            assert!(algorithm(Some(&allowed), Some(other)).is_err());
        }
        assert_eq!(algorithm(None, None), Ok(rs));
        assert_eq!(algorithm(None, Some(ps)), Ok(ps));
        let both = [of(rs), of(ps)].concat();
        assert_eq!(algorithm(Some(&both), None), Ok(rs));
        assert_eq!(algorithm(Some(&both), Some(ps)), Ok(ps));
    }

    #[test]
    fn the_digest_info_is_a_der_sequence_of_51_bytes() {
        let info = digest_info(b"abc");
        assert_eq!((info.len(), info[1]), (51, 49));
        assert_eq!(info[19..23], [0xba, 0x78, 0x16, 0xbf]);
    }
}
