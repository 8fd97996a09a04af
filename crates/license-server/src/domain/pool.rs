//! Pools: the seats of a license and of its renewals.

use std::fmt;

use license_core::LicenseId;
use license_core::claims::LicenseClaims;
use license_core::policy::Quota;
use license_seats::{HolderDisplay, Overage, Reservation};
use serde::{Deserialize, Serialize};

/// The id of a pool: the id of the first license of a chain of renewals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolId(String);

impl PoolId {
    /// The longest accepted id, in bytes.
    const MAX_BYTES: usize = 64;

    /// Returns the pool that starts with this license.
    pub fn new(first: &LicenseId) -> Self {
        Self(first.as_str().to_owned())
    }

    /// Parses the id of a pool, such as a segment of a path.
    pub fn parse(text: &str) -> Option<Self> {
        let is_accepted = !text.is_empty()
            && text.len() <= Self::MAX_BYTES
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_accepted.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The settings of an administrator for one pool.
///
/// The settings narrow the license. The license bounds overage and borrowing, so a setting beyond
/// these bounds has the effect of the bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeatPolicy {
    /// The lifetime of a lease in seconds.
    pub lifetime_seconds: u64,
    /// After how many seconds a client renews its lease.
    pub renew_seconds: u64,
    /// The maximum number of tickets in the queue. Zero permits no waiting.
    pub max_queue: u32,
    /// The seats that are granted beyond the seats of the license.
    pub overage: Overage,
    /// The number of seats that may be borrowed. `None`: as many as the license permits.
    pub max_borrowed: Option<u32>,
    /// The longest loan in days. `None`: as long as the license permits.
    pub max_borrow_days: Option<u32>,
    /// The number of seats that cannot be borrowed.
    pub borrow_low_water: u32,
    /// The seats that are kept for a group, a user or a machine.
    pub reservations: Vec<Reservation>,
    /// Whether a denial names the holders of the seats.
    pub holders: HolderDisplay,
}

impl Default for SeatPolicy {
    fn default() -> Self {
        Self {
            lifetime_seconds: 120,
            renew_seconds: 40,
            max_queue: 1000,
            overage: Overage::None,
            max_borrowed: None,
            max_borrow_days: None,
            borrow_low_water: 0,
            reservations: Vec::new(),
            holders: HolderDisplay::Names,
        }
    }
}

/// The pools of an organization whose license is in effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCapacity {
    /// The number of pools.
    pub pools: u64,
    /// The number of seats of their licenses, without unlimited ones.
    pub seats: u64,
}

/// Returns the number of floating seats of a license: the claim `seats`, or the quota `users`. An
/// unlimited number is the largest one, and `None` means that the license has no floating seats.
pub fn floating_seats(claims: &LicenseClaims) -> Option<u32> {
    match claims.seats {
        Some(seats) => Some(u32::try_from(seats).unwrap_or(u32::MAX)),
        None => number_of_quota(claims, "users"),
    }
}

/// Returns a quota of a license. An unlimited quota is the largest number.
pub(crate) fn number_of_quota(claims: &LicenseClaims, name: &str) -> Option<u32> {
    Some(match claims.quotas.get(name)? {
        Quota::Unlimited => u32::MAX,
        Quota::Limit(limit) => u32::try_from(*limit).unwrap_or(u32::MAX),
    })
}
