//! The open period: what was counted since the last entry.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::counts::Counts;
use super::entry::{ClockSeen, Place, UsageEntry};
use super::personal::{Closed, private_part};
use super::{ChainId, Hash};
use crate::encoding::strict_json::serde_as_text;
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{Timestamp, unix_seconds};

const SECONDS_PER_DAY: u64 = 86_400;

/// So many licenses are counted in one period; what comes after them begins another.
const MOST_LICENSES: usize = 8;

/// What was counted since the last entry of a chain, by license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    #[serde(flatten)]
    place: Place,
    lost: bool,
    /// When the first and the last of it were counted; none while there is nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    span: Option<Extent>,
    /// How often the latest time seen had been lowered when it began.
    resets: u64,
    counts: BTreeMap<Licensed, Counts>,
}

impl Period {
    /// Begins in the place after the last entry that is kept. There being one, and no period, what was counted since is lost. Without one
    /// a chain of this id begins.
    pub fn begin(next: Option<Place>, fresh: [u8; 16], resets: u64) -> Self {
        let first = Place {
            chain: ChainId(fresh),
            seq: 1,
            prev: Hash::NONE,
        };
        Self {
            place: next.unwrap_or(first),
            lost: next.is_some(),
            span: None,
            resets,
            counts: BTreeMap::new(),
        }
    }

    /// Where its first entry will stand.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Goes on in a place that is further on in the same chain, as where this period is of an older copy of the state.
    pub fn go_on_in(&mut self, next: Place) {
        if next.chain == self.place.chain && next.seq > self.place.seq {
            self.place = next;
        }
    }

    /// Whether it must be closed before anything more of this license is counted at this instant.
    pub fn is_over(&self, license: Option<&LicenseId>, now: Timestamp) -> bool {
        let day = |at: Timestamp| at.unix_seconds() / SECONDS_PER_DAY;
        let is_full = self.counts.len() >= MOST_LICENSES
            && !self.counts.contains_key(&Licensed(license.cloned()));
        is_full
            || self
                .span
                .is_some_and(|Extent(from, _)| day(from) != day(now))
    }

    /// Whether nothing is counted in it.
    pub fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    /// Adds what was counted of a license until this instant.
    pub fn add(&mut self, license: Option<&LicenseId>, counts: &Counts, now: Timestamp) {
        if counts.is_empty() {
            return;
        }
        self.span = match self.span {
            None => Some(Extent(now, now)),
            // A mark that was lowered since is no reason to end before it began.
            Some(Extent(from, to)) => Some(Extent(from.min(now), to.max(now))),
        };
        let own = self.counts.entry(Licensed(license.cloned()));
        own.or_default().add(counts);
    }

    /// Closes it: an entry for each license, none if nothing was counted. It is empty after that. `None` if there is no salt, and then
    /// nothing has changed.
    pub fn close(
        &mut self,
        product: ProductCode,
        machine: Option<&str>,
        resets: u64,
        mut salt: impl FnMut() -> Option<[u8; 16]>,
    ) -> Option<Vec<Closed>> {
        let Some(span) = self.span else {
            return Some(Vec::new());
        };
        let salts = self.counts.keys().map(|_| salt());
        let salts = salts.collect::<Option<Vec<_>>>()?;
        let counted = std::mem::take(&mut self.counts);
        let mut lowered = resets.saturating_sub(self.resets);
        let mut entries = Vec::new();
        for ((Licensed(license), counts), salt) in counted.into_iter().zip(salts) {
            let (private, commitment) = private_part(&counts, machine, salt);
            let mut entry = entry_of(&counts, self.place, product, span, commitment);
            entry.license = license;
            entry.lost = self.lost;
            entry.clock.lowered = lowered;
            let line = entry.to_line();
            self.place.seq = self.place.seq.saturating_add(1);
            self.place.prev = Hash::of_entry(&line);
            // Of the period, and not of each license.
            (lowered, self.lost) = (0, false);
            entries.push(Closed {
                entry: line,
                private,
            });
        }
        self.span = None;
        self.resets = resets;
        Some(entries)
    }

    /// What two copies know together: the one that is further on, or the higher counts.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let rank = |period: &Self| (period.span.map(|Extent(_, to)| to), period.place.chain);
        if self.place.chain != other.place.chain {
            return if rank(&self) >= rank(&other) {
                self
            } else {
                other
            };
        }
        match self.place.seq.cmp(&other.place.seq) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal => self.with_copy(other),
        }
    }

    fn with_copy(mut self, other: Self) -> Self {
        for (license, counts) in other.counts {
            let own = self.counts.remove(&license).unwrap_or_default();
            self.counts.insert(license, own.merged(counts));
        }
        self.span = match (self.span, other.span) {
            (Some(one), Some(two)) => Some(Extent(one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.resets = self.resets.min(other.resets);
        self.lost |= other.lost;
        self
    }

    /// Everything by name, for [`Period::from_json`].
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Reads what [`Period::to_json`] wrote, or returns `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let period = Self::deserialize(value).ok();
        period.filter(|period| period.place.seq > 0)
    }
}

/// The license of some counts, if one was in effect. In JSON it is the id or an empty string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Licensed(Option<LicenseId>);

impl fmt::Display for Licensed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("", LicenseId::as_str))
    }
}

serde_as_text!(Licensed, "a license id or nothing", |text| match text {
    "" => Some(Licensed(None)),
    id => LicenseId::parse(id).map(|id| Licensed(Some(id))),
});

/// The first and the last instant of a period, as two numbers in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Extent(
    #[serde(with = "unix_seconds")] Timestamp,
    #[serde(with = "unix_seconds")] Timestamp,
);

fn entry_of(
    counts: &Counts,
    place: Place,
    product: ProductCode,
    Extent(from, to): Extent,
    private: Hash,
) -> UsageEntry {
    let number = |names: usize| u64::try_from(names).unwrap_or(u64::MAX);
    UsageEntry {
        seq: place.seq,
        chain: place.chain,
        prev: place.prev,
        product,
        license: None,
        from,
        to,
        quotas: counts.quotas.clone(),
        denials: counts.denials.clone(),
        refused_features: counts.features.clone(),
        sessions: counts.opened(),
        projects: number(counts.sessions.len()),
        users: number(counts.users.len()),
        clock: ClockSeen {
            behind: counts.behind.0,
            most_seconds: counts.behind.1,
            lowered: 0,
        },
        lost: false,
        recounted: false,
        private,
    }
}
