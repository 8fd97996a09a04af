//! Floating seats.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::ids::Commitment;
use license_seats::{LeaseTime, OpenLease};
use serde_json::json;

use crate::domain::{NewAuditEntry, Page, PageRequest, PoolCapacity, PoolId, SeatPolicy, TenantId};
use crate::store::sqlite::writer::{Batch, FailureScope};
use crate::store::sqlite::{SqliteStore, audit, events, license_terms, licenses, pools, seat_rows};
use crate::store::{
    LeaseRow, PoolReply, PoolRequest, PoolView, SeatStore, ServerStoreError, TicketRow,
};

#[async_trait]
impl SeatStore for SqliteStore {
    async fn apply(
        &self,
        tenant: &TenantId,
        request: PoolRequest,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, ServerStoreError> {
        let tenant = tenant.clone();
        // A pool has decided before rows change. An audit entry can be refused after that.
        let failure_scope = match &audit {
            None => FailureScope::Batch,
            Some(_) => FailureScope::Request,
        };
        let apply = move |batch: &mut Batch<'_>| {
            let (db, now) = (batch.db, batch.now);
            let pools = batch.pools.as_mut().ok_or(ServerStoreError::NotOwner)?;
            let pool = request.pool.clone();
            let (reply, former) = pools.apply(db, &tenant, request, now, batch.wall)?;
            events::append_seat_events(db, &tenant, batch.wall, &pool, &reply.outcome.events)?;
            if let Some(audit) = audit.filter(|_| reply.outcome.reply.is_ok()) {
                audit::append(db, &tenant, &audit.with_before(former))?;
            }
            Ok(reply)
        };
        let reply = self.writer.run(failure_scope, apply).await?;
        for event in &reply.outcome.events {
            self.observer.seat_changed(event);
        }
        Ok(reply)
    }

    async fn lease_clock(&self, tenant: &TenantId) -> Result<LeaseTime, ServerStoreError> {
        self.read(tenant, |db, _| seat_rows::stored_clock(db)).await
    }

    async fn pools(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<PoolId>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            seat_rows::pool_page(db, tenant, &page)
        })
        .await
    }

    async fn pool_capacity(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<PoolCapacity, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            license_terms::pool_capacity(db, tenant, now)
        })
        .await
    }

    async fn due_pools(&self, tenant: &TenantId) -> Result<Vec<PoolId>, ServerStoreError> {
        self.write(tenant, |batch, tenant| {
            let pools = batch.pools.as_mut().ok_or(ServerStoreError::NotOwner)?;
            pools.due(batch.db, tenant, batch.now)
        })
        .await
    }

    async fn pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<PoolView>, ServerStoreError> {
        let pool = pool.clone();
        if self.is_owner {
            let view = move |batch: &mut Batch<'_>, tenant: &TenantId| {
                let pools = batch.pools.as_mut().ok_or(ServerStoreError::NotOwner)?;
                pools.view(batch.db, tenant, &pool, batch.now)
            };
            return self.write(tenant, view).await;
        }
        self.read(tenant, move |db, tenant| {
            pools::stored_view(db, tenant, &pool)
        })
        .await
    }

    async fn loan(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        commitment: Commitment,
    ) -> Result<Option<Arc<OpenLease>>, ServerStoreError> {
        let pool = pool.clone();
        self.write(tenant, move |batch, tenant| {
            let pools = batch.pools.as_mut().ok_or(ServerStoreError::NotOwner)?;
            pools.loan(batch.db, tenant, &pool, commitment, batch.now)
        })
        .await
    }

    async fn leases(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<LeaseRow>, ServerStoreError> {
        let (pool, page) = (pool.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            seat_rows::lease_page(db, tenant, &pool, &page)
        })
        .await
    }

    async fn tickets(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<TicketRow>, ServerStoreError> {
        let (pool, page) = (pool.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            seat_rows::ticket_page(db, tenant, &pool, &page)
        })
        .await
    }

    async fn seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<SeatPolicy>, ServerStoreError> {
        let pool = pool.clone();
        self.read(tenant, move |db, tenant| {
            seat_rows::policy(db, tenant, &pool)
        })
        .await
    }

    async fn set_seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        policy: SeatPolicy,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let pool = pool.clone();
        self.write(tenant, move |batch, tenant| {
            let former = seat_rows::policy(batch.db, tenant, &pool)?;
            seat_rows::set_policy(batch.db, tenant, &pool, &policy)?;
            licenses::content_changed(batch.db, tenant)?;
            let audit = audit.with_before(Some(json!(former.unwrap_or_default())));
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }
}
