//! Terms that a license may set.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::encoding::strict_json::{count, serde_as_text};

const SECONDS_PER_HOUR: u64 = 3600;
const SECONDS_PER_DAY: u64 = 86_400;

/// The most hours or days of a term: over 400,000 years, and far from overflow.
pub(crate) const MAX_SPAN: u64 = 1 << 32;

/// How often a license must be validated, and how long it holds without. Both count from the last validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedCheckIn")]
pub struct CheckIn {
    every_hours: u64,
    grace_hours: u64,
}

impl CheckIn {
    /// Sets both terms in hours, at least 1; the grace period must not end before the next check-in is due.
    pub fn new(every_hours: u64, grace_hours: u64) -> Option<Self> {
        let in_bounds = every_hours >= 1 && every_hours <= grace_hours && grace_hours <= MAX_SPAN;
        in_bounds.then_some(Self {
            every_hours,
            grace_hours,
        })
    }

    /// Hours until the next validation is due.
    pub fn every_hours(self) -> u64 {
        self.every_hours
    }

    /// Hours for which the license holds without validation.
    pub fn grace_hours(self) -> u64 {
        self.grace_hours
    }

    pub(crate) fn every_seconds(self) -> u64 {
        self.every_hours * SECONDS_PER_HOUR
    }

    pub(crate) fn grace_seconds(self) -> u64 {
        self.grace_hours * SECONDS_PER_HOUR
    }
}

impl fmt::Display for CheckIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            every_hours,
            grace_hours,
        } = self;
        write!(
            f,
            "every {every_hours} hours; without, it holds for {grace_hours} hours after the last"
        )
    }
}

/// When to warn before a license ends, and for how long it holds after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRenewal")]
pub struct Renewal {
    notify_days: u64,
    grace_hours: u64,
}

impl Renewal {
    /// Sets the days before and the hours after the end; 0 is neither.
    pub fn new(notify_days: u64, grace_hours: u64) -> Option<Self> {
        let in_bounds = notify_days <= MAX_SPAN && grace_hours <= MAX_SPAN;
        in_bounds.then_some(Self {
            notify_days,
            grace_hours,
        })
    }

    /// Days before the end from which on to warn.
    pub fn notify_days(self) -> u64 {
        self.notify_days
    }

    /// Hours for which the license holds after its end.
    pub fn grace_hours(self) -> u64 {
        self.grace_hours
    }

    pub(crate) fn notify_seconds(self) -> u64 {
        self.notify_days * SECONDS_PER_DAY
    }

    pub(crate) fn grace_seconds(self) -> u64 {
        self.grace_hours * SECONDS_PER_HOUR
    }
}

/// The JSON form of [`CheckIn`].
#[derive(Deserialize)]
struct UncheckedCheckIn {
    #[serde(deserialize_with = "count")]
    every_hours: u64,
    #[serde(deserialize_with = "count")]
    grace_hours: u64,
}

impl TryFrom<UncheckedCheckIn> for CheckIn {
    type Error = &'static str;

    fn try_from(terms: UncheckedCheckIn) -> Result<Self, Self::Error> {
        Self::new(terms.every_hours, terms.grace_hours)
            .ok_or("`every_hours` of at least 1 and `grace_hours` of at least `every_hours`, each at most 2^32")
    }
}

/// The JSON form of [`Renewal`].
#[derive(Deserialize)]
struct UncheckedRenewal {
    #[serde(deserialize_with = "count")]
    notify_days: u64,
    #[serde(deserialize_with = "count")]
    grace_hours: u64,
}

impl TryFrom<UncheckedRenewal> for Renewal {
    type Error = &'static str;

    fn try_from(terms: UncheckedRenewal) -> Result<Self, Self::Error> {
        Self::new(terms.notify_days, terms.grace_hours)
            .ok_or("`notify_days` and `grace_hours` of at most 2^32")
    }
}

/// What the product is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UsageType {
    /// As a development tool.
    #[default]
    Builder,
    /// Embedded in a shipped application.
    Runtime,
}

impl UsageType {
    /// The name in claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Runtime => "runtime",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Builder, Self::Runtime]
            .into_iter()
            .find(|usage| usage.as_str() == name)
    }
}

impl fmt::Display for UsageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

serde_as_text!(UsageType, "`builder` or `runtime`", UsageType::parse);
