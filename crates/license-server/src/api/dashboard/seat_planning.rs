//! How many seats a pool needs.

use std::collections::BTreeSet;

use axum::routing::get;
use license_core::chrono::{Days, NaiveDate, TimeDelta};
use license_core::time::humanize;
use license_dashboard::{
    Cell, Chart, Column, Disclosure, Filter, Form, Notice, Page as Html, Series, SeriesStyle,
    Table, Tile, Tiles, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::list::counted;
use super::pages::Pages;
use super::reply::{PageReply, html};
use super::seat_charts::{
    ChosenPool, PoolChoices, day, day_field, instants, matches, without_a_seat,
};
use crate::api::pages::StrictQuery;
use crate::api::problem::Problem;
use crate::domain::{Permission, PoolId};
use crate::services::{HistoryRange, HistoryStep, SeatPlan, Services};

/// The path of the page.
const PLANNING: &str = "/seat-planning";

/// How many fewer and more seats than those of the license the page shows.
const AROUND: u32 = 5;

/// How many days before the last one the chart by hour begins.
const DAYS_OF_HOURS: Days = Days::new(30);

/// The largest number of bars of the chart.
const MAX_BARS: u32 = 60;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.page(PLANNING, Permission::ReadSeats, get(show))
}

/// The query of the page.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanningQuery {
    pool: Option<String>,
    from: Option<String>,
    through: Option<String>,
}

async fn show(context: PageContext, StrictQuery(query): StrictQuery<PlanningQuery>) -> PageReply {
    let services = context.services()?;
    let pools = PoolChoices::read(services).await?;
    let chosen = ChosenPool::find(services, query.pool.as_deref()).await?;
    let page = context.page("Seat planning");
    let from = day("from", query.from.as_deref())?;
    let through = day("through", query.through.as_deref())?;
    let pool = match chosen {
        ChosenPool::One(pool) => pool,
        ChosenPool::All => match pools.first() {
            Some(first) => first.clone(),
            None => return Ok(html(&page.with(no_pool()))),
        },
        ChosenPool::Matches(found) => {
            let text = query.pool.as_deref().unwrap_or_default();
            let filter = filter(&pools, text, (from, through));
            return Ok(html(&page.with(filter).with(matches(PLANNING, &found))));
        }
    };
    let plan = services.seat_history.plan(&pool, from, through).await?;
    let days = (Some(plan.from), Some(plan.through));
    let page = page
        .with("How many seats do we need? The page compares the requests for seats with other numbers of seats.")
        .with(filter(&pools, pool.as_str(), days))
        .with_some(pools.name(services, &pool).await?)
        .with(tiles(&plan));
    let page = if plan.requests().requests() == 0 {
        let notice = Notice::new(
            Tone::Neutral,
            "There were no requests for a seat in this time",
        );
        page.with(notice)
    } else {
        page.with(answer(&plan))
            .with(table(&plan))
            .with(chart(&plan))
    };
    let hours = hours(services, &pool, &plan).await?;
    Ok(html(&with_explanation(page.with(hours))))
}

fn no_pool() -> Notice {
    Notice::new(Tone::Neutral, "No license with seats")
        .text("This page says how many seats a license needs, once its seats have been used.")
}

/// Returns the fields that choose a pool and days.
fn filter(pools: &PoolChoices, pool: &str, days: (Option<NaiveDate>, Option<NaiveDate>)) -> Filter {
    let form = Form::new(PLANNING, "Show")
        .field(pools.field(pool, None))
        .field(day_field("from", "First day", days.0))
        .field(day_field("through", "Last day", days.1));
    Filter(form)
}

/// Returns the chart of the requests without a free seat by hour, of the last days of the plan.
async fn hours(services: &Services, pool: &PoolId, plan: &SeatPlan) -> Result<Chart, Problem> {
    let first = plan.through.checked_sub_days(DAYS_OF_HOURS);
    let first = first.map_or(plan.from, |first| first.max(plan.from));
    let (from, to) = instants(Some(first), Some(plan.through));
    let range = HistoryRange {
        from,
        to,
        step: HistoryStep::Hour,
    };
    let history = services.seat_history.history(Some(pool), &range).await?;
    let title = if first == plan.from {
        "Requests without a free seat by hour".to_owned()
    } else {
        format!("Requests without a free seat by hour, from {first}")
    };
    Ok(without_a_seat(&title, &history))
}

fn tiles(plan: &SeatPlan) -> Tiles {
    let requests = plan.requests();
    let seats = plan
        .capacity
        .map_or_else(|| "no limit".to_owned(), |seats| seats.to_string());
    let full = i64::try_from(plan.sums.full_ms).unwrap_or(i64::MAX);
    let full = humanize(TimeDelta::milliseconds(full)).to_string();
    let denied = Tile::new("Denied for lack of seats", requests.denied.to_string())
        .detail(format!("and {} had to wait", requests.queued));
    let denied = match requests.denied {
        0 => denied,
        _ => denied.tone(Tone::Warning),
    };
    let hours = Tile::new("Hours at capacity", plan.full_hours.to_string());
    Tiles(vec![
        Tile::new("Seats now", seats).detail("of the license"),
        Tile::new("Highest held", plan.sums.held_high.to_string()).detail("seats at one time"),
        match plan.full_hours {
            0 => hours.detail("in which all seats were in use"),
            _ => hours.detail(format!("with all seats in use for {full} together")),
        },
        denied,
    ])
}

