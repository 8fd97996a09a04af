//! Charts of the history of seats, and the choice of a pool and of days.

use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_dashboard::{Chart, Field, Kind, Series, SeriesStyle};

use super::list::counted;
use super::seats::pool_label;
use crate::api::problem::Problem;
use crate::domain::{PageRequest, PoolId};
use crate::services::{HistoryItem, HistoryStep, PoolStatus, SeatHistory, Services};

/// The largest number of pools that a person can choose from.
const MAX_POOLS: usize = 100;

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
    let points = points.map(|item| match history.step {
        HistoryStep::Hour => (
            item.start.format("%H:%M").to_string(),
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

/// Returns the pools that a person can choose.
pub(super) async fn choices(services: &Services) -> Result<Vec<PoolStatus>, Problem> {
    let page = PageRequest::new(None, Some(MAX_POOLS));
    let found = services.pools.shared_list(&page).await?;
    Ok(found.items.clone())
}

/// Returns the field that chooses a pool. `all`: the label of the choice of all pools.
pub(super) fn pool_field(
    pools: &[PoolStatus],
    current: Option<&PoolId>,
    all: Option<&str>,
) -> Field {
    let mut options: Vec<_> = all
        .into_iter()
        .map(|label| (String::new(), label.to_owned()))
        .collect();
    options.extend(
        pools
            .iter()
            .map(|pool| (pool.pool.to_string(), pool_label(pool))),
    );
    // A pool beyond the choices can be chosen with its page.
    if let Some(current) = current
        && !options.iter().any(|(id, _)| id == current.as_str())
    {
        options.push((current.to_string(), current.to_string()));
    }
    let field = Field::new(Kind::Choice(options), "pool", "Pool");
    field.value(current.map_or("", PoolId::as_str))
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

/// Parses the pool of a form. An empty text is no pool.
pub(super) fn chosen_pool(text: Option<&str>) -> Result<Option<PoolId>, Problem> {
    match text.unwrap_or_default() {
        "" => Ok(None),
        text => crate::api::pools::pool(text).map(Some),
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
