//! The pools in memory, which the writer thread owns.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::ids::Commitment;
use license_seats::{
    CommandTime, DenialReason, LeaseTime, Loan, OpenLease, Pool, PoolCounters, PoolRows, PoolTerms,
    SeatCommand,
};
use rusqlite::Connection;
use serde_json::Value;

use super::seat_rows;
use crate::domain::{PoolId, PoolLevel, TenantId};
use crate::log_limit;
use crate::store::pool::{PoolKey, former_lease};
use crate::store::{PoolReply, PoolRequest, PoolView, ServerStoreError};

/// The pools that the process has used. Each pool equals its rows in the database, including the
/// changes of the open transaction.
#[derive(Default)]
pub(super) struct Pools {
    loaded: HashMap<PoolKey, Pool>,
    /// The pools that the requests of the batch have changed, with their counters. The rows of the
    /// counters are written at the end of the batch, because each request changes them.
    changed_in_batch: HashMap<PoolKey, Option<PoolCounters>>,
    /// The pools that the current request has changed, with their counters.
    changed_in_request: Vec<(PoolKey, Option<PoolCounters>)>,
    /// The tenants whose rows the current request deletes.
    deleted_in_request: Vec<TenantId>,
    /// Whether the counters are written with each request.
    is_careful: bool,
    /// Whether all pools with open leases or tickets are loaded.
    has_active: bool,
}

impl Pools {
    /// Applies a command, and writes the changed rows. Also returns the former state of a lease
    /// that an administrator ends.
    pub(super) fn apply(
        &mut self,
        db: &Connection,
        tenant: &TenantId,
        request: PoolRequest,
        now: LeaseTime,
        wall: DateTime<Utc>,
    ) -> Result<(PoolReply, Option<Value>), ServerStoreError> {
        let key = (tenant.clone(), request.pool);
        // A request that fails after this line discards the pool.
        self.changed_in_request.push((key.clone(), None));
        let pool = self.entry(db, &key, Some(&request.terms), now)?;
        let at = CommandTime {
            now,
            license_left: request.license_left,
            hold_until: None,
        };
        let former = former_lease(pool, &request.command);
        let (mut events, mut counters) = (Vec::new(), None);
        if *pool.terms() != *request.terms {
            seat_rows::write_terms(db, &key.0, &key.1, &request.terms)?;
            let outcome = pool.apply(SeatCommand::SetTerms(request.terms), at);
            counters = seat_rows::write(db, &key.0, &key.1, &outcome.changes, wall)?;
            events = outcome.events;
        }
        let mut outcome = pool.apply(request.command, at);
        let written = seat_rows::write(db, &key.0, &key.1, &outcome.changes, wall)?;
        counters = written.or(counters);
        if let Some(counters) = counters.as_ref().filter(|_| self.is_careful) {
            seat_rows::write_counters(db, &key.0, &key.1, counters)?;
        }
        outcome.events.splice(0..0, events);
        let ended_at = match &outcome.reply {
            Err(denial) => match &denial.reason {
                DenialReason::LeaseLost(Some(ended)) => {
                    seat_rows::ended_at(db, &key.0, &key.1, &ended.session)?
                }
                _ => None,
            },
            Ok(_) => None,
        };
        self.changed_in_request.push((key, counters));
        let reply = PoolReply {
            outcome,
            now,
            ended_at,
        };
        Ok((reply, former))
    }

    /// Returns a pool with its counts, or `None` if the pool has no rows.
    pub(super) fn view(
        &mut self,
        db: &Connection,
        tenant: &TenantId,
        pool: &PoolId,
        now: LeaseTime,
    ) -> Result<Option<PoolView>, ServerStoreError> {
        let key = (tenant.clone(), pool.clone());
        if !self.loaded.contains_key(&key) && !seat_rows::exists(db, tenant, pool)? {
            return Ok(None);
        }
        let pool = self.entry(db, &key, None, now)?;
        Ok(Some(view_of(pool, now)))
    }

