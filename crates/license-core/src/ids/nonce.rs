//! Nonces and commitments, which link an answer to the request of a machine.

use crate::encoding::hex::hex_text;

const NONCE_BYTES: usize = 16;
pub(crate) const SECRET_BYTES: usize = 32;

/// A random number of 128 bits that is used once. Its text form is 32 hexadecimal digits in lower
/// case.
///
/// ```
/// use license_core::ids::Nonce;
///
/// let nonce = Nonce::from_random([0xab; 16]);
/// assert_eq!(nonce.to_string(), "ab".repeat(16));
/// assert_eq!(nonce.to_string().parse(), Ok(nonce));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    /// Creates a nonce from random bytes that the caller provides.
    ///
    /// ```
    /// use license_core::ids::Nonce;
    ///
    /// // A real program passes bytes of the system's random source.
    /// assert_eq!(Nonce::from_random([7; 16]).to_string(), "07".repeat(16));
    /// ```
    pub const fn from_random(bytes: [u8; NONCE_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The SHA-256 hash of a secret that a machine keeps. The hash binds an activation to the secret
/// without revealing the secret. Its text form is 64 hexadecimal digits in lower case.
///
/// ```
/// use license_core::ids::Commitment;
///
/// let commitment: Commitment = "0c".repeat(32).parse()?;
/// assert_eq!(commitment.to_string(), "0c".repeat(32));
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; SECRET_BYTES]);

impl Commitment {
    pub(crate) const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

hex_text!(Nonce, "32 hexadecimal digits in lower case");
hex_text!(Commitment, "64 hexadecimal digits in lower case");
