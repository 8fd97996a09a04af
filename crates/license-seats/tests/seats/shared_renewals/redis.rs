//! The model of Redis and its scripts.

use super::database::{Database, MARGIN, ModelLease};
use super::steps::Batch;
use super::{Client, LIFETIME, Reading, Rules};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Redis {
    pub(super) run_id: u8,
    /// `None` if Redis has lost its content.
    pub(super) pool: Option<RedisPool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RedisPool {
    epoch: u8,
    /// The version in PostgreSQL. `None` if the pool was reserved and never confirmed.
    version: Option<u8>,
    /// The token of the reservation.
    token: Option<u8>,
    lease: Option<ModelLease>,
    /// Whether a heartbeat can renew the lease.
    is_live: bool,
}

/// The answer to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    /// The lease with its renewals, and whether the pool in Redis is an older version.
    Renewals(Option<ModelLease>, bool),
    /// Renewals may be lost.
    Lost,
    /// The epoch of the caller is over.
    Stale,
}

impl Redis {
    pub(super) fn new(run_id: u8, database: &Database) -> Self {
        Self {
            run_id,
            pool: Some(RedisPool {
                epoch: database.epoch,
                version: Some(database.version),
                token: None,
                lease: Some(database.lease),
                is_live: true,
            }),
        }
    }

    /// Answers the heartbeat of a client. Returns whether it renewed the lease.
    pub(super) fn heartbeat(
        &mut self,
        number: u8,
        client: &Client,
        reading: &Reading,
        rules: Rules,
    ) -> bool {
        let now = reading.clock + reading.age;
        let Some(pool) = &mut self.pool else {
            return false;
        };
        let is_epoch = pool.epoch == reading.epoch || rules == Rules::NoEpoch;
        let is_open = pool.token.is_none() || rules == Rules::NoReservation;
        let Some(lease) = &mut pool.lease else {
            return false;
        };
        let is_named = (lease.client, lease.seq) == (number, client.seq);
        let is_live = pool.is_live && now <= lease.until;
        let is_answered = is_epoch && is_open && is_named && is_live;
        if is_answered {
            lease.until = lease.until.max(now + LIFETIME);
            lease.free_from = lease.free_from.max(now + LIFETIME + MARGIN);
        }
        is_answered
    }

    /// Reserves the pool for a transaction.
    pub(super) fn reserve(&mut self, batch: &Batch, rules: Rules) -> Reserved {
        if let Some(pool) = &mut self.pool {
            if pool.epoch > batch.epoch && rules != Rules::NoEpoch {
                return Reserved::Stale;
            }
            let is_epoch = pool.epoch == batch.epoch || rules == Rules::NoEpoch;
            let version = pool.version.filter(|version| *version <= batch.version);
            if let Some(version) = version.filter(|_| is_epoch) {
                pool.token = Some(batch.token);
                return Reserved::Renewals(pool.lease, version < batch.version);
            }
        }
        self.pool = Some(RedisPool {
            epoch: batch.epoch,
            version: (rules == Rules::LossForgotten).then_some(batch.version),
            token: Some(batch.token),
            lease: None,
            is_live: false,
        });
        Reserved::Lost
    }

    /// Takes over the changes of a transaction, and ends its reservation.
    pub(super) fn confirm(&mut self, batch: &Batch, rules: Rules) {
        let Some(pool) = &mut self.pool else {
            return;
        };
        let is_reserved = pool.token == Some(batch.token);
        if !is_reserved && !matches!(rules, Rules::NoToken | Rules::NoReservation) {
            return;
        }
        if batch.is_changed || batch.is_replaced {
            pool.lease = Some(batch.lease);
        }
        pool.epoch = batch.epoch;
        pool.version = Some(batch.version + u8::from(batch.is_changed));
        pool.token = None;
        pool.is_live = pool.lease.is_some_and(|lease| batch.clock <= lease.until);
    }
}