    /// Returns the borrowed seat of a pool whose loan has this commitment.
    pub(super) fn loan(
        &mut self,
        db: &Connection,
        tenant: &TenantId,
        pool: &PoolId,
        commitment: Commitment,
        now: LeaseTime,
    ) -> Result<Option<Arc<OpenLease>>, ServerStoreError> {
        let key = (tenant.clone(), pool.clone());
        if !self.loaded.contains_key(&key) && !seat_rows::exists(db, tenant, pool)? {
            return Ok(None);
        }
        let pool = self.entry(db, &key, None, now)?;
        let is_wanted = |loan: &Loan| loan.commitment == commitment;
        let mut leases = pool.leases();
        Ok(leases
            .find(|lease| lease.loan.as_deref().is_some_and(is_wanted))
            .cloned())
    }

    /// Returns the pools of a tenant for which a tick has work to do.
    pub(super) fn due(
        &mut self,
        db: &Connection,
        tenant: &TenantId,
        now: LeaseTime,
    ) -> Result<Vec<PoolId>, ServerStoreError> {
        self.load_active(db, now)?;
        // A pool without a deadline has neither leases nor tickets, and its rows suffice.
        self.loaded.retain(|_, pool| pool.next_deadline().is_some());
        let is_due = |pool: &Pool| pool.next_deadline().is_some_and(|deadline| deadline <= now);
        let due = self.loaded.iter().filter(|(_, pool)| is_due(pool));
        let of_tenant = due.filter(|(key, _)| key.0 == *tenant);
        Ok(of_tenant.map(|(key, _)| key.1.clone()).collect())
    }

    /// Returns the pools of a tenant that have open leases or tickets, by id.
    pub(super) fn levels(
        &mut self,
        db: &Connection,
        tenant: &TenantId,
        now: LeaseTime,
    ) -> Result<Vec<PoolLevel>, ServerStoreError> {
        self.load_active(db, now)?;
        let of_tenant = self.loaded.iter().filter(|(key, _)| key.0 == *tenant);
        let levels = of_tenant.map(|(key, pool)| {
            let usage = pool.usage();
            PoolLevel {
                pool: key.1.clone(),
                capacity: usage.capacity,
                ceiling: pool.counters().ceiling,
                held: usage.held,
                offered: usage.offered,
                waiting: usage.waiting,
                next_seq: pool.counters().next_seq.0,
            }
        });
        let is_used = |level: &PoolLevel| level.held > 0 || level.offered > 0 || level.waiting > 0;
        let mut levels: Vec<_> = levels.filter(is_used).collect();
        levels.sort_unstable_by(|one, other| one.pool.cmp(&other.pool));
        Ok(levels)
    }

    /// Loads the pools with open leases or tickets, if they have not been loaded since a pool was
    /// discarded.
    fn load_active(&mut self, db: &Connection, now: LeaseTime) -> Result<(), ServerStoreError> {
        if !self.has_active {
            self.write_counters(db)?;
            for key in seat_rows::active(db)? {
                match self.entry(db, &key, None, now).map(drop) {
                    // The other pools are loaded nevertheless.
                    Err(ServerStoreError::BadRow { table, found }) => {
                        if let Some(repeated) = log_limit::pass("damaged pool") {
                            let pool = key.1.as_str();
                            tracing::error!(
                                pool,
                                table,
                                found,
                                repeated,
                                "the rows of a pool are damaged"
                            );
                        }
                    }
                    loaded => loaded?,
                }
            }
            self.has_active = true;
        }
        Ok(())
    }

    /// Forgets the pools of a tenant, whose rows the request deletes, if the request succeeds.
    pub(super) fn forget_tenant(&mut self, tenant: &TenantId) {
        self.deleted_in_request.push(tenant.clone());
    }

    /// Sets whether counters are written with each request, so that a request whose counters the
    /// database refuses fails alone.
    pub(super) const fn set_careful(&mut self, is_careful: bool) {
        self.is_careful = is_careful;
    }

    /// Writes the counters of the pools that the batch has changed.
    pub(super) fn write_counters(&self, db: &Connection) -> Result<(), ServerStoreError> {
        let changed = self.changed_in_batch.iter();
        let changed = changed.filter_map(|(key, counters)| Some((key, counters.as_ref()?)));
        for ((tenant, pool), counters) in changed {
            seat_rows::write_counters(db, tenant, pool, counters)?;
        }
        Ok(())
    }

