//! The open period: the counts since the last entry.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::counts::UsageCounts;
use super::entry::{ChainPosition, ClockObservations, UsageEntry};
use super::private_part::{ClosedEntry, private_part};
use super::{ChainId, UsageHash};
use crate::encoding::strict_json::serde_as_text;
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{self, serde_unix_seconds};

/// Maximum number of licenses in one period. Further licenses start a new period.
const MAX_LICENSES: usize = 8;

/// Counts since the last entry of a chain, by license.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::{OpenPeriod, UsageCounts};
///
/// let mut period = OpenPeriod::new(None, [7; 16], 0);
/// period.add(None, &UsageCounts::quota_used("exports", 2), example::noon()?);
/// let closed = period.close(example::product()?, None, 0, || Some([9; 16]));
/// assert_eq!(closed.ok_or("no random bytes")?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPeriod {
    #[serde(flatten)]
    position: ChainPosition,
    lost: bool,
    /// The times of the first and the last count, if anything is counted.
    #[serde(deserialize_with = "Option::deserialize")]
    span: Option<TimeRange>,
    /// The number of resets of the clock high-water mark at the start of the period.
    resets: u64,
    counts: BTreeMap<OptionalLicense, UsageCounts>,
}

impl OpenPeriod {
    /// Creates an empty period.
    ///
    /// `next` is the position after the last stored entry. If it is `Some`, the chain has entries
    /// but its open period is missing. The new period then states that counts were lost. If it is
    /// `None`, a chain with the id `fresh` starts. `resets` is the current value of
    /// [`ClockHighWater::resets`](crate::state::ClockHighWater::resets).
    ///
    /// ```
    /// use license_core::usage::OpenPeriod;
    ///
    /// // The first period of a machine. The bytes are random.
    /// let period = OpenPeriod::new(None, [7; 16], 0);
    /// assert!(period.is_empty());
    /// ```
    pub fn new(next: Option<ChainPosition>, fresh: [u8; 16], resets: u64) -> Self {
        let first = ChainPosition {
            chain: ChainId(fresh),
            seq: 1,
            prev: UsageHash::NONE,
        };
        Self {
            position: next.unwrap_or(first),
            lost: next.is_some(),
            span: None,
            resets,
            counts: BTreeMap::new(),
        }
    }

    /// Returns the position of the first entry of this period.
    ///
    /// ```
    /// use license_core::usage::OpenPeriod;
    ///
    /// assert_eq!(OpenPeriod::new(None, [7; 16], 0).position().seq, 1);
    /// ```
    pub fn position(&self) -> ChainPosition {
        self.position
    }

