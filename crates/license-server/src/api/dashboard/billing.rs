//! Billing: subscriptions with the states of their licenses, plans, events, and links for
//! customers.

mod forms;

use axum::routing::{get, post};
use license_core::LicenseId;
use license_dashboard::{
    Action, Block, Cell, Column, EmptyState, Facts, Field, Form, Kind, Notice, Page, Table, Tabs,
    Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::list::{next, state_field, state_label, with_query};
use super::names::{short_id, short_provider_id};
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::billing::{EventQuery, SubscriptionQuery};
use crate::api::pages::StrictQuery;
use crate::api::paths::StrictPath;
use crate::domain::{
    BillingEvent, BillingEventState, BillingState, BillingSubscription, Permission as P,
};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/billing", P::ReadBilling, get(subscriptions))
        .page(
            "/billing/subscriptions/{subscription}",
            P::ReadBilling,
            get(subscription),
        )
        .page("/billing/events", P::ReadBilling, get(events))
        .page("/billing/plans", P::ReadBilling, get(forms::plans))
        .page("/billing/plans", P::ManageBilling, post(forms::put_plan))
        .page(
            "/billing/plans/delete",
            P::ManageBilling,
            get(forms::ask_deletion).post(forms::delete_plan),
        )
        .page(
            "/billing/checkout",
            P::ManageBilling,
            get(forms::ask_checkout).post(forms::checkout),
        )
        .page(
            "/billing/portal",
            P::ManageBilling,
            get(forms::ask_portal).post(forms::portal),
        )
        .page("/billing/compare", P::ManageBilling, post(forms::compare))
}

/// The number of a page in the tabs of billing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Subscriptions,
    Plans,
    Events,
}

fn tabs(current: Tab) -> Tabs {
    Tabs::new("Billing")
        .tab("Subscriptions", "/billing", current == Tab::Subscriptions)
        .tab("Plans", "/billing/plans", current == Tab::Plans)
        .tab("Events", "/billing/events", current == Tab::Events)
}

/// Returns a page of billing with its tabs. A server without a payment provider says so.
fn page(context: &PageContext, current: Tab) -> Result<Page, crate::api::problem::Problem> {
    let mut page = context.page("Billing").with(tabs(current));
    if !context.services()?.billing.is_on() {
        let notice = Notice::warning("This server has no payment provider");
        let hint = "Set stripe_key_file and stripe_webhook_secret_file, and restart the server.";
        page = page.with(notice.hint(Some(hint)));
    }
    Ok(page)
}

async fn subscriptions(
    context: PageContext,
    StrictQuery(query): StrictQuery<SubscriptionQuery>,
) -> PageReply {
    let (filter, request) = (query.filter()?, query.page()?);
    let billing = &context.services()?.billing;
    let found = billing.subscriptions(&filter, &request).await?;
    let names = billing.customer_names(&found.items).await?;
    let columns = [
        "Customer",
        "Subscription",
        "State",
        "Reason",
        "Until",
        "License",
    ];
    let mut table = Table::new("Subscriptions", columns.map(Column::text).to_vec());
    for one in &found.items {
        let path = format!("/billing/subscriptions/{}", one.id);
        table.row(vec![
            Cell::link(path, names.get(&one.customer).unwrap_or(&one.customer)),
            Cell::code(&one.id),
            state_cell(one.state),
            Cell::text(reason(one)),
            Cell::time(one.until),
            license_cell(one.license.as_ref()),
        ]);
    }
    table.empty = EmptyState::new("There are no subscriptions")
        .text("A subscription is shown after its first event, or after a comparison.");
    let states = BillingState::ALL.iter().map(|state| state.as_str());
    let state = filter.state.map_or("", BillingState::as_str);
    let search = filter.search.as_deref().unwrap_or_default();
    let form = Form::new("/billing", "Filter")
        .field(Field::new(Kind::Text, "search", "Customer").value(search))
        .field(state_field(states, state));
    table.filter = Some(form);
    let chosen = [
        ("state", Some(state)),
        ("customer", filter.customer.as_deref()),
        ("search", Some(search)),
    ];
    let first = || with_query("/billing", &chosen);
    table.first = request.after.is_some().then(first);
    table.next = next("/billing", &chosen, found.next);
    let mut page = page(&context, Tab::Subscriptions)?;
    if context.may(P::ManageBilling) {
        page = page
            .action(Action::link("Create a checkout link", "/billing/checkout").primary())
            .action(Action::post(
                "Compare with the provider",
                "/billing/compare",
            ));
    }
    Ok(html(&page.with(table)))
}

