//! Sources of signing keys, and the errors of signing and verifying.

use std::error::Error;

use license_core::trust::TrustedKey;

use crate::errors::LedgerError;

/// A source of the opened signing key `K`, or of a set of keys. The key is opened only when it is
/// needed.
pub trait SignerSource<K> {
    /// The error of opening a key.
    type Error;

    /// Checks that the key exists, and opens it if it needs no secret. Never asks for a secret.
    ///
    /// # Errors
    ///
    /// Returns an error if the key does not exist or is damaged.
    fn peek(&self) -> Result<Option<K>, Self::Error>;

    /// Opens the key, and asks for its passphrase or PIN if it has one.
    ///
    /// # Errors
    ///
    /// Returns an error if the key cannot be opened.
    fn open(&self) -> Result<K, Self::Error>;

    /// Returns the public halves that the ledger records before the first signature.
    fn public_keys<'s>(&self, signer: &'s K) -> Vec<&'s TrustedKey>;
}

/// The reason why a draft was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The draft is invalid, or the key could not sign.
    #[error("cannot sign the {artifact}")]
    Sign {
        /// The name of the artifact.
        artifact: &'static str,
        /// The reason.
        source: license_core::issue::SigningError,
    },
    /// A revocation list has too many entries.
    #[error("{count} revoked licenses and activations do not fit into one list")]
    TooMany {
        /// The number of entries.
        count: usize,
        /// The reason.
        source: license_core::issue::SigningError,
    },
    /// The signed artifact does not verify.
    #[error("the {artifact} just signed does not verify")]
    Verify {
        /// The name of the artifact.
        artifact: &'static str,
        /// The error of the verifier.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service has no signer for a draft that needs a signer.
    #[error("expected an opened key for the {0}, found none")]
    NoSigner(&'static str),
    /// The ledger could not reserve a serial.
    #[error("cannot reserve a serial")]
    Serial(#[source] LedgerError),
}

/// The name of a kind of artifact, for errors.
#[derive(Clone, Copy, Debug)]
pub(in crate::services) struct ArtifactName(pub(in crate::services) &'static str);

impl ArtifactName {
    /// Returns the opened key, or an error if there is no opened key.
    pub(in crate::services) fn signer<S>(self, signer: Option<&S>) -> Result<&S, SignError> {
        signer.ok_or(SignError::NoSigner(self.0))
    }

    /// Adds the name of the artifact to an error of signing.
    pub(in crate::services) fn map_signing_error<T>(
        self,
        result: Result<T, license_core::issue::SigningError>,
    ) -> Result<T, SignError> {
        result.map_err(|source| SignError::Sign {
            artifact: self.0,
            source,
        })
    }

    /// Adds the name of the artifact to an error of the verification.
    pub(in crate::services) fn map_verify_error<T>(
        self,
        result: Result<T, impl Into<Box<dyn Error + Send + Sync>>>,
    ) -> Result<T, SignError> {
        result.map_err(|error| SignError::Verify {
            artifact: self.0,
            source: error.into(),
        })
    }
}
