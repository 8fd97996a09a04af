//! Events: changes of seats, and actions of people and programs.

use axum::routing::get;
use license_dashboard::{Cell, Column, EmptyState, Table};

use super::context::PageContext;
use super::list::next;
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::domain::Permission as P;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.page("/events", P::ReadAudit, get(list))
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<PageQuery>) -> PageReply {
    let page_of = query.request()?;
    let is_first = page_of.after.is_none();
    let found = context.services()?.events.newest(&page_of).await?;
    let columns = ["Time", "Kind", "Object", "Details", "Number"].map(Column::text);
    let mut table = Table::new("Events, the newest first", columns.to_vec());
    table.empty = EmptyState::new("No event yet")
        .text("The server keeps events for 90 days. Webhooks send them to other systems.");
    table.first = (!is_first).then(|| "/events".to_owned());
    table.next = next("/events", &[], found.next);
    let texts = found.items.iter().map(|event| event.subject.as_str());
    let names = Names::of(&context, texts).await?;
    for event in found.items {
        table.row(vec![
            Cell::Time(event.at),
            Cell::code(event.kind),
            names.cell(&event.subject),
            Cell::code(event.details.to_string()),
            Cell::code(event.seq.to_string()),
        ]);
    }
    Ok(html(&context.page("Events").with(table)))
}
