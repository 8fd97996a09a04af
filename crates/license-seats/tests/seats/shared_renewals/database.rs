//! The model of PostgreSQL. The decisions are those of a real pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use license_seats::{
    Acquire, ClockMargin, CommandTime, LeaseSpan, LeaseTime, OpenLease, Pool, PoolCounters,
    PoolRows, PoolTerms, SeatCommand, SeatRenewal, SeatReply, Seq,
};

use super::LIFETIME;
use crate::lease_clock::{holder, instance, seconds, time};

/// The rest of the margin after the part for the rates of the clocks, in seconds.
pub(super) const MARGIN: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Database {
    pub(super) clock: u8,
    pub(super) lease: ModelLease,
    pub(super) version: u8,
    /// The epoch under which renewals of the pool may be in Redis, or zero.
    pub(super) pool_epoch: u8,
    pub(super) epoch: u8,
    pub(super) is_on: bool,
    pub(super) run_id: u8,
}

/// The lease of the only seat. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ModelLease {
    pub(super) client: u8,
    pub(super) seq: u8,
    pub(super) until: u8,
    /// The first reading at which the seat can be granted again.
    pub(super) free_from: u8,
}

impl Database {
    pub(super) fn new() -> Self {
        Self {
            clock: 0,
            lease: ModelLease {
                client: 0,
                seq: 1,
                until: LIFETIME,
                free_from: LIFETIME + MARGIN,
            },
            version: 1,
            pool_epoch: 1,
            epoch: 1,
            is_on: true,
            run_id: 0,
        }
    }

    /// Returns the epoch, or zero if Redis is off.
    pub(super) fn current_epoch(&self) -> u8 {
        if self.is_on { self.epoch } else { 0 }
    }
}

/// A question to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) lease: ModelLease,
    /// The lease as renewed in Redis.
    pub(super) renewed: Option<ModelLease>,
    /// Whether renewals may be lost.
    pub(super) is_lost: bool,
    pub(super) clock: u8,
    pub(super) client: u8,
}

/// The lease after an acquire, and whether the client has the seat.
pub(super) type Answer = (ModelLease, bool);

/// The answers of the pool.
pub(super) struct Decisions {
    extra: LeaseSpan,
    known: Mutex<HashMap<Question, Answer>>,
}

impl Decisions {
    pub(super) fn new(extra: u8) -> Self {
        Self {
            extra: seconds(extra),
            known: Mutex::default(),
        }
    }

    pub(super) fn of(&self, question: Question) -> Answer {
        let mut known = self.known.lock().unwrap();
        *known
            .entry(question)
            .or_insert_with(|| decide(question, self.extra))
    }
}

/// Asks a pool with one seat.
fn decide(question: Question, extra: LeaseSpan) -> Answer {
    let at = CommandTime::at(time(question.clock));
    let mut pool = pool(question.lease, at.now);
    if let Some(renewed) = question.renewed {
        pool.fold_renewals(&[SeatRenewal {
            session: holder(renewed.client).session,
            seq: Seq(renewed.seq.into()),
            instance: instance(renewed.client, at.now).id,
            until: time(renewed.until),
            free_at: free_at(renewed.free_from),
            instance_free_at: free_at(renewed.free_from),
        }]);
    }
    if question.is_lost {
        let _changes = pool.extend_leases(extra, at);
    }
    let caller = instance(question.client, at.now);
    let acquire = Acquire {
        holder: holder(question.client),
        instance: caller.id,
        commitment: caller.commitment,
        wait: None,
    };
    let reply = pool.apply(SeatCommand::Acquire(acquire), at).reply;
    let lease = pool.leases().next().unwrap();
    let client = (0..2).find(|client| holder(*client).session == lease.holder.session);
    let lease = ModelLease {
        client: client.unwrap(),
        seq: lease.seq.0 as u8,
        until: (lease.until.as_millis() / 1_000) as u8,
        free_from: ((lease.free_at.as_millis() + 1) / 1_000) as u8,
    };
    (lease, matches!(reply, Ok(SeatReply::Seat(_))))
}

fn pool(lease: ModelLease, now: LeaseTime) -> Pool {
    let mut terms = PoolTerms::with_capacity(1);
    terms.lease.lifetime = seconds(LIFETIME);
    terms.lease.margin = ClockMargin {
        fixed: LeaseSpan::from_millis(u64::from(MARGIN) * 1_000 - 1),
        per_mille: 0,
    };
    let free_at = free_at(lease.free_from);
    let row = OpenLease {
        holder: holder(lease.client),
        seq: Seq(lease.seq.into()),
        granted: LeaseTime::START,
        until: time(lease.until),
        free_at,
        overage: false,
        instances: vec![instance(lease.client, free_at)],
        ticket: None,
        loan: None,
        soft_end: None,
    };
    let rows = PoolRows {
        counters: PoolCounters {
            next_seq: Seq(u64::from(lease.seq) + 1),
            held: 1,
            ..PoolCounters::new(1)
        },
        leases: vec![Arc::new(row)],
        ended: Vec::new(),
        tickets: Vec::new(),
    };
    Pool::from_rows(terms, rows, now).unwrap()
}

/// Returns the last reading at which the seat cannot be granted again.
fn free_at(free_from: u8) -> LeaseTime {
    LeaseTime::from_millis(time(free_from).as_millis() - 1)
}
