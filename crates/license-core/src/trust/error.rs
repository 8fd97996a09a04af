//! Errors of trust sets and keys.

use crate::code::Code;
use crate::encoding::kind::TextKind;
use crate::encoding::pasted::{FoundText, Position};
use crate::encoding::strict_json::JsonError;
use crate::trust::KeyId;

/// The reason why a text is not a trust set, or why a key cannot be trusted.
///
/// ```
/// use license_core::TrustSet;
///
/// let error = TrustSet::parse("{}").err().ok_or("expected an error")?;
/// assert_eq!(error.code().as_str(), "MALFORMED");
/// println!("{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The text has no key.
    #[error("expected public keys, found nothing")]
    Empty,
    /// The text is not PEM, or the PEM is damaged.
    ///
    /// The error of the decoder is omitted, because the decoder claims that every text without PEM
    /// contains a NUL byte.
    #[error("expected a PEM public key, a JWK or a JWK Set, found damaged PEM or other text")]
    Pem,
    /// The PEM contains a character that text for keys does not have, such as a zero-width space.
    #[error("at {position}: expected a PEM public key, found {found}")]
    Unexpected {
        /// The position in the input.
        position: Position,
        /// The character at this position.
        found: FoundText,
    },
    /// The text is of another kind, such as a public key of OpenSSH.
    #[error("expected a PEM public key, a JWK or a JWK Set, found {}", .found.name())]
    OtherKind {
        /// The kind of the text.
        found: TextKind,
    },
    /// The PEM contains something other than a public key.
    #[error("expected a PEM block `PUBLIC KEY`, found `{found}`")]
    PemLabel {
        /// The label, as in `-----BEGIN label-----`, cut to 32 characters.
        found: String,
    },
    /// The text is a private key, which must not leave the vendor.
    #[error("expected a public key, found a private key")]
    PrivateKey,
    /// The DER is damaged, or does not encode an RSA public key.
    #[error("expected the DER of an RSA public key")]
    Der(#[source] spki::Error),
    /// The key is not an RSA key.
    #[error("expected an RSA key, found another kind of key")]
    NotRsa,
    /// The key names RSASSA-PSS parameters that this library does not accept.
    #[error("expected RSASSA-PSS parameters SHA-256, MGF1 with SHA-256, salt length 32")]
    PssParameters,
    /// The text is not a strict JSON object.
    #[error("expected a JWK or a JWK Set")]
    Json(#[source] JsonError),
    /// The value is not a JSON object.
    #[error("expected a JWK")]
    NotAJwk,
    /// A member of a JWK is missing or has a value that is not accepted.
    #[error("JWK member `{member}`: expected {expected}")]
    Jwk {
        /// The member.
        member: &'static str,
        /// A description of the accepted values.
        expected: &'static str,
    },
    /// A member of a JWK contains a character that base64url does not have, such as a zero-width
    /// space.
    #[error("JWK member `{member}`, character {column}: expected base64url, found {found}")]
    JwkCharacter {
        /// The member.
        member: &'static str,
        /// The position of the character in the value, from 1.
        column: usize,
        /// The character.
        found: FoundText,
    },
    /// The `kid` is not the RFC 7638 thumbprint of the key.
    #[error("JWK member `kid`: expected the key's thumbprint {expected}")]
    KeyId {
        /// The thumbprint.
        expected: KeyId,
    },
    /// The modulus is too small or too large.
    #[error("expected an RSA key of 2048 to 8192 bits, found {found}")]
    ModulusBits {
        /// The number of bits.
        found: usize,
    },
    /// The modulus is even.
    #[error("expected an odd RSA modulus, found an even one")]
    EvenModulus,
    /// The public exponent is not an odd number from 65537 to 2^32 - 1.
    #[error("expected an odd public exponent from 65537 to 4294967295")]
    Exponent,
    /// The modulus has the fingerprint of keys that can be factored (ROCA, CVE-2017-15361).
    #[error("the key has the ROCA weakness (CVE-2017-15361)")]
    Roca,
    /// The signature library does not accept the key.
    #[error("the signature library does not accept the key")]
    Unusable,
    /// A key occurs with two algorithms.
    #[error("expected one algorithm for key {key}, found two algorithms")]
    TwoAlgorithms {
        /// The id of the key.
        key: KeyId,
    },
    /// There are more keys than a set can contain.
    #[error("expected at most {limit} keys, found more")]
    TooMany {
        /// The maximum number of keys.
        limit: usize,
    },
}

impl TrustError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::trust::TrustError;
    ///
    /// assert_eq!(TrustError::Empty.code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        Code::Malformed
    }
}
