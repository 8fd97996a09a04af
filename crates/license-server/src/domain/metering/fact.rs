//! Facts: amounts that are counted once.

use chrono::{DateTime, NaiveDate, Utc};
use license_core::LicenseId;

use crate::domain::PoolId;

/// The kind of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// The used amount of a quota in one entry of a usage report.
    Quota,
    /// An activation.
    Activation,
    /// The most seats that were held at once in an hour.
    Seats,
    /// A correction by an administrator, of the meter with this name.
    Adjustment,
}

impl FactKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Quota, Self::Activation, Self::Seats, Self::Adjustment];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Activation => "activation",
            Self::Seats => "seats",
            Self::Adjustment => "adjustment",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An amount on one day. Facts with the same license, kind, source and name are the same fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageFact {
    /// The license with which it was used.
    pub license: LicenseId,
    /// The kind.
    pub kind: FactKind,
    /// What identifies the fact: the chain and number of an entry, the nonce of an activation, the
    /// hour of seats, or the id of an adjustment.
    pub source: String,
    /// The quota, or the meter of an adjustment. Empty for the other kinds.
    pub name: String,
    /// The UTC day on which it was used.
    pub day: NaiveDate,
    /// The amount. Only an adjustment can be negative.
    pub quantity: i64,
    /// What the source said, as a digest. Two facts that differ in it contradict each other.
    pub digest: String,
    /// Whether meters sum the fact. A machine that was restored from a backup states that it may
    /// count again what it has counted before, so its entry is kept and not summed.
    pub is_counted: bool,
}

/// The result of recording facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactReceipt {
    /// The number of new facts.
    pub new: u64,
    /// The number of facts that were recorded before.
    pub known: u64,
    /// The number of facts that contradict a recorded one. The recorded one stays.
    pub conflicting: u64,
    /// The number of facts of licenses that are not installed. They are not recorded.
    pub unknown: u64,
}

/// The sum of the facts of a customer with the same day, kind and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageDay {
    /// The UTC day.
    pub day: NaiveDate,
    /// The kind.
    pub kind: FactKind,
    /// The quota or the meter. Empty for the other kinds.
    pub name: String,
    /// The sum of the amounts.
    pub sum: i64,
    /// The largest amount.
    pub max: i64,
    /// The sum of the amounts that are not counted.
    pub set_aside: i64,
}

/// The changes of the held seats of a pool in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatHour {
    /// The pool.
    pub pool: PoolId,
    /// The start of the hour.
    pub hour: DateTime<Utc>,
    /// The largest number of held seats in the hour after a change, as the difference to the number
    /// at the last count.
    pub peak: i64,
    /// By how much the number of held seats has changed in the hour.
    pub net: i64,
}

/// The changes of held seats since they were counted last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatActivity {
    /// The time up to which seats are counted. `None`: they were never counted.
    pub counted_until: Option<DateTime<Utc>>,
    /// The number of the last event.
    pub last_event: u64,
    /// The pools with the seats that are held after all changes, without those that hold none.
    pub held: Vec<(PoolId, i64)>,
    /// The hours with changes, in the order of the pools and hours.
    pub hours: Vec<SeatHour>,
}

/// The held seats by pool and hour, and the position up to which they are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatUsage {
    /// The most seats of each pool in each hour, with the start of the hour.
    pub peaks: Vec<(PoolId, DateTime<Utc>, i64)>,
    /// The number of the last event.
    pub last_event: u64,
    /// The time up to which seats are counted.
    pub until: DateTime<Utc>,
}
