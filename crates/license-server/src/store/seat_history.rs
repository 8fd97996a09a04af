//! The history of floating seats.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::ServerStoreError;
use super::values::{bad_row, number};
use crate::domain::{
    HistoryDay, HistoryHour, PoolId, PoolLevel, SeatDemand, SeatHistoryBatch, SeatScope, SeatSums,
    StoredSeatHistory, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for the history of floating seats.
#[async_trait]
pub trait SeatHistoryStore: Send + Sync {
    /// Returns whether this server observes the pools of the database. Of several servers, only one
    /// does.
    fn observes_pools(&self) -> bool {
        true
    }

    /// Returns the pools that have open leases or tickets, by id.
    async fn pool_levels(&self, tenant: &TenantId) -> Result<Vec<PoolLevel>, ServerStoreError>;

    /// Adds to the history. The numbers are added to those that other servers have stored.
    async fn add_seat_history(
        &self,
        tenant: &TenantId,
        batch: SeatHistoryBatch,
    ) -> Result<(), ServerStoreError>;

    /// Returns the hours from `from` until before `until` in which something happened.
    async fn seat_history(
        &self,
        tenant: &TenantId,
        scope: &SeatScope,
        from: HistoryHour,
        until: HistoryHour,
    ) -> Result<StoredSeatHistory, ServerStoreError>;

    /// Returns the requests of the days from `from` until before `until`, by the number of seats
    /// that they needed.
    async fn seat_demand(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        from: HistoryDay,
        until: HistoryDay,
    ) -> Result<BTreeMap<u32, SeatDemand>, ServerStoreError>;

    /// Deletes days before `before`, and the oldest rows of each table beyond `keep`. Deletes a
    /// part only, so that other requests do not wait for long. Returns the number of deleted rows.
    async fn forget_seat_history(
        &self,
        tenant: &TenantId,
        before: HistoryDay,
        keep: u32,
    ) -> Result<usize, ServerStoreError>;
}

/// Reads the sums of an hour from their columns, in the order of the query `seat_hours_range`.
/// `column` returns the value of a column.
pub(super) fn read_sums(
    column: impl Fn(usize) -> Result<i64, ServerStoreError>,
) -> Result<SeatSums, ServerStoreError> {
    let table = "seat_hours";
    let sum = |index: usize| number(table, column(index)?);
    let seats = |index: usize| -> Result<u32, ServerStoreError> {
        let seats = column(index)?;
        u32::try_from(seats).map_err(|_| bad_row(table, seats))
    };
    Ok(SeatSums {
        capacity_low: seats(1)?,
        capacity_high: seats(2)?,
        held_high: seats(3)?,
        held_ms: sum(4)?,
        full_ms: sum(5)?,
        granted: sum(6)?,
        overage: sum(7)?,
        queued: sum(8)?,
        waits: sum(9)?,
        waited_ms: sum(10)?,
        longest_wait_ms: sum(11)?,
        abandoned: sum(12)?,
        queue_high: seats(13)?,
    })
}
