//! Floating seats.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::ids::Commitment;
use license_seats::{LeaseTime, OpenLease, TicketId};

use super::ServerStoreError;
use super::pool::{LeaseRow, PoolReply, PoolRequest, PoolView, TicketRow};
use crate::domain::{NewAuditEntry, Page, PageRequest, PoolCapacity, PoolId, SeatPolicy, TenantId};

/// Wakes the callers that wait for a ticket, after another server has offered it a seat or ended
/// it.
/// `None` wakes all callers, because changes may have been missed.
pub type TicketWaker = Arc<dyn Fn(Option<TicketId>) + Send + Sync>;

/// The part of a [`ServerStore`](super::ServerStore) for floating seats.
#[async_trait]
pub trait SeatStore: Send + Sync {
    /// Applies a command to a pool, and stores its changes and events. The audit entry is appended
    /// if the command is not denied.
    async fn apply(
        &self,
        tenant: &TenantId,
        request: PoolRequest,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, ServerStoreError>;

    /// Adds what wakes the callers that wait for a ticket. Other servers of the same database
    /// change tickets too. A store of one server has nothing to do.
    fn on_ticket_change(&self, _waker: TicketWaker) {}

    /// Returns the stored reading of the lease clock.
    async fn lease_clock(&self, tenant: &TenantId) -> Result<LeaseTime, ServerStoreError>;

    /// Returns the pools that have a license.
    async fn pools(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<PoolId>, ServerStoreError>;

    /// Counts the pools with a license in effect at a time, and their seats.
    async fn pool_capacity(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<PoolCapacity, ServerStoreError>;

    /// Returns the pools for which a tick has work to do.
    async fn due_pools(&self, tenant: &TenantId) -> Result<Vec<PoolId>, ServerStoreError>;

    /// Returns a pool with its counts, or `None` if no command was applied to it.
    async fn pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<PoolView>, ServerStoreError>;

    /// Returns the borrowed seat of a pool whose loan has this commitment. Only the server that
    /// lends the seats of the database finds one, in memory.
    async fn loan(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        commitment: Commitment,
    ) -> Result<Option<Arc<OpenLease>>, ServerStoreError>;

    /// Returns the open leases of a pool, in the order of their fencing numbers, which is that of
    /// the grants.
    async fn leases(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<LeaseRow>, ServerStoreError>;

    /// Returns the queue of a pool, in its order.
    async fn tickets(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<TicketRow>, ServerStoreError>;

    /// Returns the settings of an administrator for a pool.
    async fn seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<SeatPolicy>, ServerStoreError>;

    /// Stores the settings of an administrator for a pool.
    async fn set_seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        policy: SeatPolicy,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError>;
}
