//! Facts: amounts that are counted once.

use chrono::NaiveDate;
use license_core::LicenseId;

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
    /// The identity of the fact: the chain and number of an entry, the nonce of an activation, the
    /// hour of seats, or the id of an adjustment.
    pub source: String,
    /// The quota, or the meter of an adjustment. Empty for the other kinds.
    pub name: String,
    /// The UTC day on which it was used.
    pub day: NaiveDate,
    /// The amount. Only an adjustment can be negative.
    pub quantity: i64,
    /// The digest of the content. Two facts that differ in it contradict each other.
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
