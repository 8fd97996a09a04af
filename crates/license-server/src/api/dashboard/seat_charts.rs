//! Charts of the history of seats, and the choice of a pool and of days.

use license_core::LicenseId;
use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_dashboard::{
    Action, Cell, Chart, Column, EmptyState, Facts, Field, Kind, Series, SeriesStyle, Table,
};

use super::list::{counted, with_query};
use super::seats::{self, license_label, path_of, pool_label};
use crate::api::paths::not_found;
use crate::api::problem::Problem;
use crate::domain::{PageRequest, PoolId};
use crate::services::{HistoryItem, HistoryStep, PoolStatus, SeatHistory, Services};

/// The largest number of pools that a person can choose from.
const MAX_POOLS: usize = 100;

/// The number of hours from which the axis of a chart has days.
const HOURS_OF_TWO_DAYS: usize = 48;

/// Returns the chart of the held seats.
pub(super) fn held(title: &str, history: &SeatHistory, has_limit: bool) -> Chart {
    let items = &history.items;
    let total = history.total();
    let highest = total.held_high;
    let most = match highest {
        0 => "No seat was held.".to_owned(),
        highest => format!(
            "At most {} held at one time.",
            counted(highest, "seat was", "seats were")
        ),
    };
    let summary = match items.last().and_then(HistoryItem::capacity) {
        Some((_, seats)) if has_limit => {
            format!(
                "{most} The license has {}.",
                counted(seats, "seat", "seats")
            )
        }
        _ => most,
    };
    let mean = items.iter().map(|item| Some(item.held_mean()));
    let high = items
        .iter()
        .map(|item| Some(f64::from(item.sums.held_high)));
    let chart = chart(title, history)
        .summary(summary)
        .series(Series::new("Mean held", SeriesStyle::Area, mean))
        .series(Series::new("Highest held", SeriesStyle::Line, high));
    if !has_limit {
        return chart;
    }
    let seats = items.iter().map(|item| {
        let (_, high) = item.capacity()?;
        Some(f64::from(high))
    });
    chart.series(Series::new(
        "Seats of the license",
        SeriesStyle::Limit,
        seats,
    ))
}

