//! Collects what happens in the pools, until it is stored.
//!
//! An acquire adds to sums in memory only. The sums are stored every few seconds, and those of
//! several servers are added up in the database.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use license_seats::{DenialReason, PoolTerms, PoolUsage, SeatEventKind, SeatReply};

use super::unserved::Unserved;
use crate::domain::{
    HistoryHour, PoolId, PoolLevel, SeatDemand, SeatHistoryBatch, SeatScope, SeatSums,
};
use crate::log_limit;
use crate::store::PoolReply;

/// The largest number of rows that wait to be stored.
const MAX_ROWS: usize = 20_000;

/// The longest time, in milliseconds, for which an observation of the pools counts. The server
/// observes them each second, and the time of a longer pause is unknown.
const MAX_STEP_MS: u64 = 5_000;

/// Up to this number of seats, the demand is exact. Above it, the number of seats is rounded up by
/// less than a 128th.
const EXACT_LEVELS: u32 = 256;

/// The history since it was stored last.
#[derive(Debug, Default)]
pub(in crate::services) struct SeatCollector(Mutex<Collected>);

#[derive(Debug, Default)]
struct Collected {
    batch: SeatHistoryBatch,
    unserved: Unserved,
    /// The reading of the boot-time clock at the last observation.
    observed_ms: Option<u64>,
}

impl SeatCollector {
    /// Adds the events of a command.
    pub(in crate::services) fn record(
        &self,
        pool: &PoolId,
        terms: &PoolTerms,
        reply: &PoolReply,
        at: DateTime<Utc>,
    ) {
        if reply.outcome.events.is_empty() {
            return;
        }
        let mut collected = self.lock();
        let hour = HistoryHour::of(at);
        let mut command = RecordedCommand {
            pool,
            hour,
            reply,
            sums: SeatSums::default(),
        };
        command.run(&mut collected);
        let RecordedCommand { mut sums, .. } = command;
        if sums == SeatSums::default() {
            return;
        }
        collected.add_sums(SeatScope::All, hour, &sums_of_all(&sums));
        sums.capacity_low = terms.capacity;
        sums.capacity_high = terms.capacity;
        collected.add_sums(SeatScope::Pool(pool.clone()), hour, &sums);
    }

    /// Adds the seats that are held now, for the time since the last observation. The boot-time
    /// clock reads `boot_ms`.
    pub(super) fn observe(&self, levels: &[PoolLevel], boot_ms: u64, at: DateTime<Utc>) {
        let mut collected = self.lock();
        let last = collected.observed_ms.replace(boot_ms);
        let passed = boot_ms.saturating_sub(last.unwrap_or(boot_ms));
        let passed = passed.min(MAX_STEP_MS);
        let hour = HistoryHour::of(at);
        let mut all = SeatSums::default();
        let mut is_any_full = false;
        for level in levels {
            let is_full = level.held.saturating_add(level.offered) >= level.capacity;
            is_any_full |= is_full;
            let sums = SeatSums {
                capacity_low: level.capacity,
                capacity_high: level.capacity,
                held_high: level.held,
                held_ms: u64::from(level.held).saturating_mul(passed),
                full_ms: if is_full { passed } else { 0 },
                queue_high: level.waiting,
                ..SeatSums::default()
            };
            all.held_high = all.held_high.saturating_add(level.held);
            all.held_ms = all.held_ms.saturating_add(sums.held_ms);
            all.queue_high = all.queue_high.saturating_add(level.waiting);
            collected.add_sums(SeatScope::Pool(level.pool.clone()), hour, &sums);
        }
        if !levels.is_empty() {
            all.full_ms = if is_any_full { passed } else { 0 };
            collected.add_sums(SeatScope::All, hour, &all);
        }
    }

    /// Notes that another server observes the pools.
    pub(super) fn stop_observing(&self) {
        self.lock().observed_ms = None;
    }

    /// Takes what was collected.
    pub(super) fn take(&self) -> SeatHistoryBatch {
        std::mem::take(&mut self.lock().batch)
    }

