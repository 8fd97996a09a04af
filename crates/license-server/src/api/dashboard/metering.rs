//! Pages for metering: meters, customers with usage, adjustments, and amounts for the billing
//! provider.

use axum::routing::get;
use license_core::chrono::NaiveDate;
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Field, Form, Heading, Kind, Notice, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::form_number;
use super::list::{state_field, state_label};
use super::names::{Names, short_id};
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Meter, Permission as P, SendingState};
use crate::services::{MeterSummary, PeriodState, UsageAdjustment, UsageSummary};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/metering", P::ReadUsage, get(list))
        .page("/metering/{pool}", P::ReadUsage, get(show))
        .page(
            "/metering/{pool}/adjust",
            P::ManageUsage,
            get(adjustment).post(adjust),
        )
        .page("/billing-amounts", P::ReadBilling, get(amounts))
        .page(
            "/billing-amounts/{sending}/decide",
            P::ManageBilling,
            get(decision).post(decide),
        )
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<PageQuery>) -> PageReply {
    let metering = &context.services()?.metering;
    let mut page = context.page("Metering");
    if metering.meters().is_empty() {
        let text = "Metering sums what customers use, so that a vendor can bill it. The setting \
                    `meters_file` names a file with the meters of the product.";
        let notice = Notice::new(Tone::Neutral, "Metering is not set up").text(text);
        return Ok(html(&page.with(notice)));
    }
    let found = metering.customers(&query.request()?).await?;
    let mut customers = Table::new(
        "Customers",
        vec![
            Column::text("Customer"),
            Column::text("License"),
            Column::text("Month starts on"),
            Column::text("Closed until"),
        ],
    );
    customers.empty = EmptyState::new("No customer has used anything yet").text(
        "Amounts come from usage reports of machines, from activations and from floating seats.",
    );
    for customer in &found.items {
        let pool = customer.customer.as_str();
        let name = metering.customer_name(&customer.customer).await?;
        let name = if name.is_empty() { pool } else { &name };
        let anchor = customer.anchor.map(|anchor| anchor.day());
        customers.row(vec![
            Cell::link(format!("/metering/{pool}"), name),
            Cell::code(short_id(pool)),
            anchor.map_or(Cell::Empty, Cell::Date),
            customer.closed_until.map_or(Cell::Empty, Cell::Date),
        ]);
    }
    let next = found.next.as_ref();
    customers.next = next.map(|next| format!("/metering?cursor={next}"));
    let about = "What customers use, summed by meter and month. Select a customer for the amounts.";
    page = page
        .with(about)
        .with(customers)
        .with(meters(metering.meters().iter()));
    Ok(html(&page))
}

/// Returns a table of the meters of the product.
fn meters<'a>(meters: impl Iterator<Item = &'a Meter>) -> Table {
    let mut table = Table::new(
        "Meters of the product",
        vec![
            Column::text("Meter"),
            Column::text("Counts"),
            Column::text("Above the included amount"),
            Column::text("Included"),
        ],
    );
    for meter in meters {
        let tiers = meter.tiers().map(|(tier, amount)| {
            let amount = amount.map_or_else(|| "unlimited".to_owned(), |amount| amount.to_string());
            format!("{tier} {amount}")
        });
        let tiers: Vec<_> = tiers.collect();
        let included = if tiers.is_empty() {
            Cell::text("nothing")
        } else {
            Cell::text(tiers.join(", "))
        };
        table.row(vec![
            Cell::text(meter_label(meter)),
            Cell::code(meter.source.to_string()),
            Cell::text(policy(meter)),
            included,
        ]);
    }
    table
}

/// Returns the name of a meter with its unit.
fn meter_label(meter: &Meter) -> String {
    if meter.unit == meter.name {
        return meter.name.clone();
    }
    format!("{} ({})", meter.name, meter.unit)
}

fn policy(meter: &Meter) -> &'static str {
    use crate::domain::OveragePolicy;
    match meter.overage {
        OveragePolicy::Allow => "nothing happens",
        OveragePolicy::Notify => "an event is sent",
        OveragePolicy::Bill => "the customer is billed",
    }
}

/// The period of a page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodFields {
    period: Option<NaiveDate>,
}

async fn show(
    context: PageContext,
    StrictPath(customer): StrictPath<String>,
    StrictQuery(query): StrictQuery<PeriodFields>,
) -> PageReply {
    let metering = &context.services()?.metering;
    let summary = metering.summary(&customer, query.period).await?;
    let page = context.page_below(("Metering", "/metering"), &summary.name);
    let path = format!("/metering/{}", summary.customer);
    let adjust = context.may(P::ManageUsage).then(|| {
        let href = format!("{path}/adjust");
        Action::dialog("Adjust an amount", href)
    });
    let page = match adjust {
        Some(adjust) => page.action(adjust),
        None => page,
    };
    Ok(html(&summarized(page, &summary, &path)))
}

