//! The number of seats that a pool uses.

use serde::{Deserialize, Serialize};

/// How many seats of a pool are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolUsage {
    /// The number of seats that the license states.
    pub capacity: u32,
    /// The number of seats that may be held: the capacity and the overage.
    pub allowed: u32,
    /// The number of open leases.
    pub held: u32,
    /// The number of open leases past their lifetime.
    pub late: u32,
    /// The number of borrowed seats.
    pub borrowed: u32,
    /// The number of seats that are offered to tickets.
    pub offered: u32,
    /// The number of tickets without an offer.
    pub waiting: u32,
    /// The number of different users that hold a seat or have an offer.
    pub users: u32,
}

impl PoolUsage {
    /// Returns the number of seats that are held above the capacity.
    ///
    /// ```
    /// use license_seats::PoolUsage;
    ///
    /// let usage = PoolUsage { capacity: 5, held: 6, ..PoolUsage::default() };
    /// assert_eq!(usage.over(), 1);
    /// ```
    pub const fn over(&self) -> u32 {
        self.held.saturating_sub(self.capacity)
    }
}
