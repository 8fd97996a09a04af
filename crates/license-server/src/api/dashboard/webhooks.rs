//! Webhooks, which send events to other systems.

mod deliveries;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use license_dashboard::{
    Action, Cell, CodeBlock, Column, Disclosure, EmptyState, Facts, Field, Form, Kind, Notice,
    Page, Table, Tone,
};
use serde::Deserialize;

use self::deliveries::DeliveryListQuery;
use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::words;
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::pages::StrictQuery;
use crate::api::paths::StrictPath;
use crate::domain::{DisabledReason, EVENT_KINDS, EventFilter, Permission as P, Webhook};
use crate::services::{NewWebhook, WebhookOrder, WebhookUpdate};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let pages = pages
        .page("/webhooks", P::ReadWebhooks, get(list))
        .page(
            "/webhooks/new",
            P::ManageWebhooks,
            get(show_new).post(create),
        )
        .page("/webhooks/{webhook}", P::ReadWebhooks, get(show))
        .page(
            "/webhooks/{webhook}/edit",
            P::ManageWebhooks,
            get(show_edit).post(edit),
        )
        .page("/webhooks/{webhook}/test", P::ManageWebhooks, post(test))
        .page(
            "/webhooks/{webhook}/secret",
            P::ManageWebhooks,
            get(show_rotate).post(rotate),
        )
        .page(
            "/webhooks/{webhook}/delete",
            P::ManageWebhooks,
            get(show_delete).post(delete),
        );
    deliveries::pages(pages)
}

const WEBHOOKS: (&str, &str) = ("Webhooks", "/webhooks");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookForm {
    url: String,
    events: String,
    description: String,
    enabled: Option<String>,
}

fn path(webhook: &str) -> String {
    format!("/webhooks/{webhook}")
}

async fn list(context: PageContext) -> PageReply {
    let webhooks = context.services()?.webhooks.list().await?;
    let columns = ["Address", "Description", "State", "Events", "Created"].map(Column::text);
    let mut table = Table::new("Webhooks", columns.to_vec());
    table.empty = EmptyState::new("There are no webhooks");
    for webhook in webhooks {
        let state = state(&webhook);
        // The path of a URL can be a secret, so the list has the host only.
        let origin = webhook.url.origin();
        table.row(vec![
            Cell::link(path(&webhook.id), origin),
            Cell::optional(Some(webhook.description).filter(|text| !text.is_empty())),
            state,
            events(&webhook.events),
            Cell::Time(webhook.created_at),
        ]);
    }
    let mut page = context
        .page("Webhooks")
        .with("A webhook sends events to another system, such as a chat.");
    if may_create(&context) {
        page = page.action(Action::link("Create a webhook", "/webhooks/new").primary());
    }
    Ok(html(&page.with(table)))
}

/// Returns the kinds of events of a webhook.
fn events(kinds: &EventFilter) -> Cell {
    match kinds.to_string().as_str() {
        "*" => Cell::text("All kinds"),
        kinds => Cell::code(kinds),
    }
}

/// Returns whether the person may decide which events a receiver gets, and with which secret.
fn may_create(context: &PageContext) -> bool {
    context.may(P::ManageWebhooks) && context.may(P::ReadAudit)
}

fn state(webhook: &Webhook) -> Cell {
    match (webhook.disabled, webhook.failing_since) {
        (Some(DisabledReason::Administrator), _) => Cell::badge(Tone::Neutral, "Disabled"),
        (Some(DisabledReason::Gone), _) => {
            Cell::badge(Tone::Danger, "Disabled: the receiver is gone")
        }
        (Some(DisabledReason::Failing), _) => Cell::badge(Tone::Danger, "Disabled after failures"),
        (None, Some(_)) => Cell::badge(Tone::Warning, "Failing"),
        (None, None) => Cell::badge(Tone::Good, "Enabled"),
    }
}

async fn show_new(context: PageContext) -> PageReply {
    let form = form(
        "/webhooks/new",
        "Create",
        "/webhooks",
        &WebhookForm {
            url: String::new(),
            events: "license.*".to_owned(),
            description: String::new(),
            enabled: None,
        },
    );
    Ok(html(&new_page(&context).with(form).with(kinds())))
}

fn new_page(context: &PageContext) -> Page {
    context.page_below(WEBHOOKS, "Create a webhook")
}

fn form(target: &str, submit: &str, cancel: &str, sent: &WebhookForm) -> Form {
    let url = Field::text("url", "URL of the receiver").value(sent.url.clone());
    let events = Field::new(Kind::Lines, "events", "Kinds of events").value(sent.events.clone());
    let description = Field::text("description", "Description").value(sent.description.clone());
    Form::new(target, submit)
        .field(url.required().max_length(2048))
        .field(events.required().help(
            "One in a line, such as license.revoke, all of a beginning such as license.*, or *.",
        ))
        .field(description.max_length(200))
        .cancel(cancel)
}

/// Returns the known kinds of events.
fn kinds() -> Disclosure {
    Disclosure::new("Kinds of events").with(EVENT_KINDS.join(", "))
}

async fn create(context: PageContext, PageForm(sent): PageForm<WebhookForm>) -> PageReply {
    let order = WebhookOrder {
        url: sent.url.trim().to_owned(),
        events: words(&sent.events),
        description: sent.description.clone(),
    };
    let caller = context.caller()?;
    let webhooks = &caller.services().webhooks;
    match webhooks.create(caller.principal(), &order).await {
        Ok(new) => Ok(secret(&context, "The webhook is created", new)),
        Err(refusal) => {
            let form = form("/webhooks/new", "Create", "/webhooks", &sent);
            let page = new_page(&context).with(kinds());
            Ok(context.refused(page, form, &refusal.into()))
        }
    }
}

