//! Floating seats.

use std::sync::Arc;

use async_trait::async_trait;
use license_core::ids::Commitment;
use license_seats::{LeaseTime, OpenLease};

use crate::domain::{NewAuditEntry, Page, PageRequest, PoolId, SeatPolicy, TenantId};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, seat_rows, tenants};
use crate::store::{
    LeaseRow, PoolReply, PoolRequest, PoolView, SeatStore, ServerStoreError, TicketRow,
};

#[async_trait]
impl SeatStore for PostgresStore {
    async fn apply(
        &self,
        _: &TenantId,
        _: PoolRequest,
        _: Option<NewAuditEntry>,
    ) -> Result<PoolReply, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn lease_clock(&self, _: &TenantId) -> Result<LeaseTime, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn pools(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<PoolId>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_rows::pool_page(&db, page).await;
        db.end(result).await
    }

    async fn due_pools(&self, _: &TenantId) -> Result<Vec<PoolId>, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn pool(&self, _: &TenantId, _: &PoolId) -> Result<Option<PoolView>, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn loan(
        &self,
        _: &TenantId,
        _: &PoolId,
        _: Commitment,
    ) -> Result<Option<Arc<OpenLease>>, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn leases(
        &self,
        _: &TenantId,
        _: &PoolId,
        _: &PageRequest,
    ) -> Result<Page<LeaseRow>, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn tickets(
        &self,
        _: &TenantId,
        _: &PoolId,
        _: &PageRequest,
    ) -> Result<Page<TicketRow>, ServerStoreError> {
        Err(ServerStoreError::NotOwner)
    }

    async fn seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<SeatPolicy>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_rows::policy(&db, pool).await;
        db.end(result).await
    }

    async fn set_seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        policy: SeatPolicy,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = set_policy(&db, pool, &policy, &audit).await;
        db.end(result).await
    }
}

async fn set_policy(
    db: &Transaction,
    pool: &PoolId,
    policy: &SeatPolicy,
    audit: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    seat_rows::set_policy(db, pool, policy).await?;
    tenants::content_changed(db).await?;
    audit::append(db, audit).await
}
