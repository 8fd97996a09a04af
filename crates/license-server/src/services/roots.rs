//! The vendor's public keys that the operator gave the server.

use async_trait::async_trait;
use license_core::TrustSet;

use crate::domain::Refusal;

/// The source of the vendor's public keys. The server reads them again when its content changes,
/// because the operator can install the first keys while the server runs.
#[async_trait]
pub trait TrustRoots: Send + Sync {
    /// Returns the current keys.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the keys cannot be read.
    async fn read(&self) -> Result<TrustSet, Refusal>;
}

/// Keys that never change.
#[async_trait]
impl TrustRoots for TrustSet {
    async fn read(&self) -> Result<TrustSet, Refusal> {
        Ok(self.clone())
    }
}
