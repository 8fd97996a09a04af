//! Usage: charts of the seats, and usage reports.

use axum::routing::get;
use license_core::chrono::TimeDelta;
use license_core::time::humanize;
use license_dashboard::{
    Action, Cell, Column, EmptyState, Field, Filter, Form, Kind, Page as Html, Table, Tile, Tiles,
    Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::form_values::expected;
use super::list::{counted, with_query};
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use super::seat_charts::{
    ChosenPool, PoolChoices, day, day_field, held, instants, matches, without_a_seat,
};
use super::seats::segment;
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::problem::Problem;
use crate::domain::Permission;
use crate::services::{HistoryItem, HistoryRange, HistoryStep, SeatHistory};

/// The path of the page.
const USAGE: &str = "/usage";

/// The longest time whose items are hours, in days.
const MAX_DAYS_OF_HOURS: i64 = 7;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let delete = "/usage/delete-reports";
    pages.page(USAGE, Permission::ReadUsage, get(show)).page(
        delete,
        Permission::ManageUsage,
        get(confirm).post(submit),
    )
}

/// The query of the page.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageQuery {
    pool: Option<String>,
    /// `day`, `month` or `own`.
    time: Option<String>,
    from: Option<String>,
    through: Option<String>,
    /// The position in the list of reports.
    reports: Option<String>,
}

async fn show(context: PageContext, StrictQuery(query): StrictQuery<UsageQuery>) -> PageReply {
    let mut page = context.page("Usage");
    if context.may(Permission::ReadSeats) {
        page = with_seats(&context, page, &query).await?;
    }
    Ok(html(&page.with(reports(&context, &query).await?)))
}

/// Adds the charts of the seats.
async fn with_seats(
    context: &PageContext,
    page: Html,
    query: &UsageQuery,
) -> Result<Html, Problem> {
    let services = context.services()?;
    let pools = PoolChoices::read(services).await?;
    let chosen = ChosenPool::find(services, query.pool.as_deref()).await?;
    let range = range(query)?;
    let (from, through) = days(query)?;
    let times = [
        ("day", "Last 24 hours"),
        ("month", "Last 30 days"),
        ("own", "These days"),
    ];
    let times = times.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let time = Field::new(Kind::Choice(times.to_vec()), "time", "Time");
    let current = match &chosen {
        ChosenPool::One(pool) => pool.as_str(),
        _ => query.pool.as_deref().unwrap_or_default(),
    };
    let filter = Form::new(USAGE, "Show")
        .field(pools.field(current, Some("All pools")))
        .field(time.value(chosen_time(query)))
        .field(day_field("from", "First day", from))
        .field(day_field("through", "Last day", through));
    let page = page.with(Filter(filter));
    let pool = match chosen {
        ChosenPool::All => None,
        ChosenPool::One(pool) => Some(pool),
        ChosenPool::Matches(found) => return Ok(page.with(matches(USAGE, &found))),
    };
    let name = match &pool {
        None => None,
        Some(pool) => pools.name(services, pool).await?,
    };
    let history = services.seat_history.history(pool.as_ref(), &range).await?;
    let has_limit = pool.is_some();
    Ok(page
        .with_some(name)
        .with(tiles(&history))
        .with(held("Seats held", &history, has_limit))
        .with(without_a_seat("Requests without a free seat", &history))
        .with(denials(&history)))
}

/// Returns the name of the time that is shown.
fn chosen_time(query: &UsageQuery) -> &str {
    let has_days = [&query.from, &query.through]
        .into_iter()
        .any(|day| day.as_deref().is_some_and(|day| !day.is_empty()));
    match query.time.as_deref() {
        Some(time) => time,
        None if has_days => "own",
        None => "day",
    }
}

type Days = (
    Option<license_core::chrono::NaiveDate>,
    Option<license_core::chrono::NaiveDate>,
);

fn days(query: &UsageQuery) -> Result<Days, Problem> {
    let from = day("from", query.from.as_deref())?;
    Ok((from, day("through", query.through.as_deref())?))
}

fn range(query: &UsageQuery) -> Result<HistoryRange, Problem> {
    let fixed = |step| HistoryRange {
        from: None,
        to: None,
        step,
    };
    match chosen_time(query) {
        "day" => Ok(fixed(HistoryStep::Hour)),
        "month" => Ok(fixed(HistoryStep::Day)),
        "own" => {
            let (from, through) = days(query)?;
            let (from, to) = instants(from, through);
            let is_short = from.zip(to).is_some_and(|(from, to)| {
                to.signed_duration_since(from) <= TimeDelta::days(MAX_DAYS_OF_HOURS)
            });
            let step = if is_short {
                HistoryStep::Hour
            } else {
                HistoryStep::Day
            };
            Ok(HistoryRange { from, to, step })
        }
        time => {
            let shown: String = time.chars().take(60).collect();
            let problem = Problem::malformed("the time is unknown");
            Err(problem.values("day, month or own", shown))
        }
    }
}

