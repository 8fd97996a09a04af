//! The names of keys.

use crate::domain::{PoolId, TenantId};

/// The names of the keys of a pool. They share a hash tag, so that they are in one slot.
pub(super) struct PoolKeys {
    /// Hash: the epoch, the version of the pool in PostgreSQL, the reservation, and what is needed
    /// to answer heartbeats.
    pub(super) meta: String,
    /// Sorted set: the sessions whose leases are live, by the end of their lifetimes.
    pub(super) until: String,
    /// Sorted set: all sessions, in the order of their last changes.
    pub(super) renewed: String,
    /// Hash: the times of each session's lease.
    pub(super) seats: String,
    /// Hash: the lease of each session, as PostgreSQL has it.
    pub(super) leases: String,
}

impl PoolKeys {
    pub(super) fn new(tenant: &TenantId, pool: &PoolId) -> Self {
        let key = |name| format!("ls:{{{tenant}/{pool}}}:{name}");
        Self {
            meta: key("meta"),
            until: key("until"),
            renewed: key("renewed"),
            seats: key("seats"),
            leases: key("leases"),
        }
    }

    /// Returns all names.
    pub(super) fn all(&self) -> [&str; 5] {
        [
            &self.meta,
            &self.until,
            &self.renewed,
            &self.seats,
            &self.leases,
        ]
    }
}