/// Returns the answer in sentences.
fn answer(plan: &SeatPlan) -> Notice {
    let total = plan.requests().requests();
    let (all, most) = (plan.seats_for(0), plan.seats_for(10));
    let serve = |seats: u32| {
        let verb = if seats == 1 { "serves" } else { "serve" };
        format!("{} {verb}", counted(seats, "seat", "seats"))
    };
    let title = format!(
        "{} every request at once, and {} 99 %",
        serve(all),
        serve(most)
    );
    let Some(capacity) = plan.capacity else {
        return Notice::new(Tone::Neutral, title);
    };
    let now = plan.without_a_seat(capacity);
    let fewer = capacity.saturating_sub(1);
    let without = plan.without_a_seat(fewer);
    let tone = if now == 0 { Tone::Good } else { Tone::Warning };
    Notice::new(tone, title).text(format!(
        "With the {} of the license, {now} of {total} requests found no free seat. With {}, it would \
         have been at most {without}.",
        counted(capacity, "seat", "seats"),
        counted(fewer, "seat", "seats"),
    ))
}

/// Returns the numbers of seats around those of the license and those that are needed.
fn around(plan: &SeatPlan) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::from([plan.seats_for(0), plan.seats_for(10), plan.seats_for(50)]);
    if let Some(capacity) = plan.capacity {
        let first = capacity.saturating_sub(AROUND).max(1);
        numbers.extend(first..=capacity.saturating_add(AROUND));
    }
    numbers.remove(&0);
    numbers
}

fn table(plan: &SeatPlan) -> Table {
    let columns = vec![
        Column::number("Seats"),
        Column::text("Remark"),
        Column::number("Requests without a free seat, at most"),
        Column::number("Share of all requests"),
    ];
    let mut table = Table::new("With another number of seats", columns);
    let total = plan.requests().requests().max(1);
    for seats in around(plan) {
        let without = plan.without_a_seat(seats);
        let tenths = without.saturating_mul(1000).div_ceil(total);
        let mut remarks = Vec::new();
        if plan.capacity == Some(seats) {
            remarks.push(Cell::badge(Tone::Neutral, "Seats now"));
        }
        if plan.allowed == Some(seats) && plan.allowed != plan.capacity {
            remarks.push(Cell::badge(Tone::Neutral, "With overage"));
        }
        if seats == plan.seats_for(0) {
            remarks.push(Cell::badge(Tone::Good, "Serves every request"));
        }
        table.row(vec![
            Cell::Number(seats.into()),
            Cell::Lines(remarks),
            Cell::Number(i64::try_from(without).unwrap_or(i64::MAX)),
            Cell::text(format!("{}.{} %", tenths / 10, tenths % 10)),
        ]);
    }
    table
}

/// Returns the chart of the requests by number of seats.
fn chart(plan: &SeatPlan) -> Chart {
    let last = plan.seats_for(0).max(plan.capacity.unwrap_or(0)).max(1);
    let step = last.div_ceil(MAX_BARS).max(1);
    let numbers: Vec<u32> = (1..=last)
        .filter(|seats| seats.is_multiple_of(step))
        .collect();
    let points = numbers.iter().map(|seats| {
        let now = if plan.capacity == Some(*seats) {
            ", seats now"
        } else {
            ""
        };
        (
            seats.to_string(),
            format!("{}{now}", counted(*seats, "seat", "seats")),
        )
    });
    let without = numbers.iter().map(|seats| {
        let without = u32::try_from(plan.without_a_seat(*seats)).unwrap_or(u32::MAX);
        Some(f64::from(without))
    });
    let name = "Requests without a free seat, at most";
    Chart::new(
        "Requests without a free seat by number of seats",
        "Seats",
        points.collect::<Vec<_>>(),
    )
    .series(Series::new(name, SeriesStyle::Bars, without))
}

fn with_explanation(page: Html) -> Html {
    page.with(
        Disclosure::new("How the numbers are counted")
            .with(
                "Each request for a seat counts with the number of seats that it needed to be served \
                 at once. For a request that got a seat, this is exact: the seats in use after the \
                 grant, without those of sessions that had stopped.",
            )
            .with(
                "With fewer seats, the real number is at most the shown one: a session that is denied \
                 holds no seat, so that a later request finds one more often.",
            )
            .with(
                "For denied requests, the number of missing seats is an estimate. It assumes that a \
                 denied session would have held its seat as long as other sessions do, and that a \
                 repeated request of the same session would have used the same seat.",
            ),
    )
}
