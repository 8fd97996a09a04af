//! The lists of a pool: who holds a seat, and who waits.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::LeaseMode;
use license_core::time::{humanize, rfc3339, saturating_sub};
use license_dashboard::{Action, Cell, Column, EmptyState, Table, Tone};

use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::list::with_query;
use crate::api::dashboard::listing::{Listing, ListingQuery, csv};
use crate::api::dashboard::reply::PageReply;
use crate::api::paths::StrictPath;
use crate::api::pools::pool;
use crate::domain::{Cursor, Page};
use crate::services::{LeaseView, TicketView};

/// The lists of a pool.
pub(super) struct PoolLists {
    pub(super) base: String,
    /// The state of the list of who holds a seat.
    pub(super) query: ListingQuery,
    /// The position in the list of who holds a seat, if it is in the order of the store.
    pub(super) after: Option<String>,
    /// Whether the list of who waits does not begin with the first one.
    pub(super) has_queue_before: bool,
    /// The address of the server for its clients.
    pub(super) server: String,
    pub(super) now: DateTime<Utc>,
    pub(super) may_end: bool,
}

/// The label of the search for holders.
const SEARCH: &str = "User, machine or group";

impl PoolLists {
    /// Returns the list of who holds a seat. `is_page`: the leases are a page of the store.
    /// Otherwise, they are all leases, or as many as are searched.
    pub(super) fn leases(&self, found: Page<LeaseView>, is_page: bool) -> Table {
        let listing = Listing::new(&self.base, &self.query);
        let mut columns = vec![
            listing.column("User", "user", false),
            listing.column("Machine", "machine", false),
            Column::text("Groups"),
            listing.column("Held since", "since", true),
            Column::number("Processes"),
            Column::text("State"),
        ];
        if self.may_end {
            columns.push(Column::text("Actions"));
        }
        let mut table = Table::new("Who holds a seat", columns);
        if !found.items.is_empty() {
            let target = format!("{}/export", self.base);
            table.actions = vec![Action::download("Export as CSV", target)];
        }
        table.empty = if listing.is_filtered() {
            let all = Action::link("Show all", self.base.as_str());
            EmptyState::new("No holder matches").action(all)
        } else {
            EmptyState::new("No seats are held").text(format!(
                "Name this server on each machine: license config set server-url {}",
                self.server
            ))
        };
        let leases = if is_page {
            table.filter = Some(listing.filter(SEARCH));
            table.first = self.after.as_ref().map(|_| self.base.clone());
            let after = found.next.as_ref().map(Cursor::as_str);
            table.next = after.map(|after| with_query(&self.base, &[("after", Some(after))]));
            found.items
        } else {
            listing.paged(&mut table, SEARCH, selected(&listing, found.items))
        };
        for lease in leases {
            table.row(self.lease(lease));
        }
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
        let end = Action::dialog("End", end).danger().about(&lease.user);
        let mut cells = vec![
            Cell::text(lease.user),
            lease.machine.map_or(Cell::Empty, Cell::code),
            Cell::Lines(lease.groups.into_iter().map(Cell::text).collect()),
            Cell::Time(since),
            Cell::Number(i64::try_from(lease.instances).unwrap_or(i64::MAX)),
            state,
        ];
        if self.may_end {
            cells.push(Cell::Actions(vec![end]));
        }
        cells
    }

    pub(super) fn queue(&self, queue: Page<TicketView>) -> Table {
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
                None => Cell::text("Waits"),
            };
            table.row(vec![
                Cell::text(ticket.position.to_string()),
                Cell::text(ticket.user),
                Cell::Time(saturating_sub(self.now, ticket.waited)),
                state,
            ]);
        }
        table.empty = EmptyState::new("The queue is empty");
        table.first = self.has_queue_before.then(|| self.queue_at(None));
        let next = queue.next;
        table.next = next.map(|next| self.queue_at(Some(next.as_str())));
        table.live = Some("queue".to_owned());
        table
    }

    /// Returns the path of the page with another position in the queue.
    fn queue_at(&self, cursor: Option<&str>) -> String {
        let query = &self.query;
        let values = [
            ("text", Some(query.text.as_str())),
            ("sort", Some(query.sort.as_str())),
            ("order", Some(query.order.as_str())),
            ("skip", Some(query.skip.as_str())),
            ("queue", cursor),
        ];
        with_query(&self.base, &values)
    }
}

/// Returns the leases that match the search, in the order of the list.
fn selected(listing: &Listing<'_>, mut leases: Vec<LeaseView>) -> Vec<LeaseView> {
    leases.retain(|lease| {
        let mut texts = vec![
            lease.user.as_str(),
            lease.machine.as_deref().unwrap_or_default(),
        ];
        texts.extend(lease.groups.iter().map(String::as_str));
        listing.finds(&texts)
    });
    match listing.sort() {
        "user" => leases.sort_by_cached_key(|lease| lease.user.to_lowercase()),
        "machine" => leases.sort_by(|a, b| a.machine.cmp(&b.machine)),
        // They are in the order of their times.
        _ => {}
    }
    listing.ordered(leases)
}

/// Returns who holds a seat of a pool, for a spreadsheet.
pub(super) async fn export(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
) -> PageReply {
    let (pool, services) = (pool(&path)?, context.services()?);
    let now = services.now();
    let leases = services.pools.first_leases(&pool, usize::MAX).await?;
    let leases = leases.items.into_iter();
    let header = [
        "user",
        "machine",
        "groups",
        "held_since",
        "processes",
        "state",
        "session",
    ];
    let rows = leases.map(|lease| {
        let states = states(&lease).into_iter().map(|(_, state)| state);
        [
            lease.user.clone(),
            lease.machine.clone().unwrap_or_default(),
            lease.groups.join(" "),
            rfc3339(saturating_sub(now, lease.granted_ago)).to_string(),
            lease.instances.to_string(),
            states.collect::<Vec<_>>().join(", "),
            lease.session.to_string(),
        ]
    });
    Ok(csv("seats", header, rows))
}

/// Returns the states of a lease for people.
fn states(lease: &LeaseView) -> Vec<(Tone, String)> {
    let mut states = Vec::new();
    if let Some(reason) = &lease.soft_end {
        states.push((Tone::Warning, format!("Ends: {reason}")));
    }
    if lease.is_late {
        states.push((Tone::Warning, "Late".to_owned()));
    }
    if lease.mode == LeaseMode::Borrowed {
        states.push((Tone::Neutral, "Borrowed".to_owned()));
    }
    if lease.is_overage {
        states.push((Tone::Danger, "Above the license".to_owned()));
    }
    if states.is_empty() {
        states.push((Tone::Good, "In use".to_owned()));
    }
    states
}

fn lease_state(lease: &LeaseView) -> Cell {
    let states = states(lease).into_iter();
    Cell::Lines(
        states
            .map(|(tone, state)| Cell::badge(tone, state))
            .collect(),
    )
}
