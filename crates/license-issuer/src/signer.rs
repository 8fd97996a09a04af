//! Signing keys in files, in PKCS#11 tokens, in AWS KMS and in Google Cloud KMS.
//!
//! [`open`] returns every key as a [`VerifyingSigner`], which verifies each signature before the
//! caller gets it. The caller does not need to know where the key is.
//!
//! Passphrases and PINs come from a [`PassphraseSource`]. This module never prompts.

mod error;
mod location;
mod passphrase;
pub mod private_key;

#[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
mod http;
#[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
mod public_key;

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "gcp-kms")]
pub mod gcp_kms;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;

use std::path::Path;

use license_core::issue::{KeyBits, VerifyingSigner};
use license_core::jose::Algorithm;

pub use error::{ErrorAdvice, ErrorCategory, SignerError};
pub use location::{KeyLocation, SignerBackend};
pub use passphrase::{
    Passphrase, PassphraseError, PassphraseRequest, PassphraseSource, SignerNotice,
};

use private_key::StoredKey;

/// The options with which a key is opened or created.
#[derive(Clone, Copy)]
pub struct SignerOptions<'a> {
    /// The algorithm to sign with. `None` selects RS256, except for a key that is restricted to
    /// another algorithm.
    pub algorithm: Option<Algorithm>,
    /// The source of passphrases and PINs.
    pub passphrases: &'a dyn PassphraseSource,
    /// The PKCS#11 module to use if the URI names no module.
    pub pkcs11_module: Option<&'a Path>,
}

/// A key that was created in a token.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key.
    pub key: VerifyingSigner,
    /// The location with which the key can be opened. The location contains no PIN.
    pub location: String,
}

/// Opens a key. Asks for the passphrase or PIN if the key has one.
///
/// # Errors
///
/// Returns [`SignerError`] if the key is missing, cannot be opened or must not be trusted.
pub fn open(
    location: &KeyLocation,
    options: &SignerOptions<'_>,
) -> Result<VerifyingSigner, SignerError> {
    match location {
        KeyLocation::File(path) => StoredKey::read(path)
            .map_err(SignerError::from)
            .and_then(|stored| open_stored(stored, options))
            .map_err(|error| error.in_file(path)),
        #[cfg(feature = "pkcs11")]
        KeyLocation::Pkcs11(uri) => pkcs11::open(uri, options),
        #[cfg(feature = "aws-kms")]
        KeyLocation::AwsKms(name) => Ok(aws_kms::open(name, options.algorithm)?),
        #[cfg(feature = "gcp-kms")]
        KeyLocation::GcpKms(name) => Ok(gcp_kms::open(name, options.algorithm)?),
        #[cfg(not(all(feature = "pkcs11", feature = "aws-kms", feature = "gcp-kms")))]
        other => Err(other.not_built_in()),
    }
}

/// Opens a private key that the caller has already read.
///
/// # Errors
///
/// Returns [`SignerError`] if the passphrase is wrong or the key must not be trusted.
pub fn open_stored(
    stored: StoredKey,
    options: &SignerOptions<'_>,
) -> Result<VerifyingSigner, SignerError> {
    let der = match stored {
        StoredKey::Plain(der) => der,
        StoredKey::Encrypted(encrypted) => {
            let passphrase = options
                .passphrases
                .passphrase(PassphraseRequest::PrivateKey)
                .map_err(SignerError::Passphrase)?
                .ok_or(SignerError::NoPassphrase)?;
            encrypted.decrypt(&passphrase)?
        }
    };
    Ok(StoredKey::load(&der, options.algorithm)?)
}

/// Checks what can be checked of a key without a passphrase, a PIN or credentials.
///
/// Returns the key if it is in an unencrypted file.
///
/// # Errors
///
/// Returns [`SignerError`] if [`open`] would certainly fail.
pub fn probe(
    location: &KeyLocation,
    options: &SignerOptions<'_>,
) -> Result<Option<VerifyingSigner>, SignerError> {
    match location {
        KeyLocation::File(path) => StoredKey::read(path)
            .map_err(SignerError::from)
            .and_then(|stored| match stored {
                StoredKey::Plain(der) => Ok(Some(StoredKey::load(&der, options.algorithm)?)),
                StoredKey::Encrypted(_) => Ok(None),
            })
            .map_err(|error| error.in_file(path)),
        #[cfg(feature = "pkcs11")]
        KeyLocation::Pkcs11(uri) => {
            pkcs11::probe(uri, options.pkcs11_module)?;
            Ok(None)
        }
        #[cfg(feature = "aws-kms")]
        KeyLocation::AwsKms(name) => {
            aws_kms::probe(name)?;
            Ok(None)
        }
        #[cfg(feature = "gcp-kms")]
        KeyLocation::GcpKms(name) => {
            gcp_kms::probe(name)?;
            Ok(None)
        }
        #[cfg(not(all(feature = "pkcs11", feature = "aws-kms", feature = "gcp-kms")))]
        other => Err(other.not_built_in()),
    }
}

