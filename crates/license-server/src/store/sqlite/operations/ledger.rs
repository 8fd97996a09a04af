//! Copies of the vendor's ledger.

use async_trait::async_trait;

use crate::domain::{LedgerCopy, LedgerPosition, TenantId};
use crate::store::sqlite::writer::Batch;
use crate::store::sqlite::{SqliteStore, ledger};
use crate::store::{LedgerStore, ServerStoreError};

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn ledger_position(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<LedgerPosition>, ServerStoreError> {
        self.read_short(tenant, ledger::position).await
    }

    async fn copy_ledger(
        &self,
        tenant: &TenantId,
        copy: LedgerCopy,
    ) -> Result<usize, ServerStoreError> {
        let store =
            move |batch: &mut Batch<'_>, tenant: &TenantId| ledger::copy(batch.db, tenant, &copy);
        self.write(tenant, store).await
    }
}
