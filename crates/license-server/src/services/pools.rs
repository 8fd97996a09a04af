//! Floating seats, for administrators.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::LicenseId;
use license_core::claims::LeaseMode;
use license_core::session::SessionId;
use license_seats::{EndLease, EndMode, PoolUsage, SeatCommand, SeatReply, Seq};
use serde_json::json;
use tokio::sync::watch;

use super::pool_terms::{CurrentTerms, delta};
use super::seat_tokens::token_mode;
use super::seats::{SeatService, unexpected};
use super::site::Site;
use crate::domain::{
    Actor, Page, PageRequest, PoolId, Refusal, RefusalKind, SeatPolicy, ServerCode,
};
use crate::store::{LeaseRow, TicketRow};

/// A pool in a list.
#[derive(Clone, Debug)]
pub struct PoolStatus {
    /// The pool.
    pub pool: PoolId,
    /// The license that the terms come from.
    pub license: LicenseId,
    /// The product code.
    pub product: String,
    /// The customer.
    pub customer: String,
    /// How many seats are used.
    pub usage: PoolUsage,
    /// Whether the number of seats is unlimited.
    pub is_unlimited: bool,
    /// The settings of the administrator.
    pub policy: SeatPolicy,
    /// The end of the licenses of the pool, with their days of grace.
    pub ends_at: Option<DateTime<Utc>>,
    /// The end of the licenses of the pool without days of grace.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether more seats are held than the license has.
    pub is_over_capacity: bool,
}

impl PoolStatus {
    /// Returns whether a license of the pool is valid. Without one, no session gets a seat.
    pub fn is_in_effect(&self, now: DateTime<Utc>) -> bool {
        self.ends_at.is_none_or(|end| end > now)
    }
}

/// An open lease in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: String,
    /// The digest of the machine.
    pub machine: Option<String>,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// The fencing number.
    pub seq: u64,
    /// How the seat is used.
    pub mode: LeaseMode,
    /// Whether the lease is past its lifetime.
    pub is_late: bool,
    /// Whether the seat was beyond the number of the license.
    pub is_overage: bool,
    /// How long the seat has been held.
    pub granted_ago: TimeDelta,
    /// The time until the lease is late.
    pub expires_in: TimeDelta,
    /// The time until the seat can be granted again.
    pub free_in: TimeDelta,
    /// The number of processes that use the seat.
    pub instances: usize,
    /// The reason of an administrator why the lease cannot be renewed.
    pub soft_end: Option<String>,
}

/// A place in the queue in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketView {
    /// The ticket.
    pub ticket: String,
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: String,
    /// The place in the whole queue, from 1.
    pub position: u64,
    /// How long the session has waited.
    pub waited: TimeDelta,
    /// How long an offered seat stays offered.
    pub offered_for: Option<TimeDelta>,
    /// Whether the session lost its lease a short time ago, and waits before its class.
    pub is_front: bool,
}

/// The result of ending a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndReply {
    /// The time until the seat can be granted again.
    pub free_in: TimeDelta,
    /// For how long the former holder may use a seat that can already be granted again.
    pub overlap: Option<TimeDelta>,
}

/// Shows pools, changes their settings, and ends leases.
#[derive(Clone)]
pub struct PoolService {
    site: Arc<Site>,
    seats: SeatService,
}

impl PoolService {
    pub(super) fn new(site: Arc<Site>, seats: SeatService) -> Self {
        Self { site, seats }
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Returns the pools with a license that has seats.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<PoolStatus>, Refusal> {
        let page = self.site.store.pools(&self.site.tenant, page).await?;
        let mut items = Vec::new();
        for pool in &page.items {
            items.extend(self.found(pool).await?);
            // The searches run on this thread, which serves requests between two pools.
            tokio::task::yield_now().await;
        }
        Ok(Page {
            items,
            next: page.next,
        })
    }

    /// Returns a receiver that is notified of changes of pools, at most once a second.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.site.live.watch()
    }

