//! Renewals of leases in Redis.

mod confirmation;
mod heartbeat;
mod reserved_page;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use license_core::encoding::hex;
use license_seats::{
    CommandTime, Heartbeat, LeaseTime, OpenLease, Pool, PoolTerms, SeatChange, SeatCommand,
    SeatRenewal, SeatValidity,
};
use sha2::{Digest, Sha256};

use super::connection::{RedisConnection, RedisLink};
use super::error::RedisStoreError;
use super::keys::PoolKeys;
use super::scripts::Scripts;
use super::seat::{SeatTimes, millis};
use crate::clock::ServerClock;
use crate::domain::{PoolId, TenantId};
use crate::store::{PoolReply, PoolRequest};
use confirmation::{Confirmation, RedisChanges};
use heartbeat::grant;
use reserved_page::ReservedPage;

/// How long a server may use Redis after it sent the query that read the epoch, in milliseconds.
const PERMISSION_MS: u64 = 1000;

/// The number of renewals that one call of a script returns.
const PAGE: usize = 2000;

/// The number of leases that one call of a script takes over.
const PART: usize = 500;

/// The lease clock and the epoch of Redis, as a server read them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct EpochReading {
    /// The lease clock.
    pub(in crate::store) now: LeaseTime,
    /// The epoch, and the Redis that has its renewals.
    pub(in crate::store) epoch: RedisEpoch,
    /// The boot time at which the server sent the query, in milliseconds.
    pub(in crate::store) sent_boot_ms: u64,
}

/// The epoch of Redis. It changes whenever Redis is turned on or off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct RedisEpoch {
    /// The number of the epoch. 0 if Redis is off.
    pub(in crate::store) number: u64,
    /// The identity of the Redis that the servers use in this epoch.
    pub(in crate::store) server: Arc<str>,
}

/// The columns of a pool in PostgreSQL about Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct PoolEpoch {
    /// The epoch in which Redis may have renewals of the pool. 0: none.
    pub(in crate::store) number: u64,
    /// The number of batches that changed the pool.
    pub(in crate::store) version: u64,
}

/// Which renewals a pool in memory has. A pool that is read again starts with the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct FoldCursor {
    generation: String,
    position: u64,
}

/// The answer of Redis to a heartbeat.
#[derive(Debug)]
pub(in crate::store) enum HeartbeatAnswer {
    /// The lease is renewed.
    Renewed(Box<PoolReply>),
    /// PostgreSQL must decide.
    Missed,
    /// Redis has a value that no server wrote, or refuses commands. This epoch must be turned off.
    Failed(u64, RedisStoreError),
}

/// A pool that Redis does not answer heartbeats of, until the batch is confirmed.
#[derive(Default)]
pub(in crate::store) struct Reservation {
    /// Whether renewals may be lost. Then the caller reads the lease clock again, and extends all
    /// leases at this reading before any command. The reading before the reservation can be older
    /// than the last renewal.
    pub(in crate::store) must_extend: bool,
    /// The renewals that the pool in memory does not have yet.
    pub(in crate::store) renewals: Vec<SeatRenewal>,
    /// The values for the confirmation. `None`: Redis does not take part.
    held: Option<Held>,
}

impl Reservation {
    /// Returns the reservation of a server that does not use Redis.
    pub(in crate::store) fn none(must_extend: bool) -> Self {
        Self {
            must_extend,
            ..Self::default()
        }
    }
}

struct Held {
    connection: RedisConnection,
    keys: PoolKeys,
    token: String,
    /// Whether Redis must take over the whole pool.
    is_replacing: bool,
}

/// Renewals of leases in Redis: answers heartbeats without a transaction, and reserves pools for
/// the transactions of all other commands.
pub(in crate::store) struct LeaseRenewals {
    link: Arc<RedisLink>,
    clock: Arc<dyn ServerClock>,
    scripts: Scripts,
    reading: Mutex<Option<EpochReading>>,
    token: String,
    reservations: AtomicU64,
}

impl LeaseRenewals {
    /// Creates the renewals of a connection.
    pub(super) fn new(link: Arc<RedisLink>, clock: Arc<dyn ServerClock>) -> Self {
        Self {
            link,
            clock,
            scripts: Scripts::new(),
            reading: Mutex::new(None),
            token: uuid::Uuid::new_v4().to_string(),
            reservations: AtomicU64::new(0),
        }
    }

    /// Permits the use of Redis for a second after a reading was sent.
    pub(in crate::store) fn permit(&self, reading: EpochReading) {
        let mut last = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Two queries can be answered in any order.
        let is_older = |last: &EpochReading| last.sent_boot_ms > reading.sent_boot_ms;
        if !last.as_ref().is_some_and(is_older) {
            *last = Some(reading);
        }
    }

    /// Returns the identity of the Redis that this server is connected to.
    ///
    /// # Errors
    ///
    /// Returns the reason why there is no connection.
    pub(in crate::store) fn server(&self) -> Result<Arc<str>, RedisStoreError> {
        self.link.server()
    }