    /// Returns a pool from memory, from its rows, or a new one with `terms`.
    fn entry(
        &mut self,
        db: &Connection,
        key: &PoolKey,
        terms: Option<&Arc<PoolTerms>>,
        now: LeaseTime,
    ) -> Result<&mut Pool, ServerStoreError> {
        use std::collections::hash_map::Entry;
        match self.loaded.entry(key.clone()) {
            Entry::Occupied(pool) => Ok(pool.into_mut()),
            Entry::Vacant(vacant) => {
                let pool = match seat_rows::read(db, &key.0, &key.1)? {
                    Some((stored, mut rows)) => {
                        // A request that failed discarded the pool. Requests before it in the
                        // batch have changed the counters.
                        if let Some(Some(counters)) = self.changed_in_batch.get(key) {
                            rows.counters = *counters;
                        }
                        from_rows(stored, rows, now)?
                    }
                    None => {
                        let terms = terms.map_or_else(
                            || PoolTerms::with_capacity(0),
                            |terms| PoolTerms::clone(terms),
                        );
                        let rows = PoolRows {
                            counters: seat_rows::new_counters(db, terms.allowed())?,
                            leases: Vec::new(),
                            ended: Vec::new(),
                            tickets: Vec::new(),
                        };
                        let pool = from_rows(terms, rows, now)?;
                        seat_rows::create(db, &key.0, &key.1, pool.terms(), pool.counters())?;
                        pool
                    }
                };
                Ok(vacant.insert(pool))
            }
        }
    }

    /// Ends a request. If it failed, its changes are not in the database.
    pub(super) fn end_request(&mut self, is_success: bool) {
        let deleted = std::mem::take(&mut self.deleted_in_request);
        for (key, counters) in std::mem::take(&mut self.changed_in_request) {
            if is_success {
                let stored = self.changed_in_batch.entry(key).or_default();
                *stored = counters.or(*stored);
            } else {
                self.discard(&key);
            }
        }
        if is_success && !deleted.is_empty() {
            let remains = |key: &PoolKey| !deleted.contains(&key.0);
            self.loaded.retain(|key, _| remains(key));
            self.changed_in_batch.retain(|key, _| remains(key));
            // The deletion may not be committed. The next tick then reads the pools again.
            self.has_active = false;
        }
    }

    /// Keeps the changes of a batch that is committed.
    pub(super) fn accept_batch(&mut self) {
        self.changed_in_batch.clear();
    }

    /// Discards the pools of a batch that is not committed. The next command reads their rows.
    pub(super) fn discard_batch(&mut self) {
        self.deleted_in_request.clear();
        let in_request = std::mem::take(&mut self.changed_in_request);
        let in_batch = std::mem::take(&mut self.changed_in_batch);
        for (key, _) in in_batch.into_iter().chain(in_request) {
            self.discard(&key);
        }
    }

    /// Discards a pool whose changes are not in the database. Its leases have deadlines, so the next
    /// tick reads it again.
    fn discard(&mut self, key: &PoolKey) {
        self.loaded.remove(key);
        self.has_active = false;
    }
}

/// Returns a pool that another process owns, as of its last stored change.
pub(super) fn stored_view(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
) -> Result<Option<PoolView>, ServerStoreError> {
    let now = seat_rows::stored_clock(db)?;
    let Some((terms, rows)) = seat_rows::read(db, tenant, pool)? else {
        return Ok(None);
    };
    let pool = from_rows(terms, rows, now)?;
    Ok(Some(view_of(&pool, now)))
}

fn view_of(pool: &Pool, now: LeaseTime) -> PoolView {
    PoolView {
        terms: Arc::new(pool.terms().clone()),
        usage: pool.usage(),
        now,
    }
}

/// Rebuilds a pool from its rows.
fn from_rows(terms: PoolTerms, rows: PoolRows, now: LeaseTime) -> Result<Pool, ServerStoreError> {
    Pool::from_rows(terms, rows, now).map_err(|error| ServerStoreError::BadRow {
        table: "leases",
        found: error.to_string(),
    })
}
