//! What tells an answer from others, and whose it is.

use crate::encoding::hex::hex_text;

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

    #[cfg(feature = "requests")]
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// SHA-256 of a secret that a machine keeps: it binds without telling.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; SECRET_BYTES]);

impl Commitment {
    #[cfg(feature = "requests")]
    pub(crate) const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    #[cfg(feature = "requests")]
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

hex_text!(Nonce, "32 hexadecimal digits in lower case");
hex_text!(Commitment, "64 hexadecimal digits in lower case");
