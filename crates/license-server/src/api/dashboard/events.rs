//! Events: changes of seats, and actions of people and programs.

use axum::routing::get;
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Field, Form, Kind, Table,
};
use serde::Deserialize;
use serde_json::Value;

use super::context::PageContext;
use super::list::{given, next, with_query};
use super::names::{Names, short_id};
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::{StrictPath, not_found};
use crate::domain::{Cursor, EVENT_KINDS, EventRecord, PageRequest, Permission as P};

/// The path of the list.
const PATH: &str = "/events";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page(PATH, P::ReadAudit, get(list))
        .page("/events/{seq}", P::ReadAudit, get(show))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EventsQuery {
    kind: String,
    cursor: Option<String>,
}

/// Returns a choice of kinds of events, and of beginnings of kinds.
pub(super) fn kind_field(name: &str, label: &str, chosen: &str) -> Field {
    let mut choices = vec![(String::new(), "All".to_owned())];
    let mut before = "";
    for kind in EVENT_KINDS {
        let beginning = kind.split('.').next().unwrap_or_default();
        if beginning != before {
            before = beginning;
            let pattern = format!("{beginning}.*");
            choices.push((pattern.clone(), pattern));
        }
        choices.push(((*kind).to_owned(), (*kind).to_owned()));
    }
    if !choices.iter().any(|(value, _)| value == chosen) {
        // A kind of an earlier version, from a link.
        choices.push((chosen.to_owned(), chosen.to_owned()));
    }
    Field::new(Kind::Choice(choices), name, label).value(chosen)
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<EventsQuery>) -> PageReply {
    let page_of = PageQuery::new(query.cursor.clone(), None).request()?;
    let kind = given(&query.kind);
    let found = context.services()?.events.newest(kind, &page_of).await?;
    let columns = ["Number", "Time", "Kind", "Object", "User", "Reason"].map(Column::text);
    let mut table = Table::new("Events, the newest first", columns.to_vec());
    table.filter = Some(Form::new(PATH, "Filter").field(kind_field("kind", "Kind", &query.kind)));
    table.empty = match kind {
        None => EmptyState::new("No event yet")
            .text("The server keeps events for 90 days. Webhooks send them to other systems."),
        Some(_) => EmptyState::new("No event of this kind").action(Action::link("Show all", PATH)),
    };
    let values = [("kind", kind)];
    table.first = query.cursor.is_some().then(|| with_query(PATH, &values));
    table.next = next(PATH, &values, found.next);
    let texts = found.items.iter().map(|event| event.subject.as_str());
    let names = Names::of(&context, texts).await?;
    for event in found.items {
        table.row(row(&event, &names));
    }
    let about = "What happened on this server: changes of seats, and actions of people and programs. \
                 Webhooks send events to other systems.";
    Ok(html(&context.page("Events").with(about).with(table)))
}

fn row(event: &EventRecord, names: &Names) -> Vec<Cell> {
    let text = |members: &[&str]| {
        let mut found = members.iter().filter_map(|name| event.details.get(*name));
        Cell::optional(found.find_map(Value::as_str).map(short_id))
    };
    vec![
        Cell::link(format!("{PATH}/{}", event.seq), event.seq.to_string()),
        Cell::Moment(event.at),
        Cell::code(event.kind.as_str()),
        names.short(&event.subject),
        text(&["user"]),
        text(&["note", "reason", "code"]),
    ]
}

async fn show(context: PageContext, StrictPath(seq): StrictPath<u64>) -> PageReply {
    let before = Cursor::after(seq.saturating_sub(1).to_string());
    let page_of = PageRequest::new(Some(before), Some(1));
    let mut found = context.services()?.events.list(&page_of).await?.items;
    let event = found.pop().filter(|event| event.seq == seq);
    let event = event.ok_or_else(|| not_found("event"))?;
    let names = Names::of(&context, [event.subject.as_str()]).await?;
    let facts = Facts::new()
        .fact("Time", Cell::Moment(event.at))
        .fact("Kind", Cell::code(event.kind))
        .fact("Object", names.cell(&event.subject));
    let details = serde_json::to_string_pretty(&event.details).unwrap_or_default();
    let page = context.page_below(("Events", PATH), format!("Event {seq}"));
    Ok(html(
        &page.with(facts).with(CodeBlock::new("Details", details)),
    ))
}