async fn subscription(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let billing = &context.services()?.billing;
    let found = billing.subscription(&id).await?;
    let customer = billing.customer(&found.customer).await?;
    let title = customer.name.clone().or_else(|| customer.email.clone());
    let title = title.unwrap_or_else(|| format!("Subscription {}", found.id));
    let mut page = context.page_below(("Billing", "/billing"), title);
    if context.may(P::ManageBilling) {
        let path = format!("/billing/portal?customer={}", found.customer);
        page = page.action(Action::link("Create a link to the customer portal", path));
    }
    if let Some(fault) = &found.fault {
        let notice = Notice::warning("The license does not follow the subscription");
        page = page.with(notice.text(fault));
    }
    let license = Facts::new()
        .title("License")
        .fact("State", state_cell(found.state))
        .fact("Reason", Cell::text(reason(&found)))
        .fact("Until", Cell::time(found.until))
        .fact("License", license_cell(found.license.as_ref()))
        .fact("Tier", Cell::optional(found.tier.as_deref()))
        .fact(
            "Seats",
            Cell::optional(found.seats.map(|seats| seats.to_string())),
        );
    let payments = Facts::new()
        .title("Subscription")
        .fact("Provider", Cell::text(state_label(&found.provider)))
        .fact("Id", Cell::code(&found.id))
        .fact(
            "State at the provider",
            Cell::text(state_label(found.status.as_str())),
        )
        .fact("Period from", Cell::time(Some(found.period_start)))
        .fact("Period to", Cell::time(Some(found.period_end)))
        .some("Is canceled at", found.cancel_at.map(Cell::Time))
        .fact("Created", Cell::time(Some(found.created_at)))
        .fact("Compared", Cell::time(Some(found.checked_at)));
    let customer = Facts::new()
        .title("Customer")
        .fact("Id", Cell::code(&customer.id))
        .fact("Name", Cell::optional(customer.name.as_deref()))
        .fact("E-mail address", Cell::optional(customer.email.as_deref()));
    Ok(html(&page.with(license).with(payments).with(customer)))
}

async fn events(context: PageContext, StrictQuery(query): StrictQuery<EventQuery>) -> PageReply {
    let (state, request) = (query.state()?, query.page()?);
    let found = context.services()?.billing.events(state, &request).await?;
    let columns = ["Event", "State", "Received", "Subscription", "Id"];
    let mut table = Table::new("Events", columns.map(Column::text).to_vec());
    for one in &found.items {
        table.row(event_row(one));
    }
    table.empty = EmptyState::new("There are no events");
    let states = BillingEventState::ALL.iter().map(|state| state.as_str());
    let name = state.map_or("", BillingEventState::as_str);
    let field = state_field(states, name);
    table.filter = Some(Form::new("/billing/events", "Filter").field(field));
    let chosen = [("state", Some(name))];
    let first = || with_query("/billing/events", &chosen);
    table.first = request.after.is_some().then(first);
    table.next = next("/billing/events", &chosen, found.next);
    Ok(html(&page(&context, Tab::Events)?.with(table)))
}

fn event_row(found: &BillingEvent) -> Vec<Cell> {
    let (tone, state) = match found.state {
        BillingEventState::Waiting => (Tone::Warning, "Waiting"),
        BillingEventState::Applied => (Tone::Good, "Applied"),
        BillingEventState::Ignored => (Tone::Neutral, "Ignored"),
    };
    let subscription = found.subscription.as_deref();
    let (kind, note) = (&found.event.kind, found.note.as_deref());
    vec![
        note.map_or_else(
            || Cell::text(kind),
            |note| Cell::Lines(vec![Cell::text(kind), Cell::text(note)]),
        ),
        Cell::badge(tone, state),
        Cell::time(Some(found.event.received_at)),
        subscription.map_or(Cell::Empty, |id| {
            let path = format!("/billing/subscriptions/{id}");
            Cell::link(path, short_provider_id(id))
        }),
        Cell::code(short_provider_id(&found.event.id)),
    ]
}

/// Returns the state of the license of a subscription.
pub(super) fn state_cell(state: BillingState) -> Cell {
    let tone = match state {
        BillingState::Active => Tone::Good,
        BillingState::InGrace | BillingState::Pending => Tone::Warning,
        BillingState::Suspended | BillingState::Revoked => Tone::Danger,
        BillingState::Ended => Tone::Neutral,
    };
    Cell::badge(tone, state_label(state.as_str()))
}

/// Returns the reason of the state.
pub(super) fn reason(found: &BillingSubscription) -> String {
    state_label(found.reason.as_str())
}

fn license_cell(id: Option<&LicenseId>) -> Cell {
    id.map_or(Cell::Empty, |id| {
        Cell::link(format!("/licenses/{id}"), short_id(id.as_str()))
    })
}

/// A link for a customer, which is shown once.
fn link_block(link: &crate::billing::PaymentLink) -> Block {
    license_dashboard::CodeBlock::new("Link for the customer", &link.url).into()
}

/// The query of a page about a customer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerQuery {
    #[serde(default)]
    customer: String,
}

/// The query of a page about a price.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceQuery {
    #[serde(default)]
    price: String,
}
