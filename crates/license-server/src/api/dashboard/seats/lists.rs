//! The lists of a pool: who holds a seat, and who waits.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::LeaseMode;
use license_core::time::{humanize, saturating_sub};
use license_dashboard::{Action, Cell, Column, EmptyState, Table, Tone};

use super::ShowQuery;
use crate::api::dashboard::list::with_query;
use crate::domain::Page;
use crate::services::{LeaseView, TicketView};

/// The lists of a pool.
pub(super) struct PoolLists<'a> {
    pub(super) base: String,
    pub(super) query: &'a ShowQuery,
    pub(super) now: DateTime<Utc>,
    pub(super) may_end: bool,
}

impl PoolLists<'_> {
    pub(super) fn leases(&self, leases: Page<LeaseView>) -> Table {
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
        table.empty = EmptyState::new("No seats are held");
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

    pub(super) fn queue(&self, queue: Page<TicketView>) -> Table {
        let columns = vec![
            Column::text("Place"),
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
                Cell::text(ticket.position.to_string()),
                Cell::text(ticket.user),
                Cell::Time(saturating_sub(self.now, ticket.waited)),
                state,
            ]);
        }
        table.empty = EmptyState::new("The queue is empty");
        let leases = self.query.leases.as_deref();
        table.first = self.query.queue.as_ref().map(|_| self.path(leases, None));
        let next = queue.next;
        table.next = next.map(|next| self.path(leases, Some(next.as_str())));
        table.live = Some("queue".to_owned());
        table
    }

    /// Returns the path of the page with these positions in the lists.
    fn path(&self, leases: Option<&str>, queue: Option<&str>) -> String {
        with_query(&self.base, &[("leases", leases), ("queue", queue)])
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
    if lease.mode == LeaseMode::Borrowed {
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
