//! Floating seats.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::ids::Commitment;
use license_seats::{LeaseTime, OpenLease};
use serde_json::json;

use crate::domain::{NewAuditEntry, Page, PageRequest, PoolCapacity, PoolId, SeatPolicy, TenantId};
use crate::store::postgres::pools::{PoolAnswer, PoolWork};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{
    PostgresStore, audit, lease_clock, license_terms, seat_rows, tenants,
};
use crate::store::{
    LeaseRow, PoolReply, PoolRequest, PoolView, SeatStore, ServerStoreError, TicketRow, TicketWaker,
};

#[async_trait]
impl SeatStore for PostgresStore {
    async fn apply(
        &self,
        tenant: &TenantId,
        request: PoolRequest,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, ServerStoreError> {
        if !self.is_node {
            return Err(ServerStoreError::NotOwner);
        }
        let key = (tenant.clone(), request.pool.clone());
        let renewals = &self.pools.context().renewals;
        if audit.is_none()
            && let Some(reply) = renewals.answer(&key, &request).await?
        {
            return Ok(reply);
        }
        let work = PoolWork::Apply(Box::new(request), audit.map(Box::new));
        match self.pools.run(key, work).await? {
            PoolAnswer::Applied(reply) => Ok(*reply),
            _ => Err(ServerStoreError::Closed),
        }
    }

    fn on_ticket_change(&self, waker: TicketWaker) {
        if let Some(listener) = &self.listener {
            listener.add_waker(waker);
        }
    }

    async fn lease_clock(&self, tenant: &TenantId) -> Result<LeaseTime, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = lease_clock::stored(&db).await;
        db.end(result).await
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

    async fn pool_capacity(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<PoolCapacity, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = license_terms::pool_capacity(&db, now).await;
        db.end(result).await
    }

    async fn due_pools(&self, tenant: &TenantId) -> Result<Vec<PoolId>, ServerStoreError> {
        if !self.keeper.is_owner() {
            return Ok(Vec::new());
        }
        let db = self.database.begin_read(tenant).await?;
        let result = seat_rows::due(&db).await;
        db.end(result).await
    }

    async fn pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<PoolView>, ServerStoreError> {
        let key = (tenant.clone(), pool.clone());
        match self.pools.run(key, PoolWork::View).await? {
            PoolAnswer::View(view) => Ok(view),
            _ => Err(ServerStoreError::Closed),
        }
    }

    async fn loan(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        commitment: Commitment,
    ) -> Result<Option<Arc<OpenLease>>, ServerStoreError> {
        let key = (tenant.clone(), pool.clone());
        match self.pools.run(key, PoolWork::Loan(commitment)).await? {
            PoolAnswer::Loan(lease) => Ok(lease),
            _ => Err(ServerStoreError::Closed),
        }
    }

    async fn leases(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<LeaseRow>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_rows::lease_page(&db, pool, page).await;
        let mut page = db.end(result).await?;
        let key = (tenant.clone(), pool.clone());
        let leases: Vec<_> = page
            .items
            .iter()
            .map(|row| Arc::clone(&row.lease))
            .collect();
        let renewals = self.pools.context().renewals.current(&key, &leases).await;
        for row in &mut page.items {
            let session = row.lease.holder.session;
            for renewal in renewals.iter().filter(|renewal| renewal.session == session) {
                Arc::make_mut(&mut row.lease).fold(renewal);
            }
        }
        Ok(page)
    }

    async fn tickets(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<TicketRow>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = seat_rows::ticket_page(&db, pool, page).await;
        db.end(result).await
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
    // Without a license there is no row of the tenant, and the change of the content creates it.
    tenants::content_changed(db).await?;
    let former = seat_rows::policy(db, pool).await?;
    seat_rows::set_policy(db, pool, policy).await?;
    let former = Some(json!(former.unwrap_or_default()));
    audit::append(db, &audit.clone().with_before(former)).await
}