/// Returns the number of a tile.
fn number(count: u64) -> Cell {
    Cell::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

fn tiles(history: &SeatHistory) -> Tiles {
    let total = history.total();
    let denied: u64 = history.items.iter().map(HistoryItem::denied).sum();
    let full = TimeDelta::milliseconds(i64::try_from(total.full_ms).unwrap_or(i64::MAX));
    let wait = i64::try_from(total.longest_wait_ms).unwrap_or(i64::MAX);
    let denied_tile = Tile::new("Denied", denied.to_string()).detail("requests for a seat");
    let denied_tile = match denied {
        0 => denied_tile,
        _ => denied_tile.tone(Tone::Warning),
    };
    Tiles(vec![
        Tile::new("Highest held", total.held_high.to_string()).detail("seats at one time"),
        Tile::new("Granted", total.granted.to_string()).detail(match total.overage {
            0 => "requests for a seat".to_owned(),
            above => format!("requests, {above} of them above the license"),
        }),
        denied_tile,
        Tile::new("Without a free seat", shown(full)).detail("all seats of a license in use"),
        Tile::new("Longest wait", shown(TimeDelta::milliseconds(wait))).detail(format!(
            "{} to wait",
            counted(total.queued, "session had", "sessions had")
        )),
    ])
}

/// Returns a length of time for people.
fn shown(time: TimeDelta) -> String {
    if time < TimeDelta::seconds(1) {
        "none".to_owned()
    } else {
        humanize(time).to_string()
    }
}

fn denials(history: &SeatHistory) -> Table {
    let columns = vec![Column::text("Reason"), Column::number("Requests")];
    let mut table = Table::new("Denied requests by reason", columns);
    for (code, count) in history.denials() {
        table.row(vec![denial(code), number(count)]);
    }
    table.empty = EmptyState::new("No request was denied");
    table
}

/// Returns the reason of a denial.
fn denial(code: impl AsRef<str>) -> Cell {
    let code = code.as_ref();
    let words = match code {
        "NO_SEAT" => "No free seat",
        "USER_LIMIT" => "Too many different users",
        "SHARE_LIMIT" => "The group, user or machine has all seats that are reserved for it",
        "QUEUE_FULL" => "The queue is full",
        "ON_HOLD" => "The seats are kept for earlier sessions",
        "LICENSE_ENDED" => "The license has ended",
        code => return Cell::code(code),
    };
    Cell::Lines(vec![Cell::text(words), Cell::code(code)])
}

async fn reports(context: &PageContext, query: &UsageQuery) -> Result<Table, Problem> {
    let page = PageQuery::new(query.reports.clone(), None).request()?;
    let found = context.services()?.usage.list(&page).await?;
    let columns = vec![
        Column::number("Number"),
        Column::text("License"),
        Column::text("Product"),
        Column::number("Entries"),
        Column::text("Received"),
    ];
    let mut table = Table::new("Usage reports of machines", columns);
    let may_read_licenses = context.may(Permission::ReadLicenses);
    for report in found.items {
        let license = report.license.to_string();
        let license = if may_read_licenses {
            Cell::link(format!("/licenses/{}", segment(&license)), license)
        } else {
            Cell::code(license)
        };
        table.row(vec![
            number(report.number),
            license,
            Cell::code(report.product),
            number(report.entries),
            Cell::Time(report.received_at),
        ]);
    }
    table.empty = EmptyState::new("No usage reports")
        .text("Programs record what they use, and machines send it with their license.");
    let export = Action::download("Export", "/api/v1/usage-reports/export");
    table.actions = vec![export];
    if context.may(Permission::ManageUsage) {
        let delete = Action::dialog("Delete", "/usage/delete-reports").danger();
        table.actions.push(delete);
    }
    table.first = query.reports.as_ref().map(|_| path_at(query, None));
    table.next = found.next.map(|next| path_at(query, Some(next.as_str())));
    Ok(table)
}

/// Returns the path of the page with this position in the list of reports.
fn path_at(query: &UsageQuery, reports: Option<&str>) -> String {
    let values = [
        ("pool", query.pool.as_deref()),
        ("time", query.time.as_deref()),
        ("from", query.from.as_deref()),
        ("through", query.through.as_deref()),
        ("reports", reports),
    ];
    with_query(USAGE, &values)
}

/// The reports to delete.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteReportsForm {
    through: String,
}

async fn confirm(context: PageContext) -> PageReply {
    Ok(html(&delete_page(&context).with(delete_form(""))))
}

async fn submit(context: PageContext, PageForm(sent): PageForm<DeleteReportsForm>) -> PageReply {
    let through = sent
        .through
        .trim()
        .parse::<u64>()
        .map_err(|_| expected("through", "the number of the last report to delete"));
    let deleted = match through {
        Ok(through) => {
            let (usage, actor) = (&context.services()?.usage, context.actor()?);
            usage.delete(actor, through).await.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match deleted {
        Ok(count) => Ok(done(USAGE, &format!("{count} usage reports are deleted"))),
        Err(problem) => {
            let form = delete_form(&sent.through);
            Ok(context.refused(delete_page(&context), form, &problem))
        }
    }
}

fn delete_page(context: &PageContext) -> Html {
    context.page_below(("Usage", USAGE), "Delete usage reports")
}

fn delete_form(through: &str) -> Form {
    let field = Field::new(Kind::Number, "through", "Number of the last report")
        .value(through)
        .help("This report and all earlier ones are deleted. Export them before.")
        .required();
    Form::new("/usage/delete-reports", "Delete the reports")
        .danger()
        .field(field)
        .cancel(USAGE)
}
