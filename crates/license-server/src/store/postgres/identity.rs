//! The identity of the database, which shows that it was restored or failed over.
//!
//! A database that is restored from a backup, or a standby that was promoted, can lack the last
//! grants and renewals. Its fencing numbers would repeat, and its seats would be granted again
//! while their holders still use them. Two signs show it to the first node that connects: the
//! database is another one than before, or its lease clock is behind a reading that the node has
//! seen. The node then raises the first fencing number, which each pool takes over in its next
//! batch, and which makes it extend its leases by a lifetime. New seats are granted after a
//! lifetime.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::ClientWrapper;
use license_seats::LeaseTime;
use serde_json::json;
use tokio_postgres::Row;

use super::lease_clock::Reading;
use super::queries::query;
use super::transaction::Transaction;
use super::values::number;
use super::{audit, schema};
use crate::clock::ServerClock;
use crate::domain::{Actor, NewAuditEntry};
use crate::store::ServerStoreError;

/// The largest fencing number that a restore gives. JSON numbers are exact below 2^53, and the rest
/// remains for leases.
const MAX_FIRST_SEQ: i64 = (1 << 53) - (1 << 40);

/// The latest reading of the lease clock that a process has seen, and the first fencing number at
/// that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenReading {
    first_seq: u64,
    now: LeaseTime,
}

/// Compares the database with what the process knows of it.
pub(super) struct Identity {
    seen: Mutex<SeenReading>,
    clock: Arc<dyn ServerClock>,
}

/// The identity of the database, and the one that it had before.
struct FoundIdentity {
    stored: Option<String>,
    actual: String,
    reading: SeenReading,
}

impl Identity {
    pub(super) fn new(clock: Arc<dyn ServerClock>) -> Self {
        Self {
            seen: Mutex::default(),
            clock,
        }
    }

    /// Returns the latest reading, before another one is requested.
    pub(super) fn seen(&self) -> SeenReading {
        *self.lock()
    }

    /// Records a reading that was requested after `seen`. Readings that were requested at the same
    /// time can arrive in any order.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Restored`] if the database is older than `seen`.
    pub(super) fn record(
        &self,
        seen: &SeenReading,
        reading: &Reading,
    ) -> Result<(), ServerStoreError> {
        let found = SeenReading {
            first_seq: reading.first_seq,
            now: reading.now,
        };
        if found < *seen {
            return Err(ServerStoreError::Restored);
        }
        let mut latest = self.lock();
        *latest = found.max(*latest);
        Ok(())
    }

    /// Returns whether the database of a new connection is the one that the process knows.
    pub(super) async fn is_known(&self, client: &ClientWrapper) -> Result<bool, ServerStoreError> {
        let seen = self.seen();
        let statement = client.prepare_cached(query!("identity_read")).await?;
        let found = FoundIdentity::read(&client.query_one(&statement, &[]).await?)?;
        Ok(found.is_known(&seen))
    }

    /// Records the identity of a new database. If the database was restored, its fencing numbers
    /// are raised, its leases are extended, and no new seats are granted for a lifetime. Several
    /// nodes can call this at the same time.
    pub(super) async fn adopt(&self, db: &Transaction) -> Result<(), ServerStoreError> {
        let seen = self.seen();
        schema::lock(db).await?;
        let found = FoundIdentity::read(&db.query_one(query!("identity_read"), &[]).await?)?;
        if found.is_known(&seen) {
            return Ok(());
        }
        if found.stored.is_some() {
            self.restored(db, &seen, &found).await?;
        }
        db.execute(query!("identity_put"), &[&found.actual]).await?;
        Ok(())
    }

    async fn restored(
        &self,
        db: &Transaction,
        seen: &SeenReading,
        found: &FoundIdentity,
    ) -> Result<(), ServerStoreError> {
        let wall = self.clock.wall();
        let known = i64::try_from(seen.first_seq).unwrap_or(i64::MAX);
        let at_least = wall.timestamp_micros().max(known.saturating_add(1));
        let row = db
            .query_one(query!("fencing_raise"), &[&at_least, &MAX_FIRST_SEQ])
            .await?;
        let first_seq: i64 = row.try_get(0)?;
        let row = db.query_one(query!("clock_restored"), &[]).await?;
        let now: i64 = row.try_get(0)?;
        db.execute(query!("redis_restored"), &[&first_seq]).await?;
        let details = json!({
            "first_seq": first_seq,
            "lease_clock_ms": now,
            "before": found.stored,
            "now": found.actual,
        });
        let entry = NewAuditEntry {
            actor: Actor::Console,
            action: "database.restore",
            subject: "database".to_owned(),
            before: None,
            details,
            at: wall,
        };
        audit::append(db, &entry).await?;
        tracing::warn!(
            first_seq,
            "the database was restored or failed over; new seats are granted after a lifetime"
        );
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, SeenReading> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FoundIdentity {
    fn read(row: &Row) -> Result<Self, ServerStoreError> {
        let now = number("lease_clock", row.try_get(2)?)?;
        Ok(Self {
            stored: row.try_get(0)?,
            actual: row.try_get(1)?,
            reading: SeenReading {
                first_seq: number("fencing", row.try_get(3)?)?,
                now: LeaseTime::from_millis(now),
            },
        })
    }

    fn is_known(&self, seen: &SeenReading) -> bool {
        self.stored.as_ref() == Some(&self.actual) && self.reading >= *seen
    }
}
