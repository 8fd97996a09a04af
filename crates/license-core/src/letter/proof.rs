//! What tells an answer from others, and whose it is.

use std::fmt;

const NONCE_BYTES: usize = 16;
pub(super) const SECRET_BYTES: usize = 32;

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
        from_hex(text).map(Self)
    }

    #[cfg(feature = "requests")]
    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&to_hex(&self.0))
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
        from_hex(text).map(Self)
    }

    #[cfg(feature = "requests")]
    pub(super) const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    #[cfg(feature = "requests")]
    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&to_hex(&self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly `N` bytes as hexadecimal digits in lower case: one spelling for each value.
pub(super) fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let bytes = crate::machine::from_hex(digits)?;
    let is_lower = !digits.bytes().any(|digit| digit.is_ascii_uppercase());
    is_lower.then_some(bytes)
}
