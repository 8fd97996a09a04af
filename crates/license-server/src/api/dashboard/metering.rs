//! Pages for metering: meters, customers with usage, and adjustments.

mod amounts;

use axum::routing::get;
use license_core::chrono::NaiveDate;
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Field, Form, Kind, Notice, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::form_number;
use super::form_values::expected;
use super::list::given;
use super::names::short_id;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Meter, Permission as P};
use crate::services::{MeterSummary, PeriodState, UsageAdjustment, UsageSummary, UsageTotals};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    amounts::pages(pages)
        .page("/metering", P::ReadUsage, get(list))
        .page("/metering/{pool}", P::ReadUsage, get(show))
        .page(
            "/metering/{pool}/adjust",
            P::ManageUsage,
            get(adjustment).post(adjust),
        )
}

/// The customer and the position of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerListQuery {
    customer: Option<String>,
    cursor: Option<String>,
}

async fn list(
    context: PageContext,
    StrictQuery(query): StrictQuery<CustomerListQuery>,
) -> PageReply {
    let metering = &context.services()?.metering;
    let mut page = context.page("Metering");
    if metering.meters().is_empty() {
        let text = "Metering sums what customers use, so that a vendor can bill it. The setting \
                    `meters_file` names a file with the meters of the product.";
        let notice = Notice::new(Tone::Neutral, "Metering is not set up").text(text);
        return Ok(html(&page.with(notice)));
    }
    if let Some(name) = query.customer.as_deref().and_then(given) {
        let found = metering.totals(name, None).await?;
        return Ok(html(&page.with(totals(&found))));
    }
    let request = PageQuery::new(query.cursor, None).request()?;
    let found = metering.customers(&request).await?;
    let mut customers = Table::new(
        "Customers",
        vec![
            Column::text("Customer"),
            Column::text("License"),
            Column::text("Month starts on"),
            Column::text("Closed until"),
        ],
    );
    customers.filter = Some(name_filter(""));
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

/// Returns the form that sums the usage of a customer.
fn name_filter(name: &str) -> Form {
    let field = Field::new(Kind::Text, "customer", "Name of the customer");
    Form::new("/metering", "Sum all licenses").field(field.value(name))
}

/// Returns the usage of each license of a customer today, and the sums at the end.
fn totals(found: &UsageTotals) -> Table {
    let columns = vec![
        Column::text("License"),
        Column::text("Period"),
        Column::text("Meter"),
        Column::number("Used"),
        Column::number("Above the included"),
        Column::number("Sent to the billing provider"),
    ];
    let mut table = Table::new(format!("Usage of {}", found.name), columns);
    table.filter = Some(name_filter(&found.name));
    table.empty = EmptyState::new("No license has this name")
        .text("Enter the whole name, as in the licenses of the customer.");
    if found.pools.is_empty() {
        return table;
    }
    let number = |amount: u64| Cell::Number(i64::try_from(amount).unwrap_or(i64::MAX));
    for pool in &found.pools {
        let id = pool.customer.as_str();
        let period = format!("{} to {}", pool.period.start, pool.period.last_day());
        for meter in &pool.meters {
            table.row(vec![
                Cell::link(format!("/metering/{id}"), short_id(id)),
                Cell::text(&period),
                Cell::text(meter_label(&meter.meter)),
                Cell::Number(meter.quantity.saturating_add(meter.corrections)),
                Cell::Number(meter.overage),
                number(meter.sent),
            ]);
        }
    }
    for total in &found.meters {
        table.row(vec![
            Cell::text("All licenses"),
            Cell::Empty,
            Cell::text(meter_label(&total.meter)),
            Cell::Number(total.quantity),
            Cell::Number(total.overage),
            number(total.sent),
        ]);
    }
    table
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
    let day = fields.day.trim().parse();
    let quantity = fields.quantity.trim().parse();
    Ok(UsageAdjustment {
        customer,
        meter: fields.meter.clone(),
        day: day.map_err(|_| expected("day", "a date such as 2027-01-31"))?,
        quantity: quantity.map_err(|_| expected("quantity", "a whole number"))?,
        reason: fields.reason.clone(),
    })
}
