//! Pools: who holds seats, who waits, and the end of a lease.

use axum::routing::get;
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::session::SessionId;
use license_core::time::{humanize, saturating_sub};
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Field, Form, Kind, Page as Html, Section, Table, Tabs,
    Tile, Tiles, Tone,
};
use license_seats::Seq;
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::{StrictPath, not_found};
use crate::api::pools::{end_mode, pool, reason};
use crate::api::problem::Problem;
use crate::api::seats::session;
use crate::domain::{Page, PageRequest, Permission, PoolId};
use crate::services::{EndReply, LeaseView, PoolStatus, TicketView};

/// The path of the list of pools.
const SEATS: &str = "/seats";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let end = "/seats/{pool}/leases/{session}/end";
    pages
        .page(SEATS, Permission::ReadSeats, get(list))
        .page("/seats/{pool}", Permission::ReadSeats, get(show))
        .page(
            end,
            Permission::ManageSeats,
            get(confirm_end).post(submit_end),
        )
}

/// The position in the list of pools.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    cursor: Option<String>,
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<ListQuery>) -> PageReply {
    let is_first = query.cursor.is_none();
    let page = PageQuery::new(query.cursor, None).request()?;
    let found = context.services()?.pools.shared_list(&page).await?;
    let columns = vec![
        Column::text("Pool"),
        Column::text("Customer"),
        Column::text("Seats held"),
        Column::number("Waiting"),
        Column::number("Late"),
        Column::number("Borrowed"),
        Column::text("Ends"),
        Column::text("State"),
    ];
    let mut table = Table::new("Pools", columns);
    for status in &found.items {
        table.row(vec![
            Cell::link(path_of(&status.pool), pool_label(status)),
            Cell::text(status.customer.clone()),
            held(status),
            Cell::Number(status.usage.waiting.into()),
            Cell::Number(status.usage.late.into()),
            Cell::Number(status.usage.borrowed.into()),
            status.ends_at.map_or(Cell::Empty, Cell::Time),
            state(status),
        ]);
    }
    table.empty = EmptyState::new("No license with seats").text(
        "A pool has the seats of a license and of its renewals. Install or issue a license with a \
         number of seats.",
    );
    table.first = (!is_first).then(|| SEATS.to_owned());
    table.next = found
        .next
        .as_ref()
        .map(|next| with_query(SEATS, &[("cursor", next.as_str())]));
    table.live = Some("pools".to_owned());
    let mut frame = context.frame("Seats");
    frame.events = Some("/api/v1/pools".to_owned());
    Ok(html(&Html::new(frame).with(table)))
}

/// The positions in the lists of a pool.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowQuery {
    leases: Option<String>,
    queue: Option<String>,
}

async fn show(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<ShowQuery>,
) -> PageReply {
    let (pool, pools) = (pool(&path)?, &context.services()?.pools);
    let status = pools.get(&pool).await?;
    let request = |cursor: &Option<String>| -> Result<PageRequest, Problem> {
        PageQuery::new(cursor.clone(), None).request()
    };
    let leases = pools.leases(&pool, &request(&query.leases)?).await?;
    let queue = pools.queue(&pool, &request(&query.queue)?).await?;
    let now = context.services()?.now();
    let lists = PoolLists {
        base: path_of(&pool),
        query: &query,
        now,
        may_end: context.may(Permission::ManageSeats),
    };
    let mut frame = context.frame(pool_label(&status));
    frame.parent = Some(("Seats".to_owned(), SEATS.to_owned()));
    frame.events = Some(format!("/api/v1/pools/{pool}"));
    let page = Html::new(frame)
        .with(tabs(&pool, PoolTab::Seats))
        .with(Section::new("numbers").with(tiles(&status)))
        .with(lists.leases(leases))
        .with(lists.queue(queue))
        .with(facts(&status, context.may(Permission::ReadLicenses)));
    Ok(html(&page))
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
    let of_pool = [("pool", pool.as_str())];
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
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Returns a path with a query.
pub(super) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    format!("{path}?{query}")
}

