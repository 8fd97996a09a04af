//! Commands for pools, and views of their rows.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_seats::{
    LeaseSpan, LeaseTime, OpenLease, Pool, PoolTerms, PoolUsage, SeatCommand, SeatOutcome, Ticket,
};
use serde_json::{Value, json};

use crate::domain::{Page, PageRequest, PoolId, TenantId};

/// The identity of a pool.
pub(super) type PoolKey = (TenantId, PoolId);

/// A command for a pool.
#[derive(Clone, Debug)]
pub struct PoolRequest {
    /// The pool.
    pub pool: PoolId,
    /// The terms at the time of the command. If they differ from those of the pool, the pool gets
    /// the new terms first.
    pub terms: Arc<PoolTerms>,
    /// How long the license lasts. `None` means a license without an end.
    pub license_left: Option<LeaseSpan>,
    /// The command.
    pub command: SeatCommand,
}

/// The reply of a pool.
#[derive(Clone, Debug)]
pub struct PoolReply {
    /// The outcome, whose changes are on the disk.
    pub outcome: SeatOutcome,
    /// The reading of the lease clock at which the command was processed.
    pub now: LeaseTime,
    /// When the lease of the command ended, if the command was denied because of that. The lease
    /// clock stands still while the server is down, so only the store knows this time.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A pool with its counts.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// The terms.
    pub terms: Arc<PoolTerms>,
    /// How many seats are used.
    pub usage: PoolUsage,
    /// The reading of the lease clock.
    pub now: LeaseTime,
}

/// An open lease in a list.
#[derive(Clone, Debug)]
pub struct LeaseRow {
    /// The lease.
    pub lease: Arc<OpenLease>,
    /// The reading of the lease clock.
    pub now: LeaseTime,
}

/// A place in the queue in a list.
#[derive(Clone, Debug)]
pub struct TicketRow {
    /// The ticket.
    pub ticket: Arc<Ticket>,
    /// The place in the whole queue, from 1.
    pub position: u64,
    /// The reading of the lease clock.
    pub now: LeaseTime,
}

impl TicketRow {
    /// Returns a page of a whole queue. The length of a queue is bounded, so it is sorted here.
    pub(super) fn page(
        mut tickets: Vec<Arc<Ticket>>,
        now: LeaseTime,
        page: &PageRequest,
    ) -> Page<Self> {
        tickets.sort_by_key(|ticket| (!ticket.front, ticket.number));
        let rows = (1u64..).zip(tickets).map(|(position, ticket)| Self {
            ticket,
            position,
            now,
        });
        let is_after = |row: &Self| page.after.is_none() || row.key().as_str() > page.after_key();
        let rows = rows.filter(is_after);
        let rows = rows.take(page.limit().saturating_add(1)).collect();
        Page::from_excess(rows, page.limit(), Self::key)
    }

    /// Returns the position of the ticket in the order of the queue.
    fn key(&self) -> String {
        let class = u8::from(!self.ticket.front);
        format!("{class}-{:020}", self.ticket.number)
    }
}

/// Returns the state of the lease that an administrator ends, for the audit trail.
pub(super) fn former_lease(pool: &Pool, command: &SeatCommand) -> Option<Value> {
    let SeatCommand::End(end) = command else {
        return None;
    };
    let lease = pool.lease(&end.session)?;
    let holder = &lease.holder;
    Some(json!({
        "session": holder.session.to_string(),
        "user": holder.user,
        "machine": holder.machine.as_ref().map(ToString::to_string),
        "seq": lease.seq,
        "is_borrowed": lease.is_borrowed(),
        "is_overage": lease.overage,
        "soft_end": lease.soft_end,
    }))
}
