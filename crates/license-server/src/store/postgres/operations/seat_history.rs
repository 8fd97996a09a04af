//! The history of floating seats.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::{
    HistoryDay, HistoryHour, PoolId, PoolLevel, SeatDemand, SeatHistoryBatch, SeatScope,
    StoredSeatHistory, TenantId,
};
use crate::store::postgres::{PostgresStore, seat_history};
use crate::store::{SeatHistoryStore, ServerStoreError};

#[async_trait]
impl SeatHistoryStore for PostgresStore {
    fn observes_pools(&self) -> bool {
        self.keeper.is_owner()
    }

    async fn pool_levels(&self, tenant: &TenantId) -> Result<Vec<PoolLevel>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_history::levels(&db).await;
        db.end(result).await
    }

    async fn add_seat_history(
        &self,
        tenant: &TenantId,
        batch: SeatHistoryBatch,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = seat_history::add(&db, &batch).await;
        db.end(result).await
    }

    async fn seat_history(
        &self,
        tenant: &TenantId,
        scope: &SeatScope,
        from: HistoryHour,
        until: HistoryHour,
    ) -> Result<StoredSeatHistory, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_history::range(&db, scope, (from, until)).await;
        db.end(result).await
    }

    async fn seat_demand(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        from: HistoryDay,
        until: HistoryDay,
    ) -> Result<BTreeMap<u32, SeatDemand>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_history::demand(&db, pool, (from, until)).await;
        db.end(result).await
    }

    async fn forget_seat_history(
        &self,
        tenant: &TenantId,
        before: HistoryDay,
        keep: u32,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = seat_history::forget(&db, before, keep).await;
        db.end(result).await
    }
}