/// Returns the name of a pool for people: the product and the end of the id of its license.
pub(super) fn pool_label(status: &PoolStatus) -> String {
    let id = status.pool.as_str();
    let start = id.char_indices().rev().nth(7).map_or(0, |(start, _)| start);
    format!("{} …{}", status.product, id.get(start..).unwrap_or(id))
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
fn state(status: &PoolStatus) -> Cell {
    let usage = &status.usage;
    let taken = usage.held.saturating_add(usage.offered);
    if status.is_over_capacity {
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
        .detail("without a sign of life; others can take these seats");
    let borrowed = Tile::new("Borrowed", usage.borrowed.to_string())
        .detail("on machines without a connection");
    Tiles(vec![held, waiting, late, borrowed])
}

fn facts(status: &PoolStatus, may_read_licenses: bool) -> Facts {
    let license = status.license.to_string();
    let license = if may_read_licenses {
        Cell::link(format!("/licenses/{}", segment(&license)), license)
    } else {
        Cell::code(license)
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
        .fact(
            "Ends",
            status.ends_at.map_or(Cell::text("never"), Cell::Time),
        )
        .fact("Pool", Cell::code(status.pool.as_str()))
}

/// The lists of a pool.
struct PoolLists<'a> {
    base: String,
    query: &'a ShowQuery,
    now: DateTime<Utc>,
    may_end: bool,
}

impl PoolLists<'_> {
    fn leases(&self, leases: Page<LeaseView>) -> Table {
        let mut columns = vec![
            Column::text("User"),
            Column::text("Machine"),
            Column::text("Groups"),
            Column::text("Held since"),
            Column::number("Processes"),
            Column::text("State"),
        ];
        if self.may_end {
            columns.push(Column::text("Actions"));
        }
        let mut table = Table::new("Who holds a seat", columns);
        for lease in leases.items {
            table.row(self.lease(lease));
        }
        table.empty = EmptyState::new("Nobody holds a seat");
        let queue = self.query.queue.as_deref();
        table.first = self.query.leases.as_ref().map(|_| self.path(None, queue));
        let next = leases.next;
        table.next = next.map(|next| self.path(Some(next.as_str()), queue));
        table.live = Some("leases".to_owned());
        table
    }

    fn lease(&self, lease: LeaseView) -> Vec<Cell> {
        let since = saturating_sub(self.now, lease.granted_ago);
        let state = lease_state(&lease);
        let end = format!(
            "{}/leases/{}/end?seq={}",
            self.base, lease.session, lease.seq
        );
        let mut cells = vec![
            Cell::text(lease.user),
            lease.machine.map_or(Cell::Empty, Cell::code),
            Cell::Lines(lease.groups.into_iter().map(Cell::text).collect()),
            Cell::Time(since),
            Cell::Number(i64::try_from(lease.instances).unwrap_or(i64::MAX)),
            state,
        ];
        if self.may_end {
            let end = Action::dialog("End", end).danger();
            cells.push(Cell::Actions(vec![end]));
        }
        cells
    }

    fn queue(&self, queue: Page<TicketView>) -> Table {
        let columns = vec![
            Column::number("Place"),
            Column::text("User"),
            Column::text("Waiting since"),
            Column::text("State"),
        ];
        let mut table = Table::new("Who waits", columns);
        for ticket in queue.items {
            let state = match ticket.offered_for {
                Some(left) => {
                    let left = humanize(left.max(TimeDelta::zero()));
                    Cell::badge(Tone::Good, format!("A seat is offered for {left}"))
                }
                None if ticket.is_front => Cell::badge(Tone::Neutral, "Lost its seat, waits first"),
                None => Cell::text("waits"),
            };
            table.row(vec![
                Cell::Number(i64::try_from(ticket.position).unwrap_or(i64::MAX)),
                Cell::text(ticket.user),
                Cell::Time(saturating_sub(self.now, ticket.waited)),
                state,
            ]);
        }
        table.empty = EmptyState::new("Nobody waits");
        let leases = self.query.leases.as_deref();
        table.first = self.query.queue.as_ref().map(|_| self.path(leases, None));
        let next = queue.next;
        table.next = next.map(|next| self.path(leases, Some(next.as_str())));
        table.live = Some("queue".to_owned());
        table
    }

    /// Returns the path of the page with these positions in the lists.
    fn path(&self, leases: Option<&str>, queue: Option<&str>) -> String {
        let leases = leases.map(|cursor| ("leases", cursor));
        let queue = queue.map(|cursor| ("queue", cursor));
        let query: Vec<_> = leases.into_iter().chain(queue).collect();
        match query.as_slice() {
            [] => self.base.clone(),
            query => with_query(&self.base, query),
        }
    }
}

fn lease_state(lease: &LeaseView) -> Cell {
    let mut states = Vec::new();
    if let Some(reason) = &lease.soft_end {
        states.push(Cell::badge(Tone::Warning, format!("Ends: {reason}")));
    }
    if lease.is_late {
        states.push(Cell::badge(Tone::Warning, "Late"));
    }
    if lease.mode == license_core::claims::LeaseMode::Borrowed {
        states.push(Cell::badge(Tone::Neutral, "Borrowed"));
    }
    if lease.is_overage {
        states.push(Cell::badge(Tone::Danger, "Above the license"));
    }
    if states.is_empty() {
        states.push(Cell::badge(Tone::Good, "In use"));
    }
    Cell::Lines(states)
}

/// The lease that an administrator saw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndQuery {
    seq: Option<String>,
}

