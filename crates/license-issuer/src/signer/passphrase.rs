//! Passphrases and PINs, and their sources.

use std::error::Error;
use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

/// A passphrase or PIN of 1 to 1024 bytes. It is wiped when it is dropped, and never printed.
///
/// ```
/// use license_issuer::signer::Passphrase;
///
/// let passphrase = Passphrase::new("correct horse".to_owned().into())?;
/// // The debug output does not contain the passphrase.
/// assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The maximum length in bytes. A longer text is probably the content of a wrong file.
    pub const MAX_LENGTH: usize = 1024;

    /// Checks the length of a passphrase.
    ///
    /// ```
    /// use license_issuer::signer::{Passphrase, PassphraseError};
    ///
    /// let empty = Passphrase::new(String::new().into());
    /// assert!(matches!(empty, Err(PassphraseError::Empty)));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`PassphraseError`] if the passphrase is empty or too long.
    pub fn new(text: Zeroizing<String>) -> Result<Self, PassphraseError> {
        match text.len() {
            0 => Err(PassphraseError::Empty),
            1..=Self::MAX_LENGTH => Ok(Self(text)),
            _ => Err(PassphraseError::TooLong),
        }
    }

    /// Returns the bytes of the passphrase.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the text of the passphrase.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// The reason why a text is not a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// The text is empty.
    #[error("expected a passphrase, found an empty one")]
    Empty,
    /// The text is too long.
    #[error(
        "expected a passphrase of at most {} bytes, found a longer one",
        Passphrase::MAX_LENGTH
    )]
    TooLong,
}

/// The secret that a key needs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum PassphraseRequest<'a> {
    /// The passphrase of an encrypted private key.
    PrivateKey,
    /// The PIN of a PKCS#11 token.
    TokenPin {
        /// The label of the token.
        token: &'a str,
        /// The file that the URI names as the source of the PIN.
        pin_source: Option<&'a Path>,
        /// Whether the token has a keypad or another way to enter the PIN.
        has_pin_pad: bool,
    },
}

/// An event that the user may want to know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignerNotice<'a> {
    /// A PKCS#11 URI has a query attribute that is unknown and is ignored.
    IgnoredAttribute {
        /// The name of the attribute, or `…` if it may be a secret.
        name: &'a str,
    },
    /// The token creates an RSA key, which can take a minute.
    CreatingKey,
}

/// Supplies passphrases and PINs.
pub trait PassphraseSource {
    /// Returns the secret that is requested.
    ///
    /// If the result is `None`, the user enters the PIN on the keypad of the token.
    ///
    /// # Errors
    ///
    /// Returns an error if the secret cannot be obtained. [`SignerError::Passphrase`] contains this
    /// error.
    ///
    /// [`SignerError::Passphrase`]: super::SignerError::Passphrase
    fn passphrase(
        &self,
        request: PassphraseRequest<'_>,
    ) -> Result<Option<Passphrase>, Box<dyn Error + Send + Sync>>;

    /// Receives a notice. The default implementation ignores it.
    fn notify(&self, notice: SignerNotice<'_>) {
        let _ = notice;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Result<Passphrase, PassphraseError> {
        Passphrase::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_passphrase_has_1_to_1024_bytes() {
        assert_eq!(passphrase("").unwrap_err(), PassphraseError::Empty);
        assert!(passphrase(&"x".repeat(1024)).is_ok());
        let error = passphrase(&"x".repeat(1025)).unwrap_err();
        assert!(error.to_string().contains("at most 1024"));
    }

    #[test]
    fn debug_does_not_show_the_passphrase() {
        let shown = format!("{:?}", passphrase("secret").unwrap());
        assert_eq!(shown, "Passphrase(..)");
    }
}
