//! Copies of the vendor's ledger.

use async_trait::async_trait;

use super::ServerStoreError;
use crate::domain::{LedgerCopy, LedgerPosition, TenantId};

/// The part of a [`ServerStore`](super::ServerStore) for copies of the vendor's ledger.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Returns the last entry of the ledger whose content is stored.
    async fn ledger_position(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<LedgerPosition>, ServerStoreError>;

    /// Stores the content of ledger entries and the new position together. Ignores licenses that
    /// are stored already, with their audit entries. Returns the number of new licenses.
    async fn copy_ledger(
        &self,
        tenant: &TenantId,
        copy: LedgerCopy,
    ) -> Result<usize, ServerStoreError>;
}
