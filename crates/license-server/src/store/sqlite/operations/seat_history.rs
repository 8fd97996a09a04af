//! The history of floating seats.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::{
    HistoryDay, HistoryHour, PoolId, PoolLevel, SeatDemand, SeatHistoryBatch, SeatScope,
    StoredSeatHistory, TenantId,
};
use crate::store::sqlite::{SqliteStore, seat_history};
use crate::store::{SeatHistoryStore, ServerStoreError};

#[async_trait]
impl SeatHistoryStore for SqliteStore {
    async fn pool_levels(&self, tenant: &TenantId) -> Result<Vec<PoolLevel>, ServerStoreError> {
        self.write(tenant, |batch, tenant| {
            let pools = batch.pools.as_mut().ok_or(ServerStoreError::NotOwner)?;
            pools.levels(batch.db, tenant, batch.now)
        })
        .await
    }

    async fn add_seat_history(
        &self,
        tenant: &TenantId,
        batch: SeatHistoryBatch,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |open, tenant| {
            seat_history::add(open.db, tenant, &batch)
        })
        .await
    }

    async fn seat_history(
        &self,
        tenant: &TenantId,
        scope: &SeatScope,
        from: HistoryHour,
        until: HistoryHour,
    ) -> Result<StoredSeatHistory, ServerStoreError> {
        let scope = scope.clone();
        self.read(tenant, move |db, tenant| {
            seat_history::range(db, tenant, &scope, (from, until))
        })
        .await
    }

    async fn seat_demand(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        from: HistoryDay,
        until: HistoryDay,
    ) -> Result<BTreeMap<u32, SeatDemand>, ServerStoreError> {
        let pool = pool.clone();
        self.read(tenant, move |db, tenant| {
            seat_history::demand(db, tenant, &pool, (from, until))
        })
        .await
    }

    async fn forget_seat_history(
        &self,
        tenant: &TenantId,
        before: HistoryDay,
        keep: u32,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            seat_history::forget(batch.db, tenant, before, keep)
        })
        .await
    }
}