    /// Answers a heartbeat that has no other effect than to extend its lease.
    pub(in crate::store) async fn heartbeat(
        &self,
        tenant: &TenantId,
        request: &PoolRequest,
    ) -> HeartbeatAnswer {
        let SeatCommand::Heartbeat(heartbeat) = &request.command else {
            return HeartbeatAnswer::Missed;
        };
        let Some((reading, now)) = self.permission() else {
            return HeartbeatAnswer::Missed;
        };
        let number = reading.epoch.number;
        match self
            .renew(tenant, request, heartbeat, reading.epoch, now)
            .await
        {
            Ok(Some(reply)) => HeartbeatAnswer::Renewed(Box::new(reply)),
            Ok(None) => HeartbeatAnswer::Missed,
            // The next reservation decides whether Redis can be reached.
            Err(error) if error.is_disconnected() => HeartbeatAnswer::Missed,
            Err(error) => HeartbeatAnswer::Failed(number, error),
        }
    }

    async fn renew(
        &self,
        tenant: &TenantId,
        request: &PoolRequest,
        heartbeat: &Heartbeat,
        epoch: RedisEpoch,
        now: LeaseTime,
    ) -> Result<Option<PoolReply>, RedisStoreError> {
        let mut at = CommandTime::at(now);
        at.license_left = request.license_left;
        if !at.is_licensed() {
            return Ok(None);
        }
        let connection = self.link.to(&epoch.server)?;
        let terms = &request.terms.lease;
        let validity = SeatValidity::renewed(terms, at);
        let keys = PoolKeys::new(tenant, &request.pool);
        let mut call = self.scripts.heartbeat.prepare_invoke();
        for key in [
            &keys.meta,
            &keys.until,
            &keys.renewed,
            &keys.seats,
            &keys.leases,
        ] {
            call.key(key);
        }
        call.arg(epoch.number)
            .arg(terms_digest(&request.terms))
            .arg(millis(now))
            .arg(heartbeat.session.to_string())
            .arg(heartbeat.instance.to_string())
            .arg(heartbeat.seq.0)
            .arg(validity.valid_for.as_millis())
            .arg(terms.margin.of(validity.valid_for).as_millis());
        type Renewed = (String, String, String, String);
        let Some(renewed): Option<Renewed> = self.link.invoke(&connection, &call).await? else {
            return Ok(None);
        };
        // The script may have run when the permission had ended, unless it has not ended now.
        let is_permitted = self
            .permission()
            .is_some_and(|(last, _)| last.epoch == epoch);
        if !is_permitted {
            return Ok(None);
        }
        let expected = "a lease that a server wrote";
        let value = RedisStoreError::Value { expected };
        grant(heartbeat, renewed, validity).ok_or(value).map(Some)
    }

