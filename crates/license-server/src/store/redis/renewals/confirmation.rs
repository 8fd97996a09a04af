//! The state of a pool after a batch, for the script `confirm`.

use std::collections::BTreeSet;

use license_seats::{LeaseTime, OpenLease, Pool, SeatChange};
use redis::Script;

use super::Held;
use crate::store::redis::seat::{SeatTimes, millis};

/// The state of a pool after a batch.
pub(super) struct Confirmation {
    pub(super) version: String,
    pub(super) now: LeaseTime,
    pub(super) until: LeaseTime,
    pub(super) terms: String,
    pub(super) usage: String,
}

impl Confirmation {
    pub(super) fn call<'a>(
        &self,
        script: &'a Script,
        held: &Held,
        (is_replacing, is_last): (bool, bool),
        deletions: &[String],
        puts: &[LeasePut],
    ) -> redis::ScriptInvocation<'a> {
        let keys = &held.keys;
        let mut call = script.prepare_invoke();
        for key in [
            &keys.meta,
            &keys.until,
            &keys.renewed,
            &keys.seats,
            &keys.leases,
        ] {
            call.key(key);
        }
        call.arg(&held.token)
            .arg(u8::from(is_replacing))
            .arg(u8::from(is_last))
            .arg(&self.version)
            .arg(millis(self.now))
            .arg(millis(self.until))
            .arg(&self.terms)
            .arg(&self.usage)
            .arg(deletions.len());
        for session in deletions {
            call.arg(session);
        }
        for put in puts {
            call.arg(&put.session)
                .arg(&put.times)
                .arg(&put.lease)
                .arg(&put.until);
        }
        call
    }
}

/// The changes of leases that Redis takes over.
#[derive(Default)]
pub(super) struct RedisChanges {
    pub(super) deletions: Vec<String>,
    pub(super) puts: Vec<LeasePut>,
}

/// A lease in the form of Redis.
pub(super) struct LeasePut {
    session: String,
    times: String,
    lease: String,
    /// Empty: a heartbeat of this lease needs PostgreSQL.
    pub(super) until: String,
}

impl RedisChanges {
    pub(super) fn all(pool: &Pool, now: LeaseTime) -> Self {
        let mut changes = Self::default();
        for lease in pool.leases() {
            changes.put(lease, now);
        }
        changes
    }

    pub(super) fn of(pool: &Pool, changes: &[SeatChange], now: LeaseTime) -> Self {
        let sessions = changes.iter().filter_map(|change| match change {
            SeatChange::DeleteLease(session) => Some(*session),
            SeatChange::PutLease(lease) => Some(lease.holder.session),
            _ => None,
        });
        let sessions: BTreeSet<_> = sessions.collect();
        let mut changes = Self::default();
        for session in sessions {
            match pool.lease(&session) {
                Some(lease) => changes.put(lease, now),
                None => changes.deletions.push(session.to_string()),
            }
        }
        changes
    }

    fn put(&mut self, lease: &OpenLease, now: LeaseTime) {
        let session = lease.holder.session.to_string();
        let written = SeatTimes::of(lease).zip(serde_json::to_string(lease).ok());
        let Some((times, json)) = written else {
            // A script cannot calculate with the times. PostgreSQL has all of them, because only
            // PostgreSQL renews the lease.
            self.deletions.push(session);
            return;
        };
        let until = if lease.is_renewable_outside(now) {
            times.until().to_string()
        } else {
            String::new()
        };
        self.puts.push(LeasePut {
            session,
            times: times.to_text(),
            lease: json,
            until,
        });
    }
}