    /// Moves this period to a later position in its chain, if the period is from an older copy of
    /// the state.
    ///
    /// Does nothing if `next` is in another chain or is not later.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let mut period = example::period()?;
    /// let next = example::closed()?.next_position().ok_or("not an entry")?;
    /// period.advance_to(next);
    /// assert_eq!(period.position().seq, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance_to(&mut self, next: ChainPosition) {
        if next.chain == self.position.chain && next.seq > self.position.seq {
            self.position = next;
        }
    }

    /// Returns whether the period must be closed before more is counted for this license at `now`.
    ///
    /// A period covers one UTC day and at most eight licenses.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::chrono::TimeDelta;
    ///
    /// let period = example::period()?;
    /// assert!(!period.is_over(None, example::noon()?));
    /// assert!(period.is_over(None, example::noon()? + TimeDelta::days(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_over(&self, license: Option<&LicenseId>, now: DateTime<Utc>) -> bool {
        let day = |at: DateTime<Utc>| time::clamp(at).date_naive();
        let is_full = self.counts.len() >= MAX_LICENSES
            && !self.counts.contains_key(&OptionalLicense(license.cloned()));
        is_full
            || self
                .span
                .is_some_and(|TimeRange(from, _)| day(from) != day(now))
    }

    /// Returns whether nothing is counted.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// assert!(!example::period()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    /// Adds counts of a license and extends the period to `now`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageCounts;
    ///
    /// let mut period = example::period()?;
    /// period.add(None, &UsageCounts::quota_used("commands_per_day", 1), example::noon()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&mut self, license: Option<&LicenseId>, counts: &UsageCounts, now: DateTime<Utc>) {
        if counts.is_empty() {
            return;
        }
        let now = time::clamp(now);
        self.span = match self.span {
            None => Some(TimeRange(now, now)),
            // If the high-water mark was lowered, `now` may be before the start of the period.
            Some(TimeRange(from, to)) => Some(TimeRange(from.min(now), to.max(now))),
        };
        let own = self.counts.entry(OptionalLicense(license.cloned()));
        own.or_default().add(counts);
    }

    /// Closes the period and returns an entry for each license. The period is empty afterwards.
    ///
    /// `resets` is the current value of
    /// [`ClockHighWater::resets`](crate::state::ClockHighWater::resets). `salt` returns random
    /// bytes, so that no one can guess the names in a private part from its commitment.
    ///
    /// Returns `None` and leaves the period unchanged if `salt` returns `None`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let mut period = example::period()?;
    /// // The last argument returns random bytes.
    /// let closed = period.close(example::product()?, Some("mach_00"), 0, || Some([9; 16]));
    /// assert_eq!(closed.ok_or("no random bytes")?.len(), 1);
    /// assert!(period.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(
        &mut self,
        product: ProductCode,
        machine: Option<&str>,
        resets: u64,
        mut salt: impl FnMut() -> Option<[u8; 16]>,
    ) -> Option<Vec<ClosedEntry>> {
        let Some(span) = self.span else {
            return Some(Vec::new());
        };
        let salts = self.counts.keys().map(|_| salt());
        let salts = salts.collect::<Option<Vec<_>>>()?;
        let counted = std::mem::take(&mut self.counts);
        let mut lowered = resets.saturating_sub(self.resets);
        let mut entries = Vec::new();
        for ((OptionalLicense(license), counts), salt) in counted.into_iter().zip(salts) {
            let (private, commitment) = private_part(&counts, machine, salt);
            let mut entry = new_entry(&counts, self.position, product, span, commitment);
            entry.license = license;
            entry.lost = self.lost;
            entry.clock.lowered = lowered;
            let line = entry.to_line();
            self.position.seq = self.position.seq.saturating_add(1);
            self.position.prev = UsageHash::from_entry(&line);
            // These values belong to the period, and are recorded in its first entry only.
            (lowered, self.lost) = (0, false);
            entries.push(ClosedEntry {
                entry: line,
                private,
            });
        }
        self.span = None;
        self.resets = resets;
        Some(entries)
    }

    /// Merges two copies. Keeps the later copy, or the higher counts if both copies are at the same
    /// position.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let (one, copy) = (example::period()?, example::period()?);
    /// assert_eq!(one.clone().merged(copy), one);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let rank = |period: &Self| {
            (
                period.span.map(|TimeRange(_, to)| to),
                period.position.chain,
            )
        };
        if self.position.chain != other.position.chain {
            return if rank(&self) >= rank(&other) {
                self
            } else {
                other
            };
        }
        match self.position.seq.cmp(&other.position.seq) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal => self.merge_counts(other),
        }
    }

    /// Merges the counts of a copy at the same position.
    fn merge_counts(mut self, other: Self) -> Self {
        for (license, counts) in other.counts {
            let own = self.counts.remove(&license).unwrap_or_default();
            self.counts.insert(license, own.merged(counts));
        }
        self.span = match (self.span, other.span) {
            (Some(one), Some(two)) => Some(TimeRange(one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.resets = self.resets.min(other.resets);
        self.lost |= other.lost;
        self
    }

    /// Returns the JSON form that [`OpenPeriod::from_json`] reads.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::OpenPeriod;
    ///
    /// let period = example::period()?;
    /// assert_eq!(OpenPeriod::from_json(&period.to_json()), Some(period));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Reads the JSON form. Returns `None` if `value` is not the result of [`OpenPeriod::to_json`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::OpenPeriod;
    ///
    /// assert!(OpenPeriod::from_json(&example::period()?.to_json()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(value: &Value) -> Option<Self> {
        let period = Self::deserialize(value).ok();
        period.filter(|period| period.position.seq > 0)
    }
}

/// The license that was in effect, if any. Its JSON form is the id or an empty string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OptionalLicense(Option<LicenseId>);

impl fmt::Display for OptionalLicense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("", LicenseId::as_str))
    }
}

serde_as_text!(
    OptionalLicense,
    "a license id or an empty string",
    |text| match text {
        "" => Some(OptionalLicense(None)),
        id => LicenseId::parse(id).map(|id| OptionalLicense(Some(id))),
    }
);

/// First and last instant of a period, written as two numbers in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TimeRange(
    #[serde(with = "serde_unix_seconds")] DateTime<Utc>,
    #[serde(with = "serde_unix_seconds")] DateTime<Utc>,
);

/// Returns an entry with these counts. [`OpenPeriod::close`] sets the fields that depend on the
/// period.
fn new_entry(
    counts: &UsageCounts,
    position: ChainPosition,
    product: ProductCode,
    TimeRange(from, to): TimeRange,
    private: UsageHash,
) -> UsageEntry {
    let number = |names: usize| u64::try_from(names).unwrap_or(u64::MAX);
    UsageEntry {
        seq: position.seq,
        chain: position.chain,
        prev: position.prev,
        product,
        license: None,
        from,
        to,
        quotas: counts.quotas.clone(),
        denials: counts.denials.clone(),
        refused_features: counts.features.clone(),
        sessions: counts.opened_sessions(),
        projects: number(counts.sessions.len()),
        users: number(counts.users.len()),
        clock: ClockObservations {
            behind: counts.behind.0,
            most: counts.behind.1,
            lowered: 0,
        },
        lost: false,
        recounted: false,
        private,
    }
}