/// The form that ends a lease.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndForm {
    mode: String,
    reason: String,
    seq: String,
}

async fn confirm_end(
    context: PageContext,
    StrictPath((path, of_session)): StrictPath<(String, String)>,
    StrictQuery(query): StrictQuery<EndQuery>,
) -> PageReply {
    let (pool, session) = (pool(&path)?, session(&of_session)?);
    context.services()?.pools.get(&pool).await?;
    let seq = query.seq.unwrap_or_default();
    let page = end_page(&context, &pool);
    Ok(html(&page.with(end_form(&pool, session, &seq))))
}

async fn submit_end(
    context: PageContext,
    StrictPath((path, of_session)): StrictPath<(String, String)>,
    PageForm(sent): PageForm<EndForm>,
) -> PageReply {
    let (pool, session) = (pool(&path)?, session(&of_session)?);
    match end(&context, &pool, session, &sent).await {
        Ok(reply) => Ok(done(&path_of(&pool), &ended(&reply))),
        Err(problem) => {
            let form = end_form(&pool, session, &sent.seq);
            Ok(context.refused(end_page(&context, &pool), form, &problem))
        }
    }
}

async fn end(
    context: &PageContext,
    pool: &PoolId,
    session: SessionId,
    sent: &EndForm,
) -> Result<EndReply, Problem> {
    let (mode, reason) = (end_mode(&sent.mode)?, reason(&sent.reason)?);
    let seq = match sent.seq.as_str() {
        "" => None,
        seq => Some(Seq(seq.parse().map_err(|_| not_found("lease"))?)),
    };
    let (services, actor) = (context.services()?, context.actor()?);
    let ended = services.pools.end(actor, pool, session, seq, mode, &reason);
    Ok(ended.await?)
}

/// Returns the message about a lease that was ended.
fn ended(reply: &EndReply) -> String {
    let free = match reply.free_in.num_seconds() {
        ..=0 => "The seat is free.".to_owned(),
        _ => format!("The seat is free in {}.", humanize(reply.free_in)),
    };
    match reply.overlap.filter(|overlap| *overlap > TimeDelta::zero()) {
        None => free,
        Some(overlap) => {
            let overlap = humanize(overlap);
            format!("{free} The session before may still use it for up to {overlap}.")
        }
    }
}

fn end_page(context: &PageContext, pool: &PoolId) -> Html {
    context.page_below(("Pool", &path_of(pool)), "End the use of a seat")
}

fn end_form(pool: &PoolId, session: SessionId, seq: &str) -> Form {
    let base = path_of(pool);
    let modes = [
        (
            "soft",
            "After its lifetime: the session can finish its work",
        ),
        (
            "hard",
            "At once: the seat is free, and the session stops when it notices",
        ),
    ];
    let modes = modes.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let mode = Field::new(Kind::Choice(modes.to_vec()), "mode", "When it ends").required();
    let reason = Field::text("reason", "Reason")
        .help("The person at the machine and the audit trail see it.")
        .max_length(200)
        .required();
    Form::new(format!("{base}/leases/{session}/end"), "End the use")
        .danger()
        .hidden("seq", seq)
        .field(mode)
        .field(reason)
        .cancel(base)
}
