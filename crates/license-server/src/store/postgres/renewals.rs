//! Renewals of leases outside the database.

use license_seats::{Pool, SeatChange, SeatRenewal};

use super::lease_clock::Reading;
use super::pools::PoolKey;
use crate::store::{PoolReply, PoolRequest, ServerStoreError};

/// A component that answers heartbeats without a transaction. Without one, each heartbeat is a
/// command of its pool like any other.
#[derive(Clone, Debug)]
pub(super) enum Renewals {
    /// All renewals are in the database.
    Off,
}

/// The renewals that the database does not have.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    /// The renewals.
    pub(super) renewals: Vec<SeatRenewal>,
    /// Whether there can be other renewals, which are lost.
    pub(super) is_lost: bool,
}

/// A batch whose changes are stored.
#[derive(Debug)]
pub(super) struct StoredBatch<'a> {
    /// The version of the pool before the batch.
    pub(super) base: i64,
    /// The version of the pool after the batch.
    pub(super) version: i64,
    /// The pool after the batch.
    pub(super) pool: &'a Pool,
    /// The changes of the batch.
    pub(super) changes: &'a [SeatChange],
}

impl Renewals {
    /// Returns whether no component answers heartbeats of this node.
    pub(super) const fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// Answers a heartbeat that has no other effect than a renewal. `None` means that the command
    /// must go through its pool.
    pub(super) async fn answer(
        &self,
        _key: &PoolKey,
        _request: &PoolRequest,
    ) -> Result<Option<PoolReply>, ServerStoreError> {
        match self {
            Self::Off => Ok(None),
        }
    }

    /// Stops the answers for a pool until [`confirm`](Self::confirm), and returns the renewals that
    /// the database does not have. The row of the pool is locked. `epoch` is that of the row, and
    /// `version` is the version of the pool.
    pub(super) async fn reserve(
        &self,
        _key: &PoolKey,
        epoch: i64,
        _version: i64,
        reading: &Reading,
    ) -> Result<Reserved, ServerStoreError> {
        match self {
            // Renewals of an epoch that has ended can be lost.
            Self::Off if epoch != reading.redis_epoch => Ok(Reserved {
                is_lost: epoch != 0,
                ..Reserved::default()
            }),
            Self::Off if epoch == 0 => Ok(Reserved::default()),
            // Other nodes may answer heartbeats of the pool at this moment.
            Self::Off => Err(ServerStoreError::Setting {
                expected: "--redis, because other servers of the database use Redis".to_owned(),
                found: "none".to_owned(),
                hint: "start all servers of a database with the same Redis",
            }),
        }
    }

    /// Permits answers for a pool again, after its changes are stored.
    pub(super) async fn confirm(
        &self,
        _key: &PoolKey,
        _batch: StoredBatch<'_>,
        _reading: &Reading,
    ) {
        match self {
            Self::Off => {}
        }
    }
}