/// Returns the page with a new secret, which is shown once.
fn secret(context: &PageContext, title: &str, new: NewWebhook) -> Response {
    let target = path(&new.webhook.id);
    let page = context
        .page_below(WEBHOOKS, title)
        .with("The receiver verifies deliveries with this secret. It is shown once.")
        .with(CodeBlock::new("Secret", new.secret.to_string()))
        .with(vec![Action::link("Go to the webhook", target)]);
    (StatusCode::CREATED, html(&page)).into_response()
}

async fn show(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    StrictQuery(query): StrictQuery<DeliveryListQuery>,
) -> PageReply {
    let webhook = context.services()?.webhooks.get(&id).await?;
    let deliveries = deliveries::table(&context, &webhook, &query).await?;
    let mut page = context.page_below(WEBHOOKS, webhook.url.origin());
    let target = path(&webhook.id);
    if may_create(&context) {
        page = page
            .action(Action::link("Change", format!("{target}/edit")))
            .action(Action::dialog("New secret", format!("{target}/secret")));
    }
    if context.may(P::ManageWebhooks) {
        if webhook.disabled.is_none() {
            page = page.action(Action::post("Send a test", format!("{target}/test")));
        }
        page = page.action(Action::dialog("Delete", format!("{target}/delete")).danger());
    }
    let names = Names::of(&context, [webhook.created_by.as_str()]).await?;
    let facts = Facts::new()
        .fact("URL", Cell::code(webhook.url.expose()))
        .fact("State", state(&webhook))
        .fact("Events", events(&webhook.events))
        .some(
            "Description",
            Some(webhook.description.clone())
                .filter(|text| !text.is_empty())
                .map(Cell::text),
        )
        .fact("Created by", names.cell(&webhook.created_by))
        .fact("Created", Cell::Time(webhook.created_at))
        .some("Failing since", webhook.failing_since.map(Cell::Time))
        .some(
            "Former secret valid until",
            webhook.previous_until.map(Cell::Time),
        );
    Ok(html(&page.with(facts).with(deliveries)))
}

fn below(context: &PageContext, webhook: &Webhook, title: &str) -> Page {
    context.page_below((webhook.url.origin(), &path(&webhook.id)), title)
}

async fn show_edit(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let webhook = context.services()?.webhooks.get(&id).await?;
    let sent = WebhookForm {
        url: webhook.url.expose().to_owned(),
        events: webhook.events.patterns().join("\n"),
        description: webhook.description.clone(),
        enabled: webhook.disabled.is_none().then(|| "true".to_owned()),
    };
    let page = below(&context, &webhook, "Change the webhook");
    Ok(html(&page.with(edit_form(&webhook, &sent)).with(kinds())))
}

fn edit_form(webhook: &Webhook, sent: &WebhookForm) -> Form {
    let target = path(&webhook.id);
    let enabled = Field::new(Kind::Check, "enabled", "Gets deliveries")
        .value(sent.enabled.clone().unwrap_or_default());
    form(&format!("{target}/edit"), "Save", &target, sent).field(enabled)
}

async fn edit(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<WebhookForm>,
) -> PageReply {
    let caller = context.caller()?;
    let webhooks = &caller.services().webhooks;
    let webhook = webhooks.get(&id).await?;
    let update = WebhookUpdate {
        url: Some(sent.url.trim().to_owned()),
        events: Some(words(&sent.events)),
        description: Some(sent.description.clone()),
        is_enabled: Some(sent.enabled.as_deref() == Some("true")),
    };
    match webhooks.update(caller.principal(), &id, update).await {
        Ok(_) => Ok(done(&path(&id), "The webhook is changed.")),
        Err(refusal) => {
            let page = below(&context, &webhook, "Change the webhook").with(kinds());
            Ok(context.refused(page, edit_form(&webhook, &sent), &refusal.into()))
        }
    }
}

async fn test(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let webhooks = &context.services()?.webhooks;
    webhooks.test(context.actor()?, &id).await?;
    Ok(done(
        &path(&id),
        "The test is on its way. Reload the page for the result.",
    ))
}

async fn show_rotate(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let webhook = context.services()?.webhooks.get(&id).await?;
    let notice = Notice::warning("The receiver needs the new secret within 24 hours")
        .text("Until then, deliveries are signed with both secrets.");
    let target = path(&webhook.id);
    let form = Form::new(format!("{target}/secret"), "Create a new secret").cancel(target);
    let page = below(&context, &webhook, "New secret");
    Ok(html(&page.with(notice).with(form)))
}

async fn rotate(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let caller = context.caller()?;
    let webhooks = &caller.services().webhooks;
    let new = webhooks.rotate(caller.principal(), &id).await?;
    Ok(secret(&context, "The webhook has a new secret", new))
}

async fn show_delete(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let webhook = context.services()?.webhooks.get(&id).await?;
    let target = path(&webhook.id);
    let form = Form::new(format!("{target}/delete"), "Delete")
        .danger()
        .cancel(target);
    let page = below(&context, &webhook, "Delete the webhook");
    Ok(html(
        &page
            .with("The webhook is deleted with its deliveries.")
            .with(form),
    ))
}

async fn delete(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let webhooks = &context.services()?.webhooks;
    webhooks.delete(context.actor()?, &id).await?;
    Ok(done("/webhooks", "The webhook is deleted."))
}
