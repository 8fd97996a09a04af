//! The key of the server, as the services use it.

use async_trait::async_trait;
use license_core::issue::{LeaseDraft, SigningError, ValidationDraft};
use license_core::trust::TrustedKey;

/// The key with which the server signs leases and validation tokens. A license certifies this key
/// in its claim `cnf`.
///
/// A key in an HSM signs slowly and one signature after the other. The methods are asynchronous, so
/// that requests can wait for such a key without blocking a thread.
#[async_trait]
pub trait ServerSigner: Send + Sync {
    /// Returns the public key that new licenses certify.
    fn public(&self) -> &TrustedKey;

    /// Returns all public keys: the current one, and earlier ones for the licenses that certify
    /// them.
    fn keys(&self) -> Vec<&TrustedKey> {
        vec![self.public()]
    }

    /// Signs a lease.
    ///
    /// # Errors
    ///
    /// Returns an error if the license does not certify the key, if the lease grants more than the
    /// license, or if the key cannot sign.
    async fn sign_lease(&self, draft: &LeaseDraft<'_>) -> Result<String, SigningError>;

    /// Signs a validation token.
    ///
    /// # Errors
    ///
    /// Returns an error if the license does not certify the key, if the token grants more than the
    /// license, or if the key cannot sign.
    async fn sign_validation(&self, draft: &ValidationDraft<'_>) -> Result<String, SigningError>;
}