    /// Puts back what could not be stored.
    pub(super) fn put_back(&self, batch: SeatHistoryBatch) {
        let mut collected = self.lock();
        if collected.batch.len().saturating_add(batch.len()) <= MAX_ROWS {
            collected.batch.merge(batch);
        } else {
            warn_of_loss();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collected {
    fn add_sums(&mut self, scope: SeatScope, hour: HistoryHour, sums: &SeatSums) {
        let key = (scope, hour);
        if self.has_room(self.batch.hours.contains_key(&key)) {
            self.batch.hours.entry(key).or_default().add(sums);
        }
    }

    fn add_denial(&mut self, scope: SeatScope, hour: HistoryHour, code: &'static str) {
        let key = (scope, hour, code);
        if self.has_room(self.batch.denials.contains_key(&key)) {
            let count = self.batch.denials.entry(key).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Adds a request that needed `level` seats to be served at once.
    fn add_demand(&mut self, pool: &PoolId, hour: HistoryHour, level: u32, demand: SeatDemand) {
        let key = (pool.clone(), hour.day(), rounded(level));
        if self.has_room(self.batch.demand.contains_key(&key)) {
            self.batch.demand.entry(key).or_default().add(&demand);
        }
    }

    /// Returns whether a row can be added, which a known row always can.
    fn has_room(&self, is_known: bool) -> bool {
        let has_room = is_known || self.batch.len() < MAX_ROWS;
        if !has_room {
            warn_of_loss();
        }
        has_room
    }
}

fn warn_of_loss() {
    if let Some(repeated) = log_limit::pass("seat history") {
        tracing::warn!(
            repeated,
            "a part of the history of seats is lost, because it could not be stored in time"
        );
    }
}

/// A command whose events are added.
struct RecordedCommand<'a> {
    pool: &'a PoolId,
    hour: HistoryHour,
    reply: &'a PoolReply,
    /// The sums of the command.
    sums: SeatSums,
}

impl RecordedCommand<'_> {
    fn run(&mut self, collected: &mut Collected) {
        for event in &self.reply.outcome.events {
            match &event.kind {
                SeatEventKind::Granted {
                    overage, waited, ..
                } => {
                    if let Some(session) = &event.session {
                        collected.unserved.served(self.pool, session);
                    }
                    self.granted(collected, *overage, waited.as_millis());
                }
                SeatEventKind::Queued { .. } => self.queued(collected),
                SeatEventKind::TicketEnded { .. } => self.sums.abandoned += 1,
                SeatEventKind::Denied { code, .. } => {
                    let pool = SeatScope::Pool(self.pool.clone());
                    collected.add_denial(pool, self.hour, code);
                    collected.add_denial(SeatScope::All, self.hour, code);
                    if let Some(session) = &event.session {
                        self.denied(collected, session);
                    }
                }
                SeatEventKind::Ended { held_for, .. } => {
                    collected.unserved.held(self.pool, *held_for);
                }
                _ => {}
            }
        }
    }

    fn granted(&mut self, collected: &mut Collected, is_overage: bool, waited_ms: u64) {
        let usage = match &self.reply.outcome.reply {
            Ok(SeatReply::Seat(grant)) => grant.usage,
            _ => return,
        };
        self.sums.granted = 1;
        self.sums.overage = is_overage.into();
        self.sums.held_high = usage.held;
        if waited_ms > 0 {
            self.sums.waits = 1;
            self.sums.waited_ms = waited_ms;
            self.sums.longest_wait_ms = waited_ms;
            // The request was counted when it started to wait.
            return;
        }
        // A request can take the seat of a late lease.
        let level = usage.held.saturating_add(usage.offered);
        let level = level.saturating_sub(usage.late).max(1);
        let demand = SeatDemand {
            granted: 1,
            ..SeatDemand::default()
        };
        collected.add_demand(self.pool, self.hour, level, demand);
    }

    fn queued(&mut self, collected: &mut Collected) {
        let Ok(SeatReply::Queued(position)) = &self.reply.outcome.reply else {
            return;
        };
        let usage = &position.usage;
        self.sums.queued = 1;
        self.sums.queue_high = usage.waiting;
        let level = in_use(usage).saturating_add(usage.waiting);
        let demand = SeatDemand {
            queued: 1,
            ..SeatDemand::default()
        };
        collected.add_demand(self.pool, self.hour, level, demand);
    }

    /// Adds a denial to the demand, if more seats would have prevented it.
    fn denied(&self, collected: &mut Collected, session: &license_core::session::SessionId) {
        let Err(denial) = &self.reply.outcome.reply else {
            return;
        };
        if !matches!(
            denial.reason,
            DenialReason::NoSeat | DenialReason::QueueFull { .. }
        ) {
            return;
        }
        let place = collected.unserved.place(self.pool, session, self.reply.now);
        let usage = &denial.usage;
        let level = in_use(usage).saturating_add(usage.waiting);
        let demand = SeatDemand {
            denied: 1,
            ..SeatDemand::default()
        };
        let level = level.saturating_add(place);
        collected.add_demand(self.pool, self.hour, level, demand);
    }
}

/// Returns the number of seats of a pool that has none for a request. Seats that are reserved for
/// others are in use too.
fn in_use(usage: &PoolUsage) -> u32 {
    usage.held.saturating_add(usage.offered).max(usage.allowed)
}

/// Returns the sums of a command for all pools together. The highest number of seats of all pools
/// is known from observations only.
fn sums_of_all(sums: &SeatSums) -> SeatSums {
    SeatSums {
        held_high: 0,
        queue_high: 0,
        ..*sums
    }
}

/// Rounds a number of seats up to one of those that are distinguished.
fn rounded(level: u32) -> u32 {
    if level <= EXACT_LEVELS {
        return level;
    }
    let bits = 32_u32.saturating_sub(level.saturating_sub(1).leading_zeros());
    let step = 1_u32.wrapping_shl(bits.saturating_sub(8));
    level.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests;
