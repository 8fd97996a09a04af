//! Pools: who holds seats, who waits, and the end of a lease.

mod end;
mod lists;
mod pool_list;

use axum::extract::State;
use axum::routing::get;
use license_core::chrono::{DateTime, Utc};
use license_dashboard::{Cell, Facts, Notice, Page as Html, Section, Tabs, Tile, Tiles, Tone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

pub(super) use self::end::holder;
use self::lists::PoolLists;
use super::context::PageContext;
use super::licenses::last_day;
use super::list::with_query;
use super::listing::ListingQuery;
use super::names::short_id;
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::App;
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::pools::pool;
use crate::api::problem::Problem;
use crate::domain::{Page, Permission, PoolId};
use crate::services::{LeaseView, PoolStatus};

/// The path of the list of pools.
const SEATS: &str = "/seats";

/// The number of holders that are searched and sorted.
const MAX_SEARCHED: usize = 10_000;

/// The characters of a segment of a path that are escaped: all but the unreserved ones of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let end = "/seats/{pool}/leases/{session}/end";
    let methods = get(end::confirm).post(end::submit);
    pages
        .page(SEATS, Permission::ReadSeats, get(pool_list::list))
        .page("/seats/{pool}", Permission::ReadSeats, get(show))
        .page(
            "/seats/{pool}/export",
            Permission::ReadSeats,
            get(lists::export),
        )
        .page(end, Permission::ManageSeats, methods)
}

/// The state of the lists of a pool. The search, the order and the position are those of the list
/// of who holds a seat.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ShowQuery {
    text: String,
    sort: String,
    order: String,
    skip: String,
    /// The position in the list of who holds a seat, in the order of the store.
    after: Option<String>,
    queue: Option<String>,
}

impl ShowQuery {
    fn listing(&self) -> ListingQuery {
        ListingQuery {
            text: self.text.clone(),
            sort: self.sort.clone(),
            order: self.order.clone(),
            skip: self.skip.clone(),
        }
    }

    /// Returns whether the list of who holds a seat is a page of the store: it has neither a search
    /// nor another order than that of the time.
    fn is_page(&self) -> bool {
        let is_by_time = matches!(self.sort.as_str(), "" | "since") && self.order != "desc";
        is_by_time && self.text.trim().is_empty() && self.skip.is_empty()
    }
}

/// Returns the leases of the list of who holds a seat, before a search in them.
async fn holders(
    context: &PageContext,
    pool: &PoolId,
    query: &ShowQuery,
) -> Result<Page<LeaseView>, Problem> {
    let pools = &context.services()?.pools;
    if query.is_page() {
        let page = PageQuery::new(query.after.clone(), None).request()?;
        return Ok(pools.leases(pool, &page).await?);
    }
    Ok(pools.first_leases(pool, MAX_SEARCHED).await?)
}

async fn show(
    State(app): State<App>,
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<ShowQuery>,
) -> PageReply {
    let (pool, pools) = (pool(&path)?, &context.services()?.pools);
    let status = pools.get(&pool).await?;
    let leases = holders(&context, &pool, &query).await?;
    let is_cut = !query.is_page() && leases.next.is_some();
    let page = PageQuery::new(query.queue.clone(), None).request()?;
    let queue = pools.queue(&pool, &page).await?;
    let now = context.services()?.now();
    let lists = PoolLists {
        base: path_of(&pool),
        query: query.listing(),
        after: query.after.clone(),
        has_queue_before: query.queue.is_some(),
        server: app.url().to_owned(),
        now,
        may_end: context.may(Permission::ManageSeats),
    };
    let mut frame = context.frame(status.customer.clone());
    frame.parent = Some(("Seats".to_owned(), SEATS.to_owned()));
    frame.events = Some(format!("/api/v1/pools/{}", segment(pool.as_str())));
    let page = Html::new(frame)
        .with(tabs(&pool, PoolTab::Seats))
        .with(Section::new("numbers").with(tiles(&status)))
        .with_some(is_cut.then(cut))
        .with(lists.leases(leases, query.is_page()))
        .with(lists.queue(queue))
        .with(facts(&status, now, context.may(Permission::ReadLicenses)));
    Ok(html(&page))
}

/// Returns the message about a list that does not have all holders.
fn cut() -> Notice {
    Notice::new(Tone::Neutral, "The pool has more holders than are searched").text(format!(
        "The search and the order have the {MAX_SEARCHED} seats that have been held for the longest \
         time."
    ))
}