/// Returns the chart of the requests that found no free seat.
pub(super) fn without_a_seat(title: &str, history: &SeatHistory) -> Chart {
    let count = |count: u64| Some(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    let items = &history.items;
    let denied = items.iter().map(|item| count(item.denied()));
    let queued = items.iter().map(|item| count(item.sums.queued));
    let total: u64 = items.iter().map(HistoryItem::denied).sum();
    let waited: u64 = items.iter().map(|item| item.sums.queued).sum();
    let summary = if total == 0 && waited == 0 {
        "Every request got a seat at once.".to_owned()
    } else {
        let denied = counted(total, "request was", "requests were");
        let waited = counted(waited, "session", "sessions");
        format!("{denied} denied, and {waited} had to wait.")
    };
    chart(title, history)
        .summary(summary)
        .series(Series::new("Denied", SeriesStyle::DangerBars, denied))
        .series(Series::new("Had to wait", SeriesStyle::Line, queued))
}

fn chart(title: &str, history: &SeatHistory) -> Chart {
    let points = history.items.iter();
    let hour = if history.items.len() > HOURS_OF_TWO_DAYS {
        "%b %-d"
    } else {
        "%H:%M"
    };
    let points = points.map(|item| match history.step {
        HistoryStep::Hour => (
            item.start.format(hour).to_string(),
            item.start.format("%Y-%m-%d %H:%M UTC").to_string(),
        ),
        HistoryStep::Day => (
            item.start.format("%b %-d").to_string(),
            item.start.format("%Y-%m-%d").to_string(),
        ),
    });
    let point = match history.step {
        HistoryStep::Hour => "Hour",
        HistoryStep::Day => "Day",
    };
    Chart::new(title, point, points)
}

/// The pools that a person can choose.
pub(super) struct PoolChoices {
    pools: Vec<PoolStatus>,
    /// Whether there are more pools. A person then writes the name of a customer.
    has_more: bool,
}

impl PoolChoices {
    /// Reads the pools, or the fullest ones if there are too many for a choice.
    pub(super) async fn read(services: &Services) -> Result<Self, Problem> {
        let page = PageRequest::new(None, Some(MAX_POOLS));
        let found = services.pools.shared_list(&page).await?;
        let has_more = found.next.is_some();
        let pools = if has_more {
            services.overview.seats().await?.fullest.clone()
        } else {
            found.items.clone()
        };
        Ok(Self { pools, has_more })
    }

    /// Returns the first pool.
    pub(super) fn first(&self) -> Option<&PoolId> {
        self.pools.first().map(|status| &status.pool)
    }

    /// Returns the field that chooses a pool. `all`: the label of the choice of all pools.
    pub(super) fn field(&self, current: &str, all: Option<&str>) -> Field {
        let pools = self.pools.iter();
        let pools = pools.map(|pool| (pool.pool.to_string(), pool_label(pool)));
        if self.has_more {
            let suggestions = Kind::Suggestions(pools.collect());
            let field = Field::new(suggestions, "pool", "Customer or pool");
            return field.max_length(200).value(current);
        }
        let all = all.map(|label| (String::new(), label.to_owned()));
        let options = all.into_iter().chain(pools).collect();
        Field::new(Kind::Choice(options), "pool", "Pool").value(current)
    }

    /// Returns the name of a pool, unless the field shows it.
    pub(super) async fn name(
        &self,
        services: &Services,
        pool: &PoolId,
    ) -> Result<Option<Facts>, Problem> {
        if !self.has_more {
            return Ok(None);
        }
        let status = services.pools.get(pool).await?;
        let customer = Cell::link(path_of(pool), status.customer.clone());
        let facts = Facts::new().fact("Customer", customer);
        let license = Cell::text(license_label(&status));
        Ok(Some(facts.fact("License", license)))
    }
}

/// The pool that a person has chosen.
pub(super) enum ChosenPool {
    /// All pools.
    All,
    /// A pool.
    One(PoolId),
    /// The pools of the customers that a text finds, none or several.
    Matches(Vec<PoolStatus>),
}

impl ChosenPool {
    /// Finds the pool of a form: the id of a pool, or the name of a customer. An empty text means
    /// all pools.
    pub(super) async fn find(services: &Services, text: Option<&str>) -> Result<Self, Problem> {
        let text = text.unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(Self::All);
        }
        let pools = &services.pools;
        if let Some(pool) = PoolId::parse(text)
            && pools.found(&pool).await?.is_some()
        {
            return Ok(Self::One(pool));
        }
        if LicenseId::parse(text).is_some() {
            return Err(not_found("pool"));
        }
        let found = pools.search(text, &PageRequest::first()).await?;
        Ok(match found.items.as_slice() {
            [one] if found.next.is_none() => Self::One(one.pool.clone()),
            _ => Self::Matches(found.items),
        })
    }
}

/// Returns the list of the pools that a text finds, with links to a page about each of them.
pub(super) fn matches(path: &str, found: &[PoolStatus]) -> Table {
    let columns = ["Customer", "License", "Seats held"].map(Column::text);
    let mut table = Table::new("Pools that match", columns.to_vec());
    for status in found {
        let target = with_query(path, &[("pool", Some(status.pool.as_str()))]);
        table.row(vec![
            Cell::link(target, status.customer.clone()),
            Cell::code(license_label(status)),
            seats::held(status),
        ]);
    }
    table.empty = EmptyState::new("No pool matches")
        .text("Search for the beginnings of words in the name of the customer.")
        .action(Action::link("Show all pools", "/seats"));
    table
}

/// Returns the field of a day.
pub(super) fn day_field(name: &str, label: &str, day: Option<NaiveDate>) -> Field {
    let value = day.map(|day| day.to_string()).unwrap_or_default();
    Field::new(Kind::Date, name, label).value(value)
}

/// Parses a day of a form. An empty text is no day.
pub(super) fn day(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    match text.unwrap_or_default() {
        "" => Ok(None),
        text => license_core::time::parse_date(text).map(Some).map_err(|_| {
            let shown: String = text.chars().take(60).collect();
            Problem::malformed(format!("{name}: the day is not one of a calendar"))
                .values("a day such as 2027-01-31", shown)
        }),
    }
}

/// Returns the first instant of a day, and that of the day after another one.
pub(super) fn instants(
    from: Option<NaiveDate>,
    through: Option<NaiveDate>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let start = |day: NaiveDate| license_core::time::start_of_day(day);
    let end = |day: NaiveDate| license_core::time::saturating_add(start(day), TimeDelta::days(1));
    (from.map(start), through.map(end))
}
