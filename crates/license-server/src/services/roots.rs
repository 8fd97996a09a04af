//! The vendor's public keys that the operator gave the server.

use async_trait::async_trait;
use license_core::{Code, TrustSet};

use crate::domain::{Refusal, RefusalKind};

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

    /// Stores the first keys of a server that has none. Keys that the server has already change
    /// nothing. Keys are never replaced: a trust statement of the vendor changes them.
    ///
    /// # Errors
    ///
    /// Returns `UNTRUSTED_KEY` if the server has other keys, or if its keys come from the settings
    /// or the program, and a refusal if the keys cannot be stored.
    async fn add(&self, text: &str, keys: &TrustSet) -> Result<(), Refusal>;
}

/// Returns the refusal of keys that are not those of the server.
pub(crate) fn other_keys(hint: &str) -> Refusal {
    let detail = "the server has other public keys of the vendor";
    Refusal::of_license(RefusalKind::Conflict, Code::UntrustedKey, detail).hint(hint)
}

/// Returns whether a set has all keys of another one.
pub(crate) fn has_all(known: &TrustSet, keys: &TrustSet) -> bool {
    let mut keys = keys.iter();
    keys.all(|key| known.get(key.id().as_str()).is_some())
}

/// Keys that never change.
#[async_trait]
impl TrustRoots for TrustSet {
    async fn read(&self) -> Result<TrustSet, Refusal> {
        Ok(self.clone())
    }

    async fn add(&self, _: &str, keys: &TrustSet) -> Result<(), Refusal> {
        if has_all(self, keys) {
            return Ok(());
        }
        Err(other_keys("the keys of this server never change"))
    }
}
