//! What tells an answer from others, and whose it is.

use std::fmt;

use crate::encoding::hex;
use crate::encoding::strict_json::serde_as_text;

const NONCE_BYTES: usize = 16;
pub(crate) const SECRET_BYTES: usize = 32;

/// 128 random bits that are used once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    /// Makes one of random bytes, which the caller brings.
    pub const fn from_random(bytes: [u8; NONCE_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_lower(text).map(Self)
    }

    #[cfg(feature = "requests")]
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

/// SHA-256 of a secret that a machine keeps: it binds without telling.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; SECRET_BYTES]);

impl Commitment {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_lower(text).map(Self)
    }

    #[cfg(feature = "requests")]
    pub(crate) const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    #[cfg(feature = "requests")]
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

serde_as_text!(Nonce, "32 hexadecimal digits in lower case", Nonce::parse);
serde_as_text!(
    Commitment,
    "64 hexadecimal digits in lower case",
    Commitment::parse
);
