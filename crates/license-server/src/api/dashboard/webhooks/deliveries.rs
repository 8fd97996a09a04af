//! Deliveries to a webhook.

use axum::routing::{get, post};
use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Kind, Table, Tone};
use serde::Deserialize;

use super::{below, path};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::{NoFields, PageForm};
use crate::api::dashboard::form_values::{day, expected};
use crate::api::dashboard::list::{given, next, with_query};
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::pages::PageQuery;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Permission as P, Webhook, WebhookDelivery, WebhookDeliveryState};
use license_core::chrono::NaiveTime;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page(
            "/webhooks/{webhook}/deliveries/{delivery}/replay",
            P::ManageWebhooks,
            post(replay),
        )
        .page(
            "/webhooks/{webhook}/replay",
            P::ManageWebhooks,
            get(show_replay).post(replay_failed),
        )
}

/// The state of the list, as the URL has it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveryListQuery {
    state: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayForm {
    since: String,
}

/// Returns a page of the deliveries.
pub(super) async fn table(
    context: &PageContext,
    webhook: &Webhook,
    query: &DeliveryListQuery,
) -> Result<Table, Problem> {
    let state = query.state.as_deref().and_then(given);
    let state = state.map(|text| {
        WebhookDeliveryState::parse(text).ok_or_else(|| {
            Problem::malformed("the state is unknown")
                .values("waiting, delivered or failed", "another text")
        })
    });
    let page_of = PageQuery::new(query.cursor.clone(), None).request()?;
    let webhooks = &context.services()?.webhooks;
    let found = webhooks
        .deliveries(&webhook.id, state.transpose()?, &page_of)
        .await?;
    let may = context.may(P::ManageWebhooks);
    let mut columns = [
        "Event",
        "State",
        "Attempts",
        "Queued",
        "Last attempt",
        "Answer",
    ]
    .map(Column::text)
    .to_vec();
    if may {
        columns.push(Column::text("Actions"));
    }
    let (target, values) = (path(&webhook.id), [("state", query.state.as_deref())]);
    let mut table = Table::new("Deliveries, the newest first", columns);
    table.empty = EmptyState::new("No delivery");
    table.filter = Some(filter(&target, query));
    let is_first = query.cursor.is_none();
    table.first = (!is_first).then(|| with_query(&target, &values));
    table.next = next(&target, &values, found.next);
    if may && webhook.disabled.is_none() {
        let replay = format!("{target}/replay");
        table.actions = vec![Action::dialog("Repeat failed deliveries", replay)];
    }
    for delivery in found.items {
        table.row(row(webhook, delivery, may));
    }
    Ok(table)
}

fn filter(target: &str, query: &DeliveryListQuery) -> Form {
    let states = [
        ("", "All"),
        ("waiting", "Waiting"),
        ("delivered", "Delivered"),
        ("failed", "Failed"),
    ];
    let states = states.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let state = Field::new(Kind::Choice(states.to_vec()), "state", "State");
    let state = state.value(query.state.clone().unwrap_or_default());
    Form::new(target, "Filter").field(state)
}

fn row(webhook: &Webhook, delivery: WebhookDelivery, may: bool) -> Vec<Cell> {
    let (tone, state) = match delivery.state {
        WebhookDeliveryState::Waiting => (Tone::Neutral, "Waiting"),
        WebhookDeliveryState::Delivered => (Tone::Good, "Delivered"),
        WebhookDeliveryState::Failed => (Tone::Danger, "Failed"),
    };
    let status = delivery
        .last_status
        .map(|status| Cell::text(status.to_string()));
    let error = delivery.last_error.map(Cell::text);
    let answer: Vec<_> = status.into_iter().chain(error).collect();
    let event = delivery.event.map(|seq| Cell::code(seq.to_string()));
    let kind = Cell::code(delivery.kind);
    let mut cells = vec![
        Cell::Lines([Some(kind), event].into_iter().flatten().collect()),
        Cell::badge(tone, state),
        Cell::Number(i64::try_from(delivery.attempts).unwrap_or(i64::MAX)),
        Cell::Time(delivery.queued_at),
        Cell::time(delivery.last_at),
        if answer.is_empty() {
            Cell::Empty
        } else {
            Cell::Lines(answer)
        },
    ];
    if may {
        let is_over = delivery.state != WebhookDeliveryState::Waiting;
        cells.push(if is_over && webhook.disabled.is_none() {
            let target = format!("{}/deliveries/{}/replay", path(&webhook.id), delivery.id);
            Cell::Actions(vec![Action::post("Repeat", target)])
        } else {
            Cell::Empty
        });
    }
    cells
}

async fn replay(
    context: PageContext,
    StrictPath((id, delivery)): StrictPath<(String, String)>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let webhooks = &context.services()?.webhooks;
    webhooks.replay(context.actor()?, &id, &delivery).await?;
    Ok(done(&path(&id), "The delivery is repeated."))
}

async fn show_replay(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let webhook = context.services()?.webhooks.get(&id).await?;
    let page = below(&context, &webhook, "Repeat failed deliveries");
    Ok(html(&page.with(replay_form(&webhook, ""))))
}

fn replay_form(webhook: &Webhook, since: &str) -> Form {
    let target = path(&webhook.id);
    let field = Field::new(Kind::Date, "since", "Queued since").value(since);
    Form::new(format!("{target}/replay"), "Repeat")
        .field(field.required().focus())
        .cancel(target)
}

async fn replay_failed(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<ReplayForm>,
) -> PageReply {
    let webhooks = &context.services()?.webhooks;
    let webhook = webhooks.get(&id).await?;
    let repeated = async {
        let found = day("since", &sent.since)?;
        let day = found.ok_or_else(|| expected("since", "a date such as 2027-12-31"))?;
        let since = day.and_time(NaiveTime::MIN).and_utc();
        let repeated = webhooks.replay_failed(context.actor()?, &id, since);
        Ok::<_, Problem>(repeated.await?)
    };
    match repeated.await {
        Ok(count) => {
            let message = match count {
                0 => "There was nothing to repeat.".to_owned(),
                1000 => "1000 deliveries are repeated. Repeat the rest in the same way.".to_owned(),
                count => format!("{count} deliveries are repeated."),
            };
            Ok(done(&path(&id), &message))
        }
        Err(problem) => {
            let page = below(&context, &webhook, "Repeat failed deliveries");
            Ok(context.refused(page, replay_form(&webhook, &sent.since), &problem))
        }
    }
}
