//! Forms of billing: plans, and links for customers.

use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Kind, Notice, Page, Table};
use serde::Deserialize;

use super::{CustomerQuery, PriceQuery, Tab, link_block, page};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::{NoFields, PageForm};
use crate::api::dashboard::form_number;
use crate::api::dashboard::form_values::number;
use crate::api::dashboard::licenses::tier_choice;
use crate::api::dashboard::list::counted;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::pages::StrictQuery;
use crate::api::problem::Problem;
use crate::domain::{BillingPlan, Permission as P};
use crate::services::{CheckoutRequest, PlanOrder, PortalRequest};

const PLANS: &str = "/billing/plans";

pub(super) async fn plans(context: PageContext) -> PageReply {
    let page = plans_page(&context).await?;
    let page = if context.may(P::ManageBilling) {
        page.with(plan_form(&context, &PlanForm::default())?)
    } else {
        page
    };
    Ok(html(&page))
}

async fn plans_page(context: &PageContext) -> Result<Page, Problem> {
    let plans = context.services()?.billing.plans().await?;
    let mut columns = ["Price", "Tier"].map(Column::text).to_vec();
    columns.push(Column::number("Seats per unit"));
    columns.push(Column::text("Features"));
    let may_manage = context.may(P::ManageBilling);
    if may_manage {
        columns.push(Column::text("Actions"));
    }
    let mut table = Table::new("Plans", columns);
    for plan in &plans {
        let mut cells = vec![
            Cell::code(&plan.price),
            match &plan.tier {
                Some(tier) => Cell::text(tier),
                None => Cell::text("addition"),
            },
            match plan.seats {
                0 => Cell::Empty,
                seats => Cell::Number(seats.into()),
            },
            match plan.features.as_slice() {
                [] => Cell::Empty,
                features => Cell::text(features.join(", ")),
            },
        ];
        if may_manage {
            let path = format!("{PLANS}/delete?price={}", plan.price);
            cells.push(Cell::Actions(vec![Action::dialog("Delete", path).danger()]));
        }
        table.row(cells);
    }
    table.empty = EmptyState::new("No price has a plan")
        .text("A plan states the license that a price of the provider buys.");
    Ok(page(context, Tab::Plans)?.with(table))
}

/// A plan. The fields are texts, so that the form can show them again.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanForm {
    price: String,
    tier: String,
    seats: String,
    features: String,
}

fn plan_form(context: &PageContext, values: &PlanForm) -> Result<Form, Problem> {
    let tier = tier_choice(context, values.tier.trim())?;
    let form = Form::new(PLANS, "Save the plan")
        .title("Add or change a plan")
        .field(
            Field::text("price", "Price")
                .value(&values.price)
                .help("The id at the provider, such as price_1AbC.")
                .max_length(255)
                .required(),
        )
        .field(tier.help("Without a tier, the price is an addition to another one."))
        .field(
            Field::new(Kind::Number, "seats", "Seats per unit")
                .value(&values.seats)
                .help("Empty: the price does not count seats."),
        )
        .field(
            Field::text("features", "Features")
                .value(&values.features)
                .help("Names in addition to those of the tier, separated by commas."),
        );
    Ok(form)
}