    /// Returns the pools like [`list`](Self::list), for callers who read the same page again and
    /// again. They share it until a pool changes, and for at most two seconds.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn shared_list(&self, page: &PageRequest) -> Result<Arc<Page<PoolStatus>>, Refusal> {
        self.site.live.page(self, page).await
    }

    /// Returns a pool.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license, and `NOT_FLOATING` if the license has no
    /// seats.
    pub async fn get(&self, pool: &PoolId) -> Result<PoolStatus, Refusal> {
        let current = self.seats.current(pool).await?;
        let policy = self.seats.policy(pool).await?;
        let view = self.site.store.pool(&self.site.tenant, pool).await?;
        let unused = PoolUsage {
            capacity: current.terms.capacity,
            allowed: current.terms.allowed(),
            ..PoolUsage::default()
        };
        let usage = view.map_or(unused, |view| PoolUsage {
            capacity: current.terms.capacity,
            allowed: current.terms.allowed(),
            ..view.usage
        });
        let CurrentTerms {
            license,
            terms,
            ends_at,
            expires_at,
            ..
        } = current;
        Ok(PoolStatus {
            pool: pool.clone(),
            license: license.record.id.clone(),
            product: license.record.product.clone(),
            customer: license.record.customer.clone(),
            usage,
            is_unlimited: terms.capacity == u32::MAX,
            policy,
            ends_at,
            expires_at,
            is_over_capacity: usage.over() > 0,
        })
    }

    /// Returns the open leases of a pool, those held for the longest time first.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license.
    pub async fn leases(
        &self,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<LeaseView>, Refusal> {
        self.seats.current(pool).await?;
        let leases = self
            .site
            .store
            .leases(&self.site.tenant, pool, page)
            .await?;
        Ok(leases.map(lease_view))
    }

    /// Returns the queue of a pool.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license.
    pub async fn queue(
        &self,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<TicketView>, Refusal> {
        self.seats.current(pool).await?;
        let tickets = self
            .site
            .store
            .tickets(&self.site.tenant, pool, page)
            .await?;
        Ok(tickets.map(ticket_view))
    }

    /// Returns the settings of a pool.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license.
    pub async fn policy(&self, pool: &PoolId) -> Result<SeatPolicy, Refusal> {
        self.seats.policy(pool).await
    }

    /// Changes the settings of a pool. They take effect at once.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license, and `BAD_REQUEST` if the policy reserves
    /// more seats than the license has.
    pub async fn set_policy(
        &self,
        actor: &Actor,
        pool: &PoolId,
        policy: SeatPolicy,
    ) -> Result<(), Refusal> {
        let current = self.seats.current(pool).await?;
        check_reservations(&policy, current.terms.capacity)?;
        let audit = self
            .site
            .audit(actor, "pool.policy", pool.as_str(), json!(policy));
        let store = &self.site.store;
        store
            .set_seat_policy(&self.site.tenant, pool, policy, audit)
            .await?;
        self.site.reload().await?;
        self.seats.apply_new_terms(pool).await
    }

    /// Ends the lease of a session.
    ///
    /// # Errors
    ///
    /// Returns `NO_LEASE` if the session holds no seat, and `INVALID_REASON` without a reason.
    pub async fn end(
        &self,
        actor: &Actor,
        pool: &PoolId,
        session: SessionId,
        seq: Option<Seq>,
        mode: EndMode,
        reason: &str,
    ) -> Result<EndReply, Refusal> {
        let current = self.seats.current(pool).await?;
        let command = SeatCommand::End(EndLease {
            session,
            seq,
            mode,
            reason: reason.into(),
        });
        let details = json!({
            "session": session.to_string(),
            "seq": seq,
            "mode": match mode { EndMode::Soft => "soft", EndMode::Hard => "hard" },
            "reason": reason,
        });
        let audit = self.site.audit(actor, "lease.end", pool.as_str(), details);
        let reply = self
            .seats
            .apply_to(pool, &current, command, Some(audit))
            .await?;
        match self.seats.granted(&reply)? {
            SeatReply::Ended {
                free_at,
                overlap_until,
            } => Ok(EndReply {
                free_in: delta(free_at.since(reply.now)),
                overlap: overlap_until.map(|until| delta(until.since(reply.now))),
            }),
            _ => Err(unexpected()),
        }
    }
}

/// Refuses to reserve more seats than the license has.
fn check_reservations(policy: &SeatPolicy, capacity: u32) -> Result<(), Refusal> {
    let seats = policy.reservations.iter().map(|one| u64::from(one.seats));
    let reserved: u64 = seats.sum();
    if reserved <= u64::from(capacity) {
        return Ok(());
    }
    let detail = "the policy reserves more seats than the license has";
    Err(
        Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
            .about("reservations")
            .values(format!("at most {capacity} reserved seats"), reserved)
            .hint("reserve fewer seats, or ask the vendor for more"),
    )
}

pub(super) fn lease_view(row: LeaseRow) -> LeaseView {
    let LeaseRow { lease, now } = row;
    LeaseView {
        session: lease.holder.session,
        user: lease.holder.user.to_string(),
        machine: lease.holder.machine.as_ref().map(ToString::to_string),
        groups: lease
            .holder
            .groups
            .iter()
            .map(|group| group.to_string())
            .collect(),
        seq: lease.seq.0,
        mode: token_mode(&lease),
        is_late: lease.is_late(now),
        is_overage: lease.overage,
        granted_ago: delta(now.since(lease.granted)),
        expires_in: delta(lease.until.since(now)),
        free_in: delta(lease.free_at.since(now)),
        instances: lease.instances.len(),
        soft_end: lease.soft_end.as_deref().map(str::to_owned),
    }
}

fn ticket_view(row: TicketRow) -> TicketView {
    let TicketRow {
        ticket,
        position,
        now,
    } = row;
    TicketView {
        ticket: ticket.id.to_string(),
        session: ticket.holder.session,
        user: ticket.holder.user.to_string(),
        position,
        waited: delta(now.since(ticket.created)),
        offered_for: ticket.offered_until.map(|until| delta(until.since(now))),
        is_front: ticket.front,
    }
}