/// The pages of a pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PoolTab {
    Seats,
    Policy,
}

/// Returns the links to the pages of a pool.
pub(super) fn tabs(pool: &PoolId, current: PoolTab) -> Tabs {
    let base = path_of(pool);
    let of_pool = [("pool", Some(pool.as_str()))];
    Tabs::new("Pool")
        .tab("Seats", base.clone(), current == PoolTab::Seats)
        .tab(
            "Policy",
            format!("{base}/policy"),
            current == PoolTab::Policy,
        )
        .tab("Usage", with_query("/usage", &of_pool), false)
        .tab(
            "Seat planning",
            with_query("/seat-planning", &of_pool),
            false,
        )
}

/// Returns the path of the page of a pool.
pub(super) fn path_of(pool: &PoolId) -> String {
    format!("{SEATS}/{}", segment(pool.as_str()))
}

/// Returns a text as a segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Returns the name of a pool for people: the customer, the product and the end of the id of its
/// license.
pub(super) fn pool_label(status: &PoolStatus) -> String {
    format!("{} – {}", status.customer, license_label(status))
}

/// Returns the product and the end of the id of the license of a pool.
pub(super) fn license_label(status: &PoolStatus) -> String {
    format!("{} {}", status.product, short_id(status.pool.as_str()))
}

/// Returns how many seats are held.
pub(super) fn held(status: &PoolStatus) -> Cell {
    if status.is_unlimited {
        return Cell::text(format!("{} (no limit)", status.usage.held));
    }
    Cell::Share {
        part: status.usage.held.into(),
        whole: status.usage.capacity.into(),
    }
}

/// Returns whether a pool has seats for others.
fn state(status: &PoolStatus, now: DateTime<Utc>) -> Cell {
    let usage = &status.usage;
    let taken = usage.held.saturating_add(usage.offered);
    if !status.is_in_effect(now) {
        Cell::badge(Tone::Neutral, "No valid license")
    } else if status.is_over_capacity {
        Cell::badge(Tone::Danger, "Above the license")
    } else if taken >= usage.allowed {
        Cell::badge(Tone::Warning, "No free seat")
    } else {
        Cell::badge(Tone::Good, "Seats are free")
    }
}

fn tiles(status: &PoolStatus) -> Tiles {
    let usage = &status.usage;
    let capacity = if status.is_unlimited {
        "no limit".to_owned()
    } else {
        format!("of {}", usage.capacity)
    };
    let taken = usage.held.saturating_add(usage.offered);
    let tone = match taken {
        _ if status.is_over_capacity => Tone::Danger,
        taken if taken >= usage.allowed => Tone::Warning,
        _ => Tone::Neutral,
    };
    let held = Tile::new("Seats held", usage.held.to_string())
        .detail(capacity)
        .tone(tone);
    let waiting = Tile::new("Waiting", usage.waiting.to_string()).detail(match usage.offered {
        0 => "sessions in the queue".to_owned(),
        offered => format!("and {offered} with an offered seat"),
    });
    let late = Tile::new("Late", usage.late.to_string())
        .detail("no sign of life; others can take these seats");
    let borrowed = Tile::new("Borrowed", usage.borrowed.to_string())
        .detail("on machines without a connection");
    Tiles(vec![held, waiting, late, borrowed])
}

fn facts(status: &PoolStatus, now: DateTime<Utc>, may_read_licenses: bool) -> Facts {
    let license = status.license.to_string();
    let license = if may_read_licenses {
        Cell::link(format!("/licenses/{}", segment(&license)), license)
    } else {
        Cell::code(license)
    };
    let end = match status.ends_at {
        None => Cell::text("never"),
        Some(_) if !status.is_in_effect(now) => Cell::text("no license is valid now"),
        Some(end) => Cell::Time(end),
    };
    let allowed = if status.is_unlimited {
        Cell::text("no limit")
    } else {
        Cell::Number(status.usage.allowed.into())
    };
    Facts::new()
        .title("License")
        .fact("License", license)
        .fact("Product", Cell::code(status.product.clone()))
        .fact("Customer", Cell::text(status.customer.clone()))
        .fact("Seats with overage", allowed)
        .fact("Last day", last_day(status.expires_at))
        .fact("Seats are lent until", end)
        .fact("Pool", Cell::id(status.pool.as_str()))
}
