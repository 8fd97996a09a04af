//! Renewals of leases outside the database: see ADR-107.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use license_core::with_causes;
use license_seats::{CommandTime, OpenLease, Pool, SeatChange, SeatRenewal};

use super::database::Database;
use super::lease_clock::{Reading, SentReading};
use super::queries::query;
use super::seat_rows::PoolRow;
use super::transaction::Transaction;
use super::values::{column, millis, number};
use crate::clock::ServerClock;
use crate::domain::{PoolId, TenantId};
use crate::log_limit;
use crate::store::pool::PoolKey;
use crate::store::redis::{
    self, EpochReading, FoldCursor, HeartbeatAnswer, PoolEpoch, RedisConfig, RedisEpoch,
    RedisStoreError, RedisTokens, Reservation,
};
use crate::store::{PoolReply, PoolRequest, ServerStoreError};

/// How long all nodes must have been connected to the same Redis before it is turned on, in
/// milliseconds.
const AGREED_MS: u64 = 10_000;

/// A node that has not reported for this lease time takes no part in the decision, in milliseconds.
/// It uses Redis for at most a second after its last reading.
const SEEN_MS: i64 = 5_000;

/// How long a generation of shared tokens lasts, in milliseconds.
const ROTATION_MS: u64 = 60_000;

/// A component that answers heartbeats without a transaction. Without one, each heartbeat is a
/// command of its pool like any other.
pub(super) enum Renewals {
    /// All renewals of this node are in the database.
    Off,
    /// Redis answers heartbeats while it is turned on.
    Redis(Box<RedisRenewals>),
}

pub(super) struct RedisRenewals {
    renewals: redis::LeaseRenewals,
    tokens: RedisTokens,
    database: Database,
    clock: Arc<dyn ServerClock>,
    /// The epoch in which a reservation has failed, or 0.
    failed: AtomicI64,
    /// The Redis that all nodes are connected to, and the boot time since which they are.
    agreed: Mutex<Option<(Arc<str>, u64)>>,
    rotated_ms: AtomicU64,
}

/// A batch whose changes are stored.
pub(super) struct StoredBatch<'a> {
    /// The version of the pool after the batch.
    pub(super) version: i64,
    /// The pool after the batch.
    pub(super) pool: &'a Pool,
    /// The changes of the batch.
    pub(super) changes: &'a [SeatChange],
    /// The time of the last command.
    pub(super) at: CommandTime,
}

impl Renewals {
    /// Connects to Redis, if this node has one.
    pub(super) async fn open(
        config: Option<&RedisConfig>,
        database: Database,
        clock: Arc<dyn ServerClock>,
    ) -> Result<Self, ServerStoreError> {
        let Some(config) = config else {
            return Ok(Self::Off);
        };
        let opened = redis::open(config, Arc::clone(&clock)).await;
        let (renewals, tokens) = opened.map_err(ServerStoreError::Redis)?;
        Ok(Self::Redis(Box::new(RedisRenewals {
            renewals,
            tokens,
            database,
            clock,
            failed: AtomicI64::new(0),
            agreed: Mutex::new(None),
            rotated_ms: AtomicU64::new(0),
        })))
    }

    /// Returns whether this node has no Redis.
    pub(super) const fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// Returns the validation tokens that the nodes share.
    pub(super) const fn tokens(&self) -> Option<&RedisTokens> {
        match self {
            Self::Off => None,
            Self::Redis(redis) => Some(&redis.tokens),
        }
    }

    /// Returns the identity of the Redis that this node is connected to.
    pub(super) fn server(&self) -> Option<Arc<str>> {
        match self {
            Self::Off => None,
            Self::Redis(redis) => redis.renewals.server().ok(),
        }
    }

    /// Permits answers for a second after a reading of the lease clock.
    pub(super) fn permit(&self, latest: &SentReading) {
        if let Self::Redis(redis) = self {
            redis.renewals.permit(EpochReading {
                now: latest.reading.now,
                epoch: epoch_of(&latest.reading),
                sent_boot_ms: latest.sent_ms,
            });
        }
    }

    /// Answers a heartbeat that has no other effect than a renewal. `None` means that the command
    /// must go through its pool.
    pub(super) async fn answer(
        &self,
        key: &PoolKey,
        request: &PoolRequest,
    ) -> Result<Option<PoolReply>, ServerStoreError> {
        let Self::Redis(redis) = self else {
            return Ok(None);
        };
        match redis.renewals.heartbeat(&key.0, request).await {
            HeartbeatAnswer::Renewed(reply) => Ok(Some(*reply)),
            HeartbeatAnswer::Missed => Ok(None),
            HeartbeatAnswer::Failed(epoch, error) => {
                redis.turn_off(column(epoch), &error).await?;
                Ok(None)
            }
        }
    }

    /// Stops the answers for a pool until [`confirm`](Self::confirm), and returns the renewals that
    /// the pool in memory does not have. The row of the pool is locked.
    pub(super) async fn reserve(
        &self,
        key: &PoolKey,
        row: &PoolRow,
        reading: &Reading,
        cursor: &mut FoldCursor,
    ) -> Result<Reservation, ServerStoreError> {
        match self {
            Self::Redis(redis) => redis.reserve(key, row, reading, cursor).await,
            // Other nodes may answer heartbeats of the pool at this moment. The next step of the
            // lease clock turns Redis off.
            Self::Off if reading.redis_epoch != 0 => Err(ServerStoreError::Setting {
                expected: "--redis, because other servers of the database use Redis".to_owned(),
                found: "none".to_owned(),
                hint: "start all servers of a database with the same Redis",
            }),
            // Renewals of an epoch that has ended can be lost.
            Self::Off => Ok(Reservation::none(row.redis_epoch != 0)),
        }
    }

