//! Secret of an activation.

use std::fmt;

use serde::{Deserializer, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::encoding::hex;
use crate::encoding::strict_json::TextVisitor;
use crate::ids::{Commitment, SECRET_BYTES};
use sha2::{Digest, Sha256};

/// 256 random bits that a machine keeps secret until deactivation.
///
/// ```
/// use license_core::requests::ActivationSecret;
///
/// let secret = ActivationSecret::from_random([7; 32]);
/// // The request contains the commitment. The receipt reveals the secret.
/// let revealed = ActivationSecret::parse(&secret.reveal()).ok_or("not a secret")?;
/// assert_eq!(revealed.commitment(), secret.commitment());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct ActivationSecret([u8; SECRET_BYTES]);

impl ActivationSecret {
    /// Creates a secret from random bytes that the caller provides.
    ///
    /// ```
    /// use license_core::requests::ActivationSecret;
    ///
    /// // Pass bytes of the system's random source.
    /// let secret = ActivationSecret::from_random([7; 32]);
    /// assert_eq!(secret.reveal().len(), 64);
    /// ```
    pub const fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// Parses a secret of 64 lower-case hexadecimal digits, as [`ActivationSecret::reveal`] returns
    /// it. Returns `None` for any other text.
    ///
    /// ```
    /// use license_core::requests::ActivationSecret;
    ///
    /// assert!(ActivationSecret::parse(&"07".repeat(32)).is_some());
    /// assert!(ActivationSecret::parse("07").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_lower(text).map(Self)
    }

    /// Returns the commitment to the secret: its SHA-256, which can be published.
    ///
    /// ```
    /// use license_core::requests::ActivationSecret;
    ///
    /// println!("{}", ActivationSecret::from_random([7; 32]).commitment());
    /// ```
    pub fn commitment(&self) -> Commitment {
        Commitment::from_bytes(Sha256::digest(self.0).into())
    }

    /// Returns the secret in hexadecimal, for a deactivation receipt or sealed storage.
    ///
    /// ```
    /// use license_core::requests::ActivationSecret;
    ///
    /// assert_eq!(ActivationSecret::from_random([7; 32]).reveal(), "07".repeat(32));
    /// ```
    pub fn reveal(&self) -> String {
        hex::encode(&self.0)
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Serializes a secret for a deactivation receipt.
pub(super) fn serialize<S: Serializer>(
    secret: &ActivationSecret,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&secret.reveal())
}

/// Deserializes a secret from a deactivation receipt.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ActivationSecret, D::Error> {
    deserializer.deserialize_str(TextVisitor {
        expected: "64 hexadecimal digits",
        parse: ActivationSecret::parse,
    })
}

impl Drop for ActivationSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for ActivationSecret {}

impl fmt::Debug for ActivationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
