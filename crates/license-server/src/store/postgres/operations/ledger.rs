//! Copies of the vendor's ledger.

use async_trait::async_trait;

use crate::domain::{LedgerCopy, LedgerPosition, TenantId};
use crate::store::postgres::{PostgresStore, ledger};
use crate::store::{LedgerStore, ServerStoreError};

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn ledger_position(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<LedgerPosition>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = ledger::position(&db).await;
        db.end(result).await
    }

    async fn copy_ledger(
        &self,
        tenant: &TenantId,
        copy: LedgerCopy,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = ledger::copy(&db, &copy).await;
        db.end(result).await
    }
}
