//! The pools in memory, which the writer thread owns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::ids::Commitment;
use license_seats::{
    CommandTime, DenialReason, LeaseTime, Loan, OpenLease, Pool, PoolRows, PoolTerms, SeatCommand,
};
use rusqlite::Connection;
use serde_json::Value;

use super::seat_rows;
use crate::domain::{PoolId, PoolLevel, TenantId};
use crate::store::pool::{PoolKey, former_lease};
use crate::store::{PoolReply, PoolRequest, PoolView, ServerStoreError};

/// The pools that the process has used. Each pool equals its rows in the database, including the
/// changes of the open transaction.
#[derive(Default)]
pub(super) struct Pools {
    loaded: HashMap<PoolKey, Pool>,
    /// The pools that the requests of the batch have changed.
    changed_in_batch: HashSet<PoolKey>,
    /// The pools that the current request has changed.
    changed_in_request: Vec<PoolKey>,
    /// Whether the pools with open leases or tickets have been loaded since the start.
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
        self.changed_in_request.push(key.clone());
        let pool = Self::entry(&mut self.loaded, db, &key, Some(&request.terms), now)?;
        let at = CommandTime {
            now,
            license_left: request.license_left,
            hold_until: None,
        };
        let former = former_lease(pool, &request.command);
        let mut events = Vec::new();
        if *pool.terms() != *request.terms {
            seat_rows::write_terms(db, &key.0, &key.1, &request.terms)?;
            let outcome = pool.apply(SeatCommand::SetTerms(request.terms), at);
            seat_rows::write(db, &key.0, &key.1, &outcome.changes, wall)?;
            events = outcome.events;
        }
        let mut outcome = pool.apply(request.command, at);
        seat_rows::write(db, &key.0, &key.1, &outcome.changes, wall)?;
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
        let pool = Self::entry(&mut self.loaded, db, &key, None, now)?;
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
        let pool = Self::entry(&mut self.loaded, db, &key, None, now)?;
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

    /// Loads the pools with open leases or tickets, once.
    fn load_active(&mut self, db: &Connection, now: LeaseTime) -> Result<(), ServerStoreError> {
        if !self.has_active {
            for key in seat_rows::active(db)? {
                Self::entry(&mut self.loaded, db, &key, None, now)?;
            }
            self.has_active = true;
        }
        Ok(())
    }

    /// Forgets the pools of a tenant, whose rows the request deletes.
    pub(super) fn forget_tenant(&mut self, tenant: &TenantId) {
        self.loaded.retain(|key, _| key.0 != *tenant);
    }

    /// Returns a pool from memory, from its rows, or a new one with `terms`.
    fn entry<'a>(
        loaded: &'a mut HashMap<PoolKey, Pool>,
        db: &Connection,
        key: &PoolKey,
        terms: Option<&Arc<PoolTerms>>,
        now: LeaseTime,
    ) -> Result<&'a mut Pool, ServerStoreError> {
        use std::collections::hash_map::Entry;
        match loaded.entry(key.clone()) {
            Entry::Occupied(pool) => Ok(pool.into_mut()),
            Entry::Vacant(vacant) => {
                let pool = match seat_rows::read(db, &key.0, &key.1)? {
                    Some((stored, rows)) => from_rows(stored, rows, now)?,
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
        for key in self.changed_in_request.drain(..) {
            if is_success {
                self.changed_in_batch.insert(key);
            } else {
                self.loaded.remove(&key);
            }
        }
    }

    /// Keeps the changes of a batch that is committed.
    pub(super) fn accept_batch(&mut self) {
        self.changed_in_batch.clear();
    }

    /// Discards the pools of a batch that is not committed. The next command reads their rows.
    pub(super) fn discard_batch(&mut self) {
        let in_request = self.changed_in_request.drain(..);
        for key in self.changed_in_batch.drain().chain(in_request) {
            self.loaded.remove(&key);
        }
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