/// Creates a key in a token. The key never leaves the token.
///
/// The key gets a random `CKA_ID` if the URI contains no id.
///
/// # Errors
///
/// Returns [`SignerError`] if the location is not a token, if the label is in use, or if the token
/// refuses to create the key.
#[cfg_attr(
    not(feature = "pkcs11"),
    allow(unused_variables, reason = "only PKCS#11 tokens create keys")
)]
pub fn create(
    location: &KeyLocation,
    bits: KeyBits,
    options: &SignerOptions<'_>,
) -> Result<CreatedKey, SignerError> {
    match location {
        KeyLocation::File(_) => Err(SignerError::CreateInFile),
        #[cfg(feature = "pkcs11")]
        KeyLocation::Pkcs11(uri) => pkcs11::create(uri, bits, options),
        #[cfg(feature = "aws-kms")]
        KeyLocation::AwsKms(_) => Err(SignerError::CreateInAwsKms),
        #[cfg(feature = "gcp-kms")]
        KeyLocation::GcpKms(_) => Err(SignerError::CreateInGcpKms),
        #[cfg(not(all(feature = "pkcs11", feature = "aws-kms", feature = "gcp-kms")))]
        other => Err(other.not_built_in()),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use license_core::issue::SigningKey;
    use zeroize::Zeroizing;

    use super::private_key::{EncryptionEntropy, encrypt, to_plain_pem};
    use super::*;
    use crate::random;

    /// A source that returns a fixed passphrase, or fails if it has no passphrase.
    struct FixedPassphrase(Option<&'static str>);

    impl PassphraseSource for FixedPassphrase {
        fn passphrase(
            &self,
            _: PassphraseRequest<'_>,
        ) -> Result<Option<Passphrase>, Box<dyn Error + Send + Sync>> {
            let text = self.0.ok_or("no terminal")?;
            Ok(Some(Passphrase::new(Zeroizing::new(text.to_owned()))?))
        }
    }

    fn options(passphrases: &FixedPassphrase) -> SignerOptions<'_> {
        SignerOptions {
            algorithm: None,
            passphrases,
            pkcs11_module: None,
        }
    }

    fn key() -> Zeroizing<Vec<u8>> {
        SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random::fill).unwrap()
    }

    fn encrypted(der: &[u8]) -> StoredKey {
        let passphrase = Passphrase::new(Zeroizing::new("secret".to_owned())).unwrap();
        let entropy = EncryptionEntropy {
            salt: [1; 16],
            iv: [2; 16],
        };
        StoredKey::parse(&encrypt(der, &passphrase, &entropy).unwrap()).unwrap()
    }

    #[test]
    fn the_error_of_a_passphrase_source_is_returned() {
        let none = FixedPassphrase(None);
        let error = open_stored(encrypted(&key()), &options(&none)).unwrap_err();
        let SignerError::Passphrase(error) = error else {
            panic!("{error}")
        };
        assert_eq!(error.to_string(), "no terminal");
    }

    #[test]
    fn only_an_encrypted_key_needs_a_passphrase() {
        let der = key();
        let (right, wrong) = (FixedPassphrase(Some("secret")), FixedPassphrase(Some("x")));
        assert!(open_stored(encrypted(&der), &options(&right)).is_ok());
        let error = open_stored(encrypted(&der), &options(&wrong)).unwrap_err();
        assert_eq!(error.advice().code, "WRONG_PASSPHRASE");
        let plain = StoredKey::parse(&to_plain_pem(&der).unwrap()).unwrap();
        assert!(open_stored(plain, &options(&FixedPassphrase(None))).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn an_error_about_a_file_contains_its_path() {
        let none = FixedPassphrase(None);
        let missing = KeyLocation::File("no such file".into());
        let error = open(&missing, &options(&none)).unwrap_err();
        assert!(error.to_string().contains("no such file"), "{error}");
        assert_eq!(error.advice().code, "IO");
        assert!(error.source().is_some());
    }
}