    /// Permits answers for a pool again, after its changes are stored.
    pub(super) async fn confirm(
        &self,
        reservation: Reservation,
        batch: StoredBatch<'_>,
        cursor: &mut FoldCursor,
    ) {
        let Self::Redis(redis) = self else { return };
        let Ok(version) = number("pools", batch.version) else {
            return;
        };
        let confirmed = redis.renewals.confirm(
            reservation,
            batch.pool,
            batch.changes,
            version,
            batch.at,
            cursor,
        );
        // The pool stays reserved, so its heartbeats are commands until the next batch.
        if let Err(error) = confirmed.await
            && let Some(repeated) = log_limit::pass("redis confirm")
        {
            let error = with_causes(&error);
            tracing::warn!(%error, repeated, "Redis does not know the last changes of a pool");
        }
    }

    /// Returns the renewals of leases that the database may lack, as far as Redis answers.
    pub(super) async fn current(
        &self,
        key: &PoolKey,
        leases: &[Arc<OpenLease>],
    ) -> Vec<SeatRenewal> {
        match self {
            Self::Off => Vec::new(),
            Self::Redis(redis) => redis.renewals.current(&key.0, &key.1, leases).await,
        }
    }

    /// Deletes the keys of the pools of a tenant that was deleted. Redis answers heartbeats from
    /// them otherwise, and keeps them forever.
    pub(super) async fn forget(&self, tenant: &TenantId, pools: &[PoolId]) {
        let Self::Redis(redis) = self else { return };
        if let Err(error) = redis.renewals.forget(tenant, pools).await
            && let Some(repeated) = log_limit::pass("redis forget")
        {
            let error = with_causes(&error);
            tracing::warn!(%error, repeated, "Redis keeps the seats of a deleted organization");
        }
    }

    /// Turns Redis off if a reservation has failed.
    pub(super) async fn turn_off_failed(
        &self,
        error: &RedisStoreError,
    ) -> Result<(), ServerStoreError> {
        let Self::Redis(redis) = self else {
            return Ok(());
        };
        match redis.failed.swap(0, Ordering::SeqCst) {
            0 => Ok(()),
            epoch => redis.turn_off(epoch, error).await,
        }
    }

    /// Turns Redis on after all nodes have been connected to the same Redis for a while, and
    /// forgets old tokens. Only the owner of the lease clock calls this.
    pub(super) async fn maintain(
        &self,
        db: &Transaction,
        reading: &Reading,
        boot_ms: u64,
    ) -> Result<(), ServerStoreError> {
        let Self::Redis(redis) = self else {
            return Ok(());
        };
        if boot_ms.saturating_sub(redis.rotated_ms.load(Ordering::Relaxed)) >= ROTATION_MS {
            redis.rotated_ms.store(boot_ms, Ordering::Relaxed);
            redis.tokens.rotate().await;
        }
        let server = redis.renewals.server().ok();
        let Some(server) = server.filter(|_| reading.redis_epoch == 0) else {
            redis.agree(None, boot_ms);
            return Ok(());
        };
        let disagreeing = db
            .query_one(query!("redis_disagreeing"), &[&&*server, &SEEN_MS])
            .await?;
        let disagreeing: i64 = disagreeing.try_get(0)?;
        let is_agreed = disagreeing == 0;
        let since = redis.agree(is_agreed.then(|| Arc::clone(&server)), boot_ms);
        if since.is_some_and(|since| boot_ms.saturating_sub(since) >= AGREED_MS) {
            let wall = millis(redis.clock.wall());
            db.execute(query!("redis_on"), &[&&*server, &wall]).await?;
            tracing::info!("Redis answers heartbeats");
        }
        Ok(())
    }
}

impl RedisRenewals {
    async fn reserve(
        &self,
        key: &PoolKey,
        row: &PoolRow,
        reading: &Reading,
        cursor: &mut FoldCursor,
    ) -> Result<Reservation, ServerStoreError> {
        let stored = PoolEpoch {
            number: number("pools", row.redis_epoch)?,
            version: number("pools", row.version)?,
        };
        let current = epoch_of(reading);
        let reserved = self
            .renewals
            .reserve(&key.0, &key.1, stored, &current, cursor);
        reserved.await.map_err(|error| {
            self.failed.store(reading.redis_epoch, Ordering::SeqCst);
            ServerStoreError::Redis(error)
        })
    }

    /// Turns Redis off for all nodes, unless another node has done so.
    async fn turn_off(&self, epoch: i64, error: &RedisStoreError) -> Result<(), ServerStoreError> {
        let db = self.database.begin_for_all().await?;
        let wall = millis(self.clock.wall());
        let changed = db.execute(query!("redis_off"), &[&epoch, &wall]).await;
        if db.end(changed).await? == 1 {
            let error = with_causes(error);
            tracing::warn!(%error, "Redis is turned off; heartbeats use PostgreSQL");
        }
        Ok(())
    }

    /// Records the Redis that all nodes agree on. Returns since when they do.
    fn agree(&self, server: Option<Arc<str>>, boot_ms: u64) -> Option<u64> {
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = agreed.take();
        *agreed = server.map(|server| match before {
            Some((known, since)) if known == server => (known, since),
            _ => (server, boot_ms),
        });
        agreed.as_ref().map(|(_, since)| *since)
    }
}

/// Returns the epoch of a reading.
fn epoch_of(reading: &Reading) -> RedisEpoch {
    RedisEpoch {
        number: number("redis_epoch", reading.redis_epoch).unwrap_or_default(),
        server: Arc::clone(&reading.redis_run),
    }
}
