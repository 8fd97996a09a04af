//! Random values that a machine makes, and what it can prove with them.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::digest::Sha256;

const NONCE_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

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

/// SHA-256 of a [`Secret`]: it binds without telling.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; SECRET_BYTES]);

impl Commitment {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    pub(super) const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

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

/// 256 random bits that a machine keeps until it gives up its activation.
#[derive(PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Makes one of random bytes, which the caller brings.
    pub const fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads what [`Secret::reveal`] wrote: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// What can be told of it beforehand.
    pub fn commitment(&self) -> Commitment {
        Commitment(Sha256::digest(self.0))
    }

    /// The secret as hexadecimal digits: in a receipt, or where it is sealed.
    pub fn reveal(&self) -> String {
        to_hex(&self.0)
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly `N` bytes as hexadecimal digits in lower case: one spelling for each value.
fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let bytes = crate::machine::from_hex(digits)?;
    let is_lower = !digits.bytes().any(|digit| digit.is_ascii_uppercase());
    is_lower.then_some(bytes)
}