pub(super) async fn put_plan(
    context: PageContext,
    PageForm(sent): PageForm<PlanForm>,
) -> PageReply {
    match store(&context, &sent).await {
        Ok(()) => Ok(done(PLANS, "The plan is saved")),
        Err(problem) => {
            let page = plans_page(&context).await?;
            let form = plan_form(&context, &sent)?;
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn store(context: &PageContext, sent: &PlanForm) -> Result<(), Problem> {
    let features = sent.features.split(',').map(str::trim);
    let features = features.filter(|name| !name.is_empty());
    let tier = Some(sent.tier.trim()).filter(|tier| !tier.is_empty());
    let order = PlanOrder {
        tier: tier.map(str::to_owned),
        seats: number("seats", &sent.seats, 0)?.unwrap_or_default(),
        features: features.map(str::to_owned).collect(),
    };
    let billing = &context.services()?.billing;
    let stored = billing.put_plan(context.actor()?, sent.price.trim(), order);
    stored.await?;
    Ok(())
}

pub(super) async fn ask_deletion(
    context: PageContext,
    StrictQuery(query): StrictQuery<PriceQuery>,
) -> PageReply {
    let page = context.page_below(("Plans", PLANS), "Delete a plan");
    let text = format!("Subscriptions to {} will have no plan.", query.price);
    let notice = Notice::warning(text).text("Licenses stay as they are.");
    let form = Form::new("/billing/plans/delete", "Delete the plan")
        .hidden("price", query.price)
        .danger()
        .cancel(PLANS);
    Ok(html(&page.with(notice).with(form)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeletionForm {
    price: String,
}

pub(super) async fn delete_plan(
    context: PageContext,
    PageForm(sent): PageForm<DeletionForm>,
) -> PageReply {
    let billing = &context.services()?.billing;
    billing.delete_plan(context.actor()?, &sent.price).await?;
    Ok(done(PLANS, "The plan is deleted"))
}

/// A request for a checkout link.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckoutForm {
    request: String,
    price: String,
    quantity: String,
    email: String,
    #[serde(default)]
    trial_days: String,
    #[serde(default)]
    trial: String,
    success_url: String,
    cancel_url: String,
}

/// The query of the form for a checkout link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckoutQuery {
    #[serde(default)]
    trial: String,
}

fn checkout_page(context: &PageContext) -> Page {
    context.page_below(("Billing", "/billing"), "Create a checkout link")
}

async fn checkout_form(context: &PageContext, values: &CheckoutForm) -> Result<Form, Problem> {
    let plans = context.services()?.billing.plans().await?;
    let choice = |plan: &BillingPlan| {
        let tier = plan.tier.as_deref().unwrap_or("addition");
        (plan.price.clone(), format!("{} ({tier})", plan.price))
    };
    // A subscription needs a price with a tier.
    let (with_tier, additions): (Vec<_>, Vec<_>) =
        plans.iter().partition(|plan| plan.tier.is_some());
    let choices = with_tier.into_iter().chain(additions).map(choice);
    let mut choices: Vec<_> = choices.collect();
    // The form shows a price that has no plan again.
    if !values.price.is_empty() && !choices.iter().any(|(price, _)| *price == values.price) {
        choices.push((values.price.clone(), values.price.clone()));
    }
    let price = Field::new(Kind::Choice(choices), "price", "Price").value(&values.price);
    let form = Form::new("/billing/checkout", "Create the link")
        .hidden(form_number::FIELD, &values.request)
        .field(
            price
                .help("The prices of the provider that have a plan on this server.")
                .required(),
        )
        .field(
            Field::new(Kind::Number, "quantity", "Quantity")
                .value(&values.quantity)
                .required(),
        )
        .field(
            Field::new(Kind::Email, "email", "E-mail address of the customer").value(&values.email),
        );
    let form = if values.trial.is_empty() {
        form.field(
            Field::new(Kind::Number, "trial_days", "Days of the trial")
                .value(&values.trial_days)
                .help("Empty: the customer pays at once."),
        )
    } else {
        form.hidden("trial", &values.trial)
    };
    let form = form
        .field(
            Field::text("success_url", "URL after the payment")
                .value(&values.success_url)
                .help("The page of your site that thanks the customer.")
                .max_length(2048)
                .required(),
        )
        .field(
            Field::text("cancel_url", "URL if the customer goes back")
                .value(&values.cancel_url)
                .help("The page of your site from which the customer can start again.")
                .max_length(2048)
                .required(),
        )
        .cancel("/billing");
    Ok(form)
}

pub(super) async fn ask_checkout(
    context: PageContext,
    StrictQuery(query): StrictQuery<CheckoutQuery>,
) -> PageReply {
    let mut values = CheckoutForm {
        request: form_number::new()?,
        quantity: "1".to_owned(),
        trial: query.trial,
        ..CheckoutForm::default()
    };
    let mut page = checkout_page(&context);
    if !values.trial.is_empty() {
        let id = crate::api::trials::trial(&values.trial)?;
        let found = context.services()?.trials.get(&id).await?;
        let email = found.user.email.as_ref();
        values.email = email.map(ToString::to_string).unwrap_or_default();
        page = page.with(format!(
            "The subscription converts the trial of {}. The customer pays when the trial ends, or at \
             once if it has ended or ends within 49 hours.",
            found.user.customer
        ));
    }
    let form = checkout_form(&context, &values).await?;
    Ok(html(&page.with(form)))
}

pub(super) async fn checkout(
    context: PageContext,
    PageForm(sent): PageForm<CheckoutForm>,
) -> PageReply {
    let page = checkout_page(&context);
    match create_checkout(&context, &sent).await {
        Ok(link) => {
            let notice = Notice::good("The link is created")
                .text("Anyone with the link can use it. Send it to the customer only.");
            Ok(html(&page.with(notice).with(link_block(&link))))
        }
        Err(problem) => {
            let form = checkout_form(&context, &sent).await?;
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn create_checkout(
    context: &PageContext,
    sent: &CheckoutForm,
) -> Result<crate::billing::PaymentLink, Problem> {
    let email = Some(sent.email.trim()).filter(|email| !email.is_empty());
    let request = CheckoutRequest {
        price: sent.price.trim().to_owned(),
        quantity: number("quantity", &sent.quantity, 1)?.unwrap_or(1),
        customer: None,
        email: email.map(str::to_owned),
        trial_days: number("trial_days", &sent.trial_days, 1)?,
        trial: Some(sent.trial.clone()).filter(|trial| !trial.is_empty()),
        success_url: sent.success_url.trim().to_owned(),
        cancel_url: sent.cancel_url.trim().to_owned(),
    };
    let values = [
        sent.price.as_str(),
        &sent.quantity,
        &sent.email,
        &sent.trial_days,
        &sent.trial,
        &sent.success_url,
        &sent.cancel_url,
    ];
    let number = form_number::request(context, "/billing/checkout", &sent.request, &values)?;
    let billing = &context.services()?.billing;
    let link = billing.checkout(context.actor()?, request, Some(number));
    Ok(link.await?)
}

/// A request for a link to the customer portal.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortalForm {
    customer: String,
    return_url: String,
}

fn portal_page(context: &PageContext) -> Page {
    let title = "Create a link to the customer portal";
    context.page_below(("Billing", "/billing"), title)
}

fn portal_form(values: &PortalForm) -> Form {
    Form::new("/billing/portal", "Create the link")
        .field(
            Field::text("customer", "Customer")
                .value(&values.customer)
                .help("The id at the provider, such as cus_1AbC.")
                .max_length(255)
                .required(),
        )
        .field(
            Field::text("return_url", "URL to which the customer returns")
                .value(&values.return_url)
                .max_length(2048)
                .required(),
        )
        .cancel("/billing")
}

pub(super) async fn ask_portal(
    context: PageContext,
    StrictQuery(query): StrictQuery<CustomerQuery>,
) -> PageReply {
    let values = PortalForm {
        customer: query.customer,
        return_url: String::new(),
    };
    Ok(html(&portal_page(&context).with(portal_form(&values))))
}

pub(super) async fn portal(
    context: PageContext,
    PageForm(sent): PageForm<PortalForm>,
) -> PageReply {
    let request = PortalRequest {
        customer: sent.customer.trim().to_owned(),
        return_url: sent.return_url.trim().to_owned(),
    };
    let billing = &context.services()?.billing;
    let page = portal_page(&context);
    match billing.portal(context.actor()?, request, None).await {
        Ok(link) => {
            let notice = Notice::good("The link is created")
                .text("Anyone with the link can use it. Send it to the customer only.");
            Ok(html(&page.with(notice).with(link_block(&link))))
        }
        Err(refusal) => Ok(context.refused(page, portal_form(&sent), &refusal.into())),
    }
}

pub(super) async fn compare(
    context: PageContext,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let report = context.services()?.billing.reconcile().await?;
    let missed = counted(report.missed_events, "event was", "events were");
    let compared = counted(report.subscriptions, "subscription is", "subscriptions are");
    let message = format!("{missed} missed, and {compared} compared now");
    Ok(done("/billing", &message))
}
