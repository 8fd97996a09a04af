//! The list of pools: all of them, those in use, and those that a search finds.

use license_core::chrono::{DateTime, Utc};
use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Page as Html, Table};
use serde::Deserialize;

use super::{SEATS, held, license_label, path_of, state};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::licenses::last_day;
use crate::api::dashboard::list::{next, with_query};
use crate::api::dashboard::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::problem::Problem;
use crate::domain::{Page, PageRequest};
use crate::services::PoolStatus;

/// The order by the share of held seats, as the URL has it.
const BY_USE: &str = "held";

/// The state of the list. A browser sends empty fields too.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PoolListQuery {
    text: String,
    sort: String,
    /// The position in the list of the pools in use.
    skip: String,
    /// The position in the other lists.
    cursor: Option<String>,
}

impl PoolListQuery {
    fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// Returns whether the list has the pools in use. A search has its own order.
    fn is_by_use(&self) -> bool {
        self.text().is_none() && self.sort == BY_USE
    }
}

/// The rows of a page, and the paths of other pages.
struct PoolRows {
    items: Vec<PoolStatus>,
    first: Option<String>,
    next: Option<String>,
}

/// Shows pools.
pub(super) async fn list(
    context: PageContext,
    StrictQuery(query): StrictQuery<PoolListQuery>,
) -> PageReply {
    let rows = if query.is_by_use() {
        in_use(&context, &query).await?
    } else {
        page(&context, &query).await?
    };
    let mut table = table(&query);
    let now = context.services()?.now();
    for status in &rows.items {
        table.row(row(status, now));
    }
    table.empty = empty(&query);
    table.first = rows.first;
    table.next = rows.next;
    table.live = Some("pools".to_owned());
    let mut frame = context.frame("Seats");
    frame.events = Some("/api/v1/pools".to_owned());
    Ok(html(&Html::new(frame).with(table)))
}

/// Returns a page of the pools that a search finds, or of all pools.
async fn page(context: &PageContext, query: &PoolListQuery) -> Result<PoolRows, Problem> {
    let pools = &context.services()?.pools;
    let page = PageQuery::new(query.cursor.clone(), None).request()?;
    let Page { items, next: to } = match query.text() {
        Some(text) => pools.search(text, &page).await?,
        None => pools.shared_list(&page).await?.as_ref().clone(),
    };
    let values = [("text", query.text())];
    let is_first = query.cursor.is_none();
    Ok(PoolRows {
        items,
        first: (!is_first).then(|| with_query(SEATS, &values)),
        next: next(SEATS, &values, to),
    })
}

/// Returns a page of the pools in use.
async fn in_use(context: &PageContext, query: &PoolListQuery) -> Result<PoolRows, Problem> {
    let skip: usize = query.skip.parse().unwrap_or(0);
    let limit = PageRequest::DEFAULT_LIMIT;
    let found = context.services()?.pools.in_use(skip, limit).await?;
    let at = |skip: Option<usize>| {
        let skip = skip.map(|skip| skip.to_string());
        with_query(SEATS, &[("sort", Some(BY_USE)), ("skip", skip.as_deref())])
    };
    Ok(PoolRows {
        items: found.items,
        first: (skip > 0).then(|| at(None)),
        next: found.has_more.then(|| at(Some(skip.saturating_add(limit)))),
    })
}

fn table(query: &PoolListQuery) -> Table {
    let is_by_use = query.is_by_use();
    let by_use = with_query(SEATS, &[("sort", Some(BY_USE).filter(|_| !is_by_use))]);
    let columns = vec![
        Column::text("Customer"),
        Column::text("State"),
        Column::text("Seats held").sorted_by(by_use, is_by_use.then_some(false)),
        Column::number("Waiting"),
        Column::number("Late"),
        Column::number("Borrowed"),
        Column::text("License"),
        Column::text("Last day"),
    ];
    let caption = if is_by_use {
        "Pools in use, the fullest first"
    } else {
        "Pools"
    };
    let mut table = Table::new(caption, columns);
    let text = Field::text("text", "Customer, license or key").max_length(200);
    table.filter = Some(Form::new(SEATS, "Search").field(text.value(&query.text)));
    table
}

fn row(status: &PoolStatus, now: DateTime<Utc>) -> Vec<Cell> {
    vec![
        Cell::link(path_of(&status.pool), status.customer.clone()),
        state(status, now),
        held(status),
        Cell::Number(status.usage.waiting.into()),
        Cell::Number(status.usage.late.into()),
        Cell::Number(status.usage.borrowed.into()),
        Cell::code(license_label(status)),
        if status.is_in_effect(now) {
            last_day(status.expires_at)
        } else {
            Cell::Empty
        },
    ]
}

fn empty(query: &PoolListQuery) -> EmptyState {
    let all = || Action::link("Show all", SEATS);
    if query.text().is_some() {
        return EmptyState::new("No pool matches")
            .text("Search for the beginnings of words.")
            .action(all());
    }
    if query.is_by_use() {
        return EmptyState::new("No seat is held").action(all());
    }
    EmptyState::new("No license with seats").text(
        "A pool has the seats of a license and of its renewals. Install or issue a license with a \
         number of seats.",
    )
}