/// Adds the amounts of a period to a page, and links to the periods before and after it.
fn summarized(page: Page, summary: &UsageSummary, path: &str) -> Page {
    let (tone, state) = match summary.state {
        PeriodState::Open => (Tone::Neutral, "Open"),
        PeriodState::Closing => (Tone::Warning, "Ended, late reports still count"),
        PeriodState::Closed => (Tone::Good, "Closed"),
    };
    let period = summary.period;
    let facts = Facts::new()
        .fact(
            "Period",
            Cell::text(format!("{} to {}", period.start, period.last_day())),
        )
        .fact("State", Cell::badge(tone, state))
        .fact("Tier", Cell::text(summary.tier.to_string()))
        .fact("Newest license", Cell::code(summary.license.as_str()));
    let mut table = Table::new(
        "Amounts",
        vec![
            Column::text("Meter"),
            Column::number("Used"),
            Column::number("Corrections"),
            Column::number("Included"),
            Column::number("Above the included"),
            Column::number("Sent to the billing provider"),
        ],
    );
    table.empty = EmptyState::new("This server has no meters");
    for meter in &summary.meters {
        table.row(row(meter));
    }
    let before = period.start.pred_opt();
    let after = (summary.state != PeriodState::Open).then_some(period.end);
    let links = [("Previous period", before), ("Next period", after)];
    let links = links.into_iter().filter_map(|(label, day)| {
        let href = format!("{path}?period={}", day?);
        Some(Action::link(label, href))
    });
    let links: Vec<_> = links.collect();
    let page = page.with(facts).with(table).with(links);
    let set_aside: Vec<_> = summary
        .meters
        .iter()
        .filter(|meter| meter.set_aside > 0)
        .map(|meter| format!("{} {}", meter.set_aside, meter.meter.unit))
        .collect();
    if set_aside.is_empty() {
        return page;
    }
    let text = format!(
        "A machine was restored from a backup, and reported {} that may have been counted before.",
        set_aside.join(", ")
    );
    page.with(Notice::warning("Some usage is not counted").text(text))
}

fn row(summary: &MeterSummary) -> Vec<Cell> {
    let number = |amount: u64| Cell::Number(i64::try_from(amount).unwrap_or(i64::MAX));
    let included = summary.included;
    vec![
        Cell::text(meter_label(&summary.meter)),
        Cell::Number(summary.quantity),
        Cell::Number(summary.corrections),
        included.map_or_else(|| Cell::text("unlimited"), number),
        Cell::Number(summary.overage),
        number(summary.sent),
    ]
}

/// The fields of an adjustment.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdjustmentFields {
    request: String,
    meter: String,
    day: String,
    quantity: String,
    reason: String,
}

/// Returns the page and the form of an adjustment.
async fn adjustment_form(
    context: &PageContext,
    customer: &str,
    fields: &AdjustmentFields,
) -> Result<(Page, Form, String), Problem> {
    let metering = &context.services()?.metering;
    let summary = metering.summary(customer, None).await?;
    let path = format!("/metering/{}", summary.customer);
    let page = context.page_below((&summary.name, &path), "Adjust an amount");
    let meters = metering.meters().iter();
    let meters = meters.map(|meter| (meter.name.clone(), meter.name.clone()));
    let day = if fields.day.is_empty() {
        summary.period.start.to_string()
    } else {
        fields.day.clone()
    };
    let form = Form::new(format!("{path}/adjust"), "Adjust")
        .hidden(form_number::FIELD, &fields.request)
        .field(
            Field::new(Kind::Choice(meters.collect()), "meter", "Meter")
                .value(&fields.meter)
                .required(),
        )
        .field(
            Field::new(Kind::Date, "day", "Day")
                .value(day)
                .help("A day of a closed period makes a correction.")
                .required(),
        )
        .field(
            Field::text("quantity", "Amount")
                .value(&fields.quantity)
                .help("A negative number takes something away.")
                .required(),
        )
        .field(
            Field::text("reason", "Reason")
                .value(&fields.reason)
                .help("The audit trail keeps it.")
                .max_length(200)
                .required(),
        )
        .cancel(&path);
    Ok((page, form, path))
}

async fn adjustment(context: PageContext, StrictPath(customer): StrictPath<String>) -> PageReply {
    let fields = AdjustmentFields {
        request: form_number::new()?,
        ..AdjustmentFields::default()
    };
    let (page, form, _) = adjustment_form(&context, &customer, &fields).await?;
    Ok(html(&page.with(form)))
}

async fn adjust(
    context: PageContext,
    StrictPath(customer): StrictPath<String>,
    PageForm(fields): PageForm<AdjustmentFields>,
) -> PageReply {
    let (page, form, path) = adjustment_form(&context, &customer, &fields).await?;
    let adjusted = async {
        let values = [&fields.meter, &fields.day, &fields.quantity, &fields.reason];
        let values = values.map(String::as_str);
        let request = form_number::request(&context, &path, &fields.request, &values)?;
        let (metering, order) = (&context.services()?.metering, order(customer, &fields)?);
        let adjusted = metering.adjust(context.actor()?, &order, Some(request));
        Ok::<_, Problem>(adjusted.await?)
    };
    match adjusted.await {
        Ok(()) => Ok(done(&path, "The amount is adjusted")),
        Err(problem) => Ok(context.refused(page, form, &problem)),
    }
}

fn order(customer: String, fields: &AdjustmentFields) -> Result<UsageAdjustment, Problem> {
    let wrong = |name: &str, expected: &str| {
        Problem::malformed(format!("{name}: expected {expected}, found another text"))
    };
    let day = fields.day.trim().parse();
    let quantity = fields.quantity.trim().parse();
    Ok(UsageAdjustment {
        customer,
        meter: fields.meter.clone(),
        day: day.map_err(|_| wrong("day", "a date such as 2027-01-31"))?,
        quantity: quantity.map_err(|_| wrong("quantity", "a whole number"))?,
        reason: fields.reason.clone(),
    })
}

/// The state and the position of a list of amounts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountQuery {
    state: Option<String>,
    cursor: Option<String>,
}

async fn amounts(context: PageContext, StrictQuery(query): StrictQuery<AmountQuery>) -> PageReply {
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
            let problem = Problem::malformed("state: expected one of the three decisions");
            return Ok(context.refused(page, form, &problem));
        }
    };
    let decided = outbox.decide(context.actor()?, &id, state, &fields.reason);
    match decided.await {
        Ok(()) => Ok(done("/billing-amounts", "The decision is recorded")),
        Err(refusal) => Ok(context.refused(page, form, &refusal.into())),
    }
}
