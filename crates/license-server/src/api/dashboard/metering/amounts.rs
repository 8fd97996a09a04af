//! Pages for amounts for the billing provider.

use axum::routing::get;
use license_dashboard::{
    Action, Cell, Column, EmptyState, Field, Form, Heading, Kind, Page, Table, Tone,
};
use serde::Deserialize;

use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::list::{StateQuery, state_field, state_label};
use crate::api::dashboard::names::Names;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Permission as P, SendingState};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/billing-amounts", P::ReadBilling, get(amounts))
        .page(
            "/billing-amounts/{sending}/decide",
            P::ManageBilling,
            get(decision).post(decide),
        )
}

async fn amounts(context: PageContext, StrictQuery(query): StrictQuery<StateQuery>) -> PageReply {
    let page_request = PageQuery::new(query.cursor, None).request()?;
    let state = query.state.as_deref().filter(|text| !text.is_empty());
    let state = state.map(|text| {
        let state = SendingState::parse(text);
        state.ok_or_else(|| Problem::malformed("the state is unknown"))
    });
    let state = state.transpose()?;
    let outbox = &context.services()?.outbox;
    let found = outbox.list(state, &page_request).await?;
    let mut table = Table::new(
        "Amounts for the billing provider",
        vec![
            Column::text("Customer"),
            Column::text("Meter"),
            Column::text("Period from"),
            Column::number("Amount"),
            Column::text("State"),
            Column::text("Last error"),
            Column::text("Actions"),
        ],
    );
    table.empty = EmptyState::new("No amounts").text(
        "The part above the included amount appears here, for meters with `overage = \"bill\"`.",
    );
    let customers = found.items.iter().map(|sending| sending.customer.as_str());
    let names = Names::of(&context, customers).await?;
    for sending in &found.items {
        let decide = sending.state == SendingState::Uncertain && context.may(P::ManageBilling);
        let href = format!("/billing-amounts/{}/decide", sending.id);
        let actions = decide.then(|| vec![Action::dialog("Decide", href)]);
        table.row(vec![
            names.link(
                format!("/metering/{}", sending.customer),
                sending.customer.as_str(),
            ),
            Cell::text(&sending.meter),
            Cell::Date(sending.period),
            Cell::Number(i64::try_from(sending.quantity).unwrap_or(i64::MAX)),
            Cell::badge(tone(sending.state), state_label(sending.state.as_str())),
            Cell::optional(sending.error.as_deref()),
            actions.map_or(Cell::Empty, Cell::Actions),
        ]);
    }
    let shown = state.map_or("", SendingState::as_str);
    let next = found.next.as_ref();
    table.next = next.map(|next| format!("/billing-amounts?state={shown}&cursor={next}"));
    let field = state_field(SendingState::ALL.map(SendingState::as_str), shown);
    table.filter = Some(Form::new("/billing-amounts", "Filter").field(field));
    let page = context
        .page("Billed usage")
        .with("What customers have used above the included amounts, as it is sent to the billing provider.");
    Ok(html(&page.with(table)))
}

fn tone(state: SendingState) -> Tone {
    match state {
        SendingState::Waiting => Tone::Neutral,
        SendingState::Sent => Tone::Good,
        SendingState::Uncertain => Tone::Danger,
        SendingState::Dropped => Tone::Warning,
    }
}

/// The fields of a decision.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionFields {
    state: String,
    reason: String,
}

fn decision_form(context: &PageContext, id: &str, fields: &DecisionFields) -> (Page, Form) {
    let page = context.page_below(
        ("Billed usage", "/billing-amounts"),
        "Decide about an amount",
    );
    let page = page
        .with(Heading::new(id))
        .with("The provider did not answer. Look the amount up at the provider by its identifier.");
    let choices = [
        ("sent", "The provider has the amount"),
        ("waiting", "The provider does not have it: send it again"),
        ("dropped", "The provider does not have it: do not send it"),
    ];
    let choices = choices.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let form = Form::new(format!("/billing-amounts/{id}/decide"), "Decide")
        .field(
            Field::new(Kind::Choice(choices.to_vec()), "state", "Decision")
                .value(&fields.state)
                .required(),
        )
        .field(
            Field::text("reason", "Reason")
                .value(&fields.reason)
                .help("The audit trail keeps it.")
                .max_length(200)
                .required(),
        )
        .cancel("/billing-amounts");
    (page, form)
}

async fn decision(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    context.services()?.outbox.get(&id).await?;
    let (page, form) = decision_form(&context, &id, &DecisionFields::default());
    Ok(html(&page.with(form)))
}

async fn decide(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(fields): PageForm<DecisionFields>,
) -> PageReply {
    let outbox = &context.services()?.outbox;
    outbox.get(&id).await?;
    let (page, form) = decision_form(&context, &id, &fields);
    let state = match fields.state.as_str() {
        "sent" => SendingState::Sent,
        "waiting" => SendingState::Waiting,
        "dropped" => SendingState::Dropped,
        _ => {
            let problem = Problem::malformed("state: choose one of the decisions");
            return Ok(context.refused(page, form, &problem));
        }
    };
    let decided = outbox.decide(context.actor()?, &id, state, &fields.reason);
    match decided.await {
        Ok(()) => Ok(done("/billing-amounts", "The decision is recorded")),
        Err(refusal) => Ok(context.refused(page, form, &refusal.into())),
    }
}
