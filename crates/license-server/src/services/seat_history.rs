//! The history of floating seats: how many were used, and how many are needed.

mod collector;
mod plan;
mod unserved;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_seats::PoolTerms;

pub(super) use self::collector::SeatCollector;
pub use self::plan::SeatPlan;

use super::seats::SeatService;
use super::site::Site;
use crate::clock::ServerClock;
use crate::domain::{
    HistoryDay, HistoryHour, PoolId, Refusal, RefusalKind, SeatScope, SeatSums, ServerCode,
};

/// After how many ticks the history is stored.
const STORE_TICKS: u64 = 5;

/// The largest number of rows that are stored together, so that acquires do not wait for long.
const ROWS_OF_PIECE: usize = 500;

/// After how many ticks old rows are deleted.
const FORGET_TICKS: u64 = 60 * 60;

/// For how many days the history is kept: 13 months.
pub const HISTORY_DAYS: i64 = 400;

/// The largest number of rows of each table of the history.
const MAX_ROWS: u32 = 2_000_000;

/// The largest number of items of one answer.
const MAX_ITEMS: i64 = 1_000;

/// The length of the items of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryStep {
    /// An hour.
    Hour,
    /// A day in UTC.
    Day,
}

impl HistoryStep {
    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Hour, Self::Day]
            .into_iter()
            .find(|step| step.as_str() == text)
    }

    const fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }
}

/// The time of a history. A time without a bound has a default: the last 24 hours, or the last 30
/// days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRange {
    /// The start. The first item contains it.
    pub from: Option<DateTime<Utc>>,
    /// The end. The last item starts before it.
    pub to: Option<DateTime<Utc>>,
    /// The length of the items.
    pub step: HistoryStep,
}

/// The sums of a step of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryItem {
    /// The start of the step.
    pub start: DateTime<Utc>,
    /// The part of the step that has passed.
    pub passed: TimeDelta,
    /// The sums. A step without events has no sums.
    pub sums: SeatSums,
    /// The denials by reason code.
    pub denials: BTreeMap<String, u64>,
}

impl HistoryItem {
    /// Returns the mean number of held seats, in steps of a thousandth.
    pub fn held_mean(&self) -> f64 {
        let passed = u64::try_from(self.passed.num_milliseconds()).unwrap_or(0);
        let thousandths = self.sums.held_ms.saturating_mul(1000) / passed.max(1);
        f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0
    }

    /// Returns the number of denials.
    pub fn denied(&self) -> u64 {
        self.denials.values().copied().sum()
    }

    /// Returns the lowest and the highest number of seats of the license, if they are known and
    /// limited.
    pub fn capacity(&self) -> Option<(u32, u32)> {
        let (low, high) = (self.sums.capacity_low, self.sums.capacity_high);
        (high != 0 && low != u32::MAX).then_some((low, high))
    }
}

/// The history of a pool, or of all pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatHistory {
    /// The length of the items.
    pub step: HistoryStep,
    /// The items without a gap, the oldest first.
    pub items: Vec<HistoryItem>,
}

impl SeatHistory {
    /// Returns the sums of all items.
    pub fn total(&self) -> SeatSums {
        let mut total = SeatSums::default();
        for item in &self.items {
            total.add(&item.sums);
        }
        total
    }