    /// Returns the last reading and the lease clock of now, while Redis may be used.
    fn permission(&self) -> Option<(EpochReading, LeaseTime)> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = reading
            .as_ref()
            .filter(|reading| reading.epoch.number > 0)?;
        let elapsed = self.clock.boot_ms().saturating_sub(reading.sent_boot_ms);
        let now = reading.now.as_millis().saturating_add(elapsed);
        (elapsed < PERMISSION_MS).then(|| (reading.clone(), LeaseTime::from_millis(now)))
    }

    /// Reserves a pool whose row the caller has locked, before it applies commands. `current` is
    /// the epoch that the caller read after it had locked the row.
    ///
    /// # Errors
    ///
    /// Returns an error if Redis does not answer, or has unexpected values. The caller then rolls
    /// back, turns Redis off, and begins again.
    pub(in crate::store) async fn reserve(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        stored: PoolEpoch,
        current: &RedisEpoch,
        cursor: &mut FoldCursor,
    ) -> Result<Reservation, RedisStoreError> {
        let is_other = stored.number != current.number;
        let mut reservation = Reservation {
            must_extend: is_other && stored.number > 0,
            ..Reservation::default()
        };
        if current.number == 0 {
            return Ok(reservation);
        }
        let connection = self.link.to(&current.server)?;
        self.link.check_history(&connection).await?;
        let keys = PoolKeys::new(tenant, pool);
        let number = self.reservations.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}-{number}", self.token);
        let mut is_replacing = is_other;
        loop {
            let mut call = self.scripts.reserve.prepare_invoke();
            call.key(&keys.meta).key(&keys.renewed).key(&keys.seats);
            call.arg(current.number)
                .arg(stored.version)
                .arg(&token)
                .arg(u8::from(is_other))
                .arg(&cursor.generation)
                .arg(cursor.position)
                .arg(PAGE);
            let reply: Vec<Option<String>> = self.link.invoke(&connection, &call).await?;
            let page = ReservedPage::parse(reply)?;
            let ReservedPage::Held(held) = page else {
                reservation.must_extend = true;
                is_replacing = true;
                break;
            };
            // Redis lacks the last batches, or has never had the pool.
            is_replacing |= held.version != stored.version || held.generation.is_empty();
            cursor.generation = held.generation;
            cursor.position = held.position;
            reservation.renewals.extend(held.renewals);
            if held.leases < PAGE {
                break;
            }
        }
        reservation.held = Some(Held {
            connection,
            keys,
            token,
            is_replacing,
        });
        Ok(reservation)
    }

    /// Gives Redis the changes of a batch that is committed, so that it answers heartbeats again.
    /// `version` is the new version of the pool, and `at` the time of its last command. The changes
    /// must include those of an extension.
    ///
    /// # Errors
    ///
    /// Returns an error if Redis does not answer. The pool stays reserved until a later batch is
    /// confirmed, so the caller only reports the error.
    pub(in crate::store) async fn confirm(
        &self,
        reservation: Reservation,
        pool: &Pool,
        changes: &[SeatChange],
        version: u64,
        at: CommandTime,
        cursor: &mut FoldCursor,
    ) -> Result<(), RedisStoreError> {
        let Some(held) = reservation.held else {
            return Ok(());
        };
        let changes = if held.is_replacing {
            RedisChanges::all(pool, at.now)
        } else {
            RedisChanges::of(pool, changes, at.now)
        };
        let confirmation = Confirmation {
            version: version.to_string(),
            now: at.now,
            // Without a license, PostgreSQL decides about all heartbeats.
            until: pool.renewable_until(at).unwrap_or(LeaseTime::START),
            terms: terms_digest(pool.terms()),
            usage: serde_json::to_string(&pool.usage()).unwrap_or_default(),
        };
        let mut parts = changes.puts.chunks(PART).peekable();
        let mut is_first = true;
        loop {
            let part = parts.next().unwrap_or_default();
            let is_last = parts.peek().is_none();
            let deletions = if is_first { &*changes.deletions } else { &[] };
            let is_replacing = is_first && held.is_replacing;
            let call = confirmation.call(
                &self.scripts.confirm,
                &held,
                (is_replacing, is_last),
                deletions,
                part,
            );
            let position: i64 = self.link.invoke(&held.connection, &call).await?;
            // Another server has reserved the pool since, and will give Redis all changes.
            let Ok(position) = u64::try_from(position) else {
                return Ok(());
            };
            if is_last {
                cursor.position = position;
                if held.is_replacing {
                    cursor.generation = held.token;
                }
                return Ok(());
            }
            is_first = false;
        }
    }

    /// Returns the renewals of leases, for lists and counts. Without an answer of Redis, there are
    /// none, and the leases keep the times of PostgreSQL, which are not later.
    pub(in crate::store) async fn current(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        leases: &[Arc<OpenLease>],
    ) -> Vec<SeatRenewal> {
        let times = self.times(tenant, pool, leases).await.unwrap_or_default();
        let times = times.iter().zip(leases);
        let times =
            times.filter_map(|(times, lease)| Some((SeatTimes::parse(times.as_ref()?)?, lease)));
        times
            .flat_map(|(times, lease)| times.renewals(lease.holder.session).collect::<Vec<_>>())
            .collect()
    }

    /// Deletes the keys of pools.
    ///
    /// # Errors
    ///
    /// Returns an error if Redis does not answer. Some keys can be deleted then.
    pub(in crate::store) async fn forget(
        &self,
        tenant: &TenantId,
        pools: &[PoolId],
    ) -> Result<(), RedisStoreError> {
        let connection = self.link.current()?;
        for pool in pools {
            let keys = PoolKeys::new(tenant, pool);
            let mut pipeline = redis::pipe();
            pipeline.cmd("DEL").arg(&keys.all()).ignore();
            let () = self.link.query(&connection, &pipeline).await?;
        }
        Ok(())
    }

    async fn times(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        leases: &[Arc<OpenLease>],
    ) -> Result<Vec<Option<String>>, RedisStoreError> {
        let Some((reading, _)) = self.permission().filter(|_| !leases.is_empty()) else {
            return Ok(Vec::new());
        };
        let connection = self.link.to(&reading.epoch.server)?;
        let keys = PoolKeys::new(tenant, pool);
        let sessions = leases.iter().map(|lease| lease.holder.session.to_string());
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(&keys.meta).arg("epoch");
        pipeline
            .cmd("HMGET")
            .arg(&keys.seats)
            .arg(sessions.collect::<Vec<_>>());
        type Times = (Option<u64>, Vec<Option<String>>);
        let (epoch, times): Times = self.link.query(&connection, &pipeline).await?;
        let is_current = epoch == Some(reading.epoch.number);
        Ok(if is_current { times } else { Vec::new() })
    }
}

/// Returns the digest of terms. Servers with the same terms get the same digest.
fn terms_digest(terms: &PoolTerms) -> String {
    let json = serde_json::to_vec(terms).unwrap_or_default();
    hex::encode(&Sha256::digest(json))
}
