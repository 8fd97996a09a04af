//! Values that several servers of a database share.

use async_trait::async_trait;

use super::ServerStoreError;
use crate::domain::{DatabaseStatus, NewAuditEntry, TenantId};

/// Values that the servers of a database share, because they have no common directory.
///
/// A database that belongs to one server has no such store: the files are in its data directory.
#[async_trait]
pub trait SharedStore: Send + Sync {
    /// Returns the id of the key that each server must have. `None` before the first start.
    async fn server_key(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError>;

    /// Replaces the id of the key that each server must have, if the id is still `expected`.
    /// Returns whether it was replaced.
    async fn set_server_key(
        &self,
        tenant: &TenantId,
        expected: Option<&str>,
        kid: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the public keys of the vendor, as a JWK Set.
    async fn trust_set(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError>;

    /// Stores the public keys of the vendor, unless there are some. Returns whether they were
    /// stored.
    async fn add_trust_set(&self, tenant: &TenantId, keys: &str) -> Result<bool, ServerStoreError>;

    /// Removes the public keys of the vendor, if they are still these.
    async fn remove_trust_set(&self, tenant: &TenantId, keys: &str)
    -> Result<(), ServerStoreError>;

    /// Returns the version of the database, and whether its servers use Redis.
    async fn status(&self) -> Result<DatabaseStatus, ServerStoreError>;
}