    /// Returns the denials of all items by reason code.
    pub fn denials(&self) -> BTreeMap<String, u64> {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for (code, count) in self.items.iter().flat_map(|item| &item.denials) {
            let sum = sums.entry(code.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        sums
    }
}

/// Keeps the history of floating seats, and answers questions about it.
#[derive(Clone)]
pub struct SeatHistoryService {
    site: Arc<Site>,
    seats: SeatService,
}

impl SeatHistoryService {
    pub(super) fn new(site: Arc<Site>, seats: SeatService) -> Self {
        Self { site, seats }
    }

    /// Observes the pools, and stores the history and forgets old rows if it is time. `number` is
    /// the number of the tick.
    pub(super) async fn tick(&self, number: u64) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let observes = store.observes_pools();
        if observes || self.site.live.is_watched() {
            let levels = store.pool_levels(tenant).await?;
            if observes {
                let boot_ms = self.site.clock.boot_ms();
                let history = &self.site.seat_history;
                history.observe(&levels, boot_ms, self.site.wall());
            }
            self.site
                .live
                .publish(levels, self.site.content().version, number);
        }
        if !observes {
            self.site.seat_history.stop_observing();
        }
        if number.is_multiple_of(STORE_TICKS) {
            self.store().await?;
        }
        if number.is_multiple_of(FORGET_TICKS) {
            let today = HistoryHour::of(self.site.wall()).day();
            let before = today.plus(HISTORY_DAYS.saturating_neg());
            while store.forget_seat_history(tenant, before, MAX_ROWS).await? > 0 {}
        }
        Ok(())
    }

    /// Stores what was collected.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be written. The next call tries again.
    pub(crate) async fn store(&self) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut pieces = self
            .site
            .seat_history
            .take()
            .pieces(ROWS_OF_PIECE)
            .into_iter();
        while let Some(piece) = pieces.next() {
            let stored = store.add_seat_history(tenant, piece.clone()).await;
            if let Err(error) = stored {
                for piece in std::iter::once(piece).chain(pieces) {
                    self.site.seat_history.put_back(piece);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Returns the history of a pool, or of all pools. The last seconds can be missing.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license, and `BAD_REQUEST` if the time is empty or
    /// has too many steps.
    pub async fn history(
        &self,
        pool: Option<&PoolId>,
        range: &HistoryRange,
    ) -> Result<SeatHistory, Refusal> {
        let scope = match pool {
            None => SeatScope::All,
            Some(pool) => {
                self.seats.current(pool).await?;
                SeatScope::Pool(pool.clone())
            }
        };
        let now = self.site.wall();
        let (from, until) = hours(range, now)?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let stored = store.seat_history(tenant, &scope, from, until).await?;
        let mut items = Vec::new();
        let mut start = from;
        while start < until {
            let end = start.plus(range.step.hours());
            let mut item = HistoryItem {
                start: start.start(),
                passed: now.min(end.start()).signed_duration_since(start.start()),
                sums: SeatSums::default(),
                denials: BTreeMap::new(),
            };
            for (_, sums) in stored.hours.range(start..end) {
                item.sums.add(sums);
            }
            for (code, count) in stored
                .denials
                .range(start..end)
                .flat_map(|(_, codes)| codes)
            {
                let sum = item.denials.entry(code.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
            items.push(item);
            start = end;
        }
        Ok(SeatHistory {
            step: range.step,
            items,
        })
    }

    /// Returns what is needed to decide on the number of seats of a pool. The default is the last
    /// 30 days.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license, and `BAD_REQUEST` if the time is empty or
    /// longer than 400 days.
    pub async fn plan(
        &self,
        pool: &PoolId,
        from: Option<NaiveDate>,
        through: Option<NaiveDate>,
    ) -> Result<SeatPlan, Refusal> {
        let current = self.seats.current(pool).await?;
        let today = HistoryHour::of(self.site.wall()).day();
        let last = through.map_or(today, HistoryDay::of).min(today);
        let first = from.map_or(last.plus(-29), HistoryDay::of);
        let days = last.0.saturating_sub(first.0).saturating_add(1);
        if !(1..=HISTORY_DAYS).contains(&days) {
            return Err(bad_range(format!("1 to {HISTORY_DAYS} days"), days));
        }
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let until = last.plus(1);
        let demand = store.seat_demand(tenant, pool, first, until).await?;
        let scope = SeatScope::Pool(pool.clone());
        let (from, until) = (first.first_hour(), until.first_hour());
        let stored = store.seat_history(tenant, &scope, from, until).await?;
        let limit =
            |terms: &PoolTerms, seats: u32| Some(seats).filter(|_| terms.capacity != u32::MAX);
        let terms = &current.terms;
        Ok(SeatPlan::new(
            (first.date(), last.date()),
            (limit(terms, terms.capacity), limit(terms, terms.allowed())),
            &stored,
            demand,
        ))
    }
}

/// Returns the hours of a range, which are whole steps.
fn hours(range: &HistoryRange, now: DateTime<Utc>) -> Result<(HistoryHour, HistoryHour), Refusal> {
    let step = range.step.hours();
    let floor = |at: DateTime<Utc>| HistoryHour(HistoryHour::of(at).0.div_euclid(step) * step);
    let last = match range.to {
        // The end itself belongs to no item, unless it is now.
        Some(to) if to <= now => license_core::time::saturating_sub(to, TimeDelta::milliseconds(1)),
        _ => now,
    };
    let until = floor(last).plus(step);
    let count = match range.step {
        HistoryStep::Hour => 24,
        HistoryStep::Day => 30,
    };
    let from = match range.from {
        Some(from) => floor(from),
        None => until.plus(-(count * step)),
    };
    let items = until.0.saturating_sub(from.0).div_euclid(step);
    let most = match range.step {
        HistoryStep::Hour => MAX_ITEMS,
        HistoryStep::Day => HISTORY_DAYS,
    };
    if !(1..=most).contains(&items) {
        let expected = format!("1 to {most} steps of one {}", range.step.as_str());
        return Err(bad_range(expected, format!("{items} steps")));
    }
    Ok((from, until))
}

fn bad_range(expected: String, found: impl ToString) -> Refusal {
    let detail = "the time of the history is empty, in the future or too long";
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
        .values(expected, found.to_string())
        .hint("choose a `from` before the end, or a longer `step`")
}

#[cfg(test)]
mod tests;
