//! Trials: the pages of the links in mails, and the pages of administrators.

mod visitor;

use axum::routing::get;
use license_core::LicenseId;
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Field, Form, Kind, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::form_number;
use super::licenses::{last_day, tier_field};
use super::list::{state_field, state_label};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::api::trials::{state, trial};
use crate::domain::{Permission, Trial, TrialState};
use crate::services::{IssueOrder, NewTrial, TrialService};

/// The page to which the pages below it lead back.
const TRIALS: (&str, &str) = ("Trials", "/trials");

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let (read, issue) = (Permission::ReadLicenses, Permission::IssueLicenses);
    visitor::pages(pages)
        .page("/trials", read, get(list))
        .page("/trials/new", issue, get(new).post(start))
        .page("/trials/{trial}", read, get(show))
        .page("/trials/{trial}/extend", issue, get(longer).post(extend))
        .page("/trials/{trial}/convert", issue, get(paid).post(convert))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialListQuery {
    state: Option<String>,
    cursor: Option<String>,
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<TrialListQuery>) -> PageReply {
    let chosen = query.state.filter(|state| !state.is_empty());
    let state = chosen.as_deref().map(state).transpose()?;
    let page = PageQuery::new(query.cursor.clone(), None).request()?;
    let found = context.services()?.trials.list(state, &page).await?;
    let mut table = Table::new(
        "Trials",
        vec![
            Column::text("Customer"),
            Column::text("State"),
            Column::text("E-mail address"),
            Column::text("Started"),
            Column::text("Last day"),
        ],
    );
    for trial in found.items {
        let href = format!("/trials/{}", trial.id);
        table.row(vec![
            Cell::link(href, &trial.user.customer),
            badge(trial.state),
            address(&trial),
            Cell::time(trial.started_at),
            trial.ends_at.map_or(Cell::Empty, |end| last_day(Some(end))),
        ]);
    }
    table.filter = Some(filter(chosen.as_deref()));
    table.empty = EmptyState::new("No trials")
        .text("Users start trials with `license trial start`, and administrators on this page.");
    let with_state = |cursor: Option<&str>| {
        let parts = [("state", chosen.as_deref()), ("cursor", cursor)];
        let parts = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let query = serde_urlencoded::to_string(parts.collect::<Vec<_>>()).unwrap_or_default();
        format!("/trials?{query}")
    };
    table.first = query.cursor.map(|_| with_state(None));
    table.next = found.next.map(|next| with_state(Some(next.as_str())));
    let about = "A trial is a license with an end, for one customer, address and machine. Convert it when \
                 the customer buys.";
    let mut page = context.page("Trials").with(about);
    if context.may(Permission::IssueLicenses) {
        page = page.action(Action::link("Start a trial", "/trials/new").primary());
    }
    Ok(html(&page.with(table)))
}

fn filter(chosen: Option<&str>) -> Form {
    let states = TrialState::ALL.into_iter().filter(|state| state.is_used());
    let states = states.map(TrialState::as_str);
    let field = state_field(states, chosen.unwrap_or_default());
    Form::new("/trials", "Filter").field(field)
}

/// Returns the address, or why there is none.
fn address(trial: &Trial) -> Cell {
    match &trial.user.email {
        Some(email) => Cell::text(email.to_string()),
        None if trial.is_from_ledger() => Cell::text("none: issued by keygen"),
        None => Cell::Empty,
    }
}

fn badge(state: TrialState) -> Cell {
    let tone = match state {
        TrialState::Started | TrialState::Converted => Tone::Good,
        TrialState::Reminded => Tone::Warning,
        _ => Tone::Neutral,
    };
    Cell::badge(tone, state_label(state.as_str()))
}

async fn show(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let found = context.services()?.trials.get(&trial(&path)?).await?;
    let mut page = context.page_below(TRIALS, &found.user.customer);
    let is_open = found.state != TrialState::Converted && found.license.is_some();
    if is_open && context.may(Permission::IssueLicenses) {
        let path = |action: &str| format!("/trials/{}/{action}", found.id);
        page = page
            .action(Action::link("Convert to a license", path("convert")).primary())
            .action(Action::dialog("Extend", path("extend")));
    }
    if is_open && context.services()?.billing.is_on() && context.may(Permission::ManageBilling) {
        let href = format!("/billing/checkout?trial={}", found.id);
        page = page.action(Action::link("Sell a subscription", href));
    }
    let names = Names::of(&context, [found.started_by.as_str()]).await?;
    Ok(html(&page.with(facts(&found, &names))))
}

fn facts(trial: &Trial, names: &Names) -> Facts {
    let license = |id: Option<&LicenseId>| match id {
        Some(id) => Cell::link(format!("/licenses/{id}"), id.as_str()),
        None => Cell::Empty,
    };
    let user = &trial.user;
    let reminders = match (trial.stopped_at, trial.reminded) {
        (Some(_), _) => "stopped by the user".to_owned(),
        (None, Some(1)) => "the last one a day before the end".to_owned(),
        (None, Some(days)) => format!("the last one {days} days before the end"),
        (None, None) if trial.is_from_ledger() => "none: the server knows no address".to_owned(),
        (None, None) => "none yet".to_owned(),
    };
    let started_by = if trial.is_from_ledger() {
        "keygen"
    } else {
        trial.started_by.as_str()
    };
    Facts::new()
        .fact("State", badge(trial.state))
        .fact("Customer", Cell::text(&user.customer))
        .fact("E-mail address", address(trial))
        .fact(
            "Machine",
            match &user.machine {
                Some(machine) => Cell::code(machine.to_string()),
                None => Cell::text("any"),
            },
        )
        .fact("Started", Cell::time(trial.started_at))
        .fact(
            "Last day",
            trial.ends_at.map_or(Cell::Empty, |end| last_day(Some(end))),
        )
        .fact("Started by", names.cell(started_by))
        .fact("Reminders", Cell::text(reminders))
        .fact("License", license(trial.license.as_ref()))
        .fact("Paid license", license(trial.paid.as_ref()))
        .fact("Id", Cell::code(trial.id.as_str()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartForm {
    email: String,
    customer: String,
    machine: String,
    again: Option<String>,
}

fn start_page(context: &PageContext) -> Page {
    context.page_below(TRIALS, "Start a trial")
}

fn start_form(sent: Option<&StartForm>) -> Form {
    let value = |value: fn(&StartForm) -> &str| sent.map_or("", value).to_owned();
    let again = sent.is_some_and(|sent| sent.again.is_some());
    Form::new("/trials/new", "Start the trial")
        .field(
            Field::text("customer", "Customer")
                .value(value(|sent| &sent.customer))
                .help("The company or the person.")
                .required()
                .max_length(100),
        )
        .field(
            Field::new(Kind::Email, "email", "E-mail address")
                .value(value(|sent| &sent.email))
                .help("Gets the license and the reminders.")
                .required(),
        )
        .field(
            Field::text("machine", "Machine")
                .value(value(|sent| &sent.machine))
                .help("As `license machine` prints it. Empty: any machine."),
        )
        .field(
            Field::new(
                Kind::Check,
                "again",
                "Also if the customer, the address or the machine had a trial before",
            )
            .value(if again { "true" } else { "" }),
        )
        .cancel("/trials")
}

async fn new(context: PageContext) -> PageReply {
    Ok(html(&start_page(&context).with(start_form(None))))
}

async fn start(context: PageContext, PageForm(sent): PageForm<StartForm>) -> PageReply {
    let started = async {
        let machine = sent.machine.trim();
        let new = NewTrial {
            email: email(&sent.email)?,
            customer: sent.customer.clone(),
            machine: (!machine.is_empty()).then(|| machine.to_owned()),
        };
        let trials = &context.services()?.trials;
        let started = trials.start(context.actor()?, new, sent.again.is_some());
        Ok::<_, Problem>(started.await?)
    };
    match started.await {
        Ok(started) => {
            let path = format!("/trials/{}", started.trial.id);
            let trials = &context.services()?.trials;
            let message = is_mailed(trials, &started.trial, "The trial has started");
            Ok(done(&path, &message))
        }
        Err(problem) => {
            let form = start_form(Some(&sent));
            Ok(context.refused(start_page(&context), form, &problem))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtendForm {
    request: String,
    days: String,
    reason: String,
}

fn extend_page(context: &PageContext, trial: &Trial) -> Page {
    let href = format!("/trials/{}", trial.id);
    context.page_below((&trial.user.customer, &href), "Extend the trial")
}

fn extend_form(trial: &Trial, sent: &ExtendForm) -> Form {
    let path = format!("/trials/{}/extend", trial.id);
    Form::new(&path, "Extend the trial")
        .hidden(form_number::FIELD, &sent.request)
        .field(
            Field::new(Kind::Number, "days", "Days")
                .value(&sent.days)
                .help("They count from the end of the trial, or from today if it has ended.")
                .required(),
        )
        .field(
            Field::text("reason", "Reason")
                .value(&sent.reason)
                .help("The audit trail keeps it.")
                .required()
                .max_length(1000),
        )
        .cancel(format!("/trials/{}", trial.id))
}

async fn longer(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let found = context.services()?.trials.get(&trial(&path)?).await?;
    let empty = ExtendForm {
        request: form_number::new()?,
        days: "7".to_owned(),
        reason: String::new(),
    };
    let form = extend_form(&found, &empty);
    Ok(html(&extend_page(&context, &found).with(form)))
}

async fn extend(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<ExtendForm>,
) -> PageReply {
    let trials = &context.services()?.trials;
    let found = trials.get(&trial(&path)?).await?;
    let extended = async {
        let days = number("days", &sent.days)?;
        let path = format!("/trials/{}/extend", found.id);
        let values = [sent.days.as_str(), &sent.reason];
        let request = form_number::request(&context, &path, &sent.request, &values)?;
        let request = Some(request);
        let extended = trials.extend(context.actor()?, &found.id, days, &sent.reason, request);
        Ok::<_, Problem>(extended.await?)
    };
    match extended.await {
        Ok(_) => {
            let path = format!("/trials/{}", found.id);
            let message = is_mailed(trials, &found, "The trial is extended");
            Ok(done(&path, &message))
        }
        Err(problem) => {
            let form = extend_form(&found, &sent);
            Ok(context.refused(extend_page(&context, &found), form, &problem))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConvertForm {
    request: String,
    tier: String,
    days: String,
    seats: String,
}

impl ConvertForm {
    fn order(&self) -> Result<IssueOrder, Problem> {
        let seats = self.seats.trim();
        Ok(IssueOrder {
            tier: self.tier.clone(),
            days: Some(number("days", &self.days)?),
            seats: match seats {
                "" => None,
                seats => Some(number("seats", seats)?),
            },
            ..IssueOrder::default()
        })
    }
}

fn convert_page(context: &PageContext, trial: &Trial) -> Page {
    let href = format!("/trials/{}", trial.id);
    context
        .page_below((&trial.user.customer, &href), "Convert to a license")
        .with("The license replaces the trial at once. Seats, sessions and machines stay.")
}

fn convert_form(context: &PageContext, trial: &Trial, sent: &ConvertForm) -> Result<Form, Problem> {
    let form = Form::new(format!("/trials/{}/convert", trial.id), "Issue the license");
    Ok(form
        .hidden(form_number::FIELD, &sent.request)
        .field(tier_field(context, &sent.tier)?.required())
        .field(
            Field::new(Kind::Number, "days", "Days")
                .value(&sent.days)
                .help("They count from the end of the trial.")
                .required(),
        )
        .field(
            Field::new(Kind::Number, "seats", "Seats")
                .value(&sent.seats)
                .help("Empty: those of the tier."),
        )
        .cancel(format!("/trials/{}", trial.id)))
}

async fn paid(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let found = context.services()?.trials.get(&trial(&path)?).await?;
    let empty = ConvertForm {
        request: form_number::new()?,
        tier: String::new(),
        days: "365".to_owned(),
        seats: String::new(),
    };
    let form = convert_form(&context, &found, &empty)?;
    Ok(html(&convert_page(&context, &found).with(form)))
}

async fn convert(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<ConvertForm>,
) -> PageReply {
    let trials = &context.services()?.trials;
    let found = trials.get(&trial(&path)?).await?;
    let converted = async {
        let order = sent.order()?;
        let path = format!("/trials/{}/convert", found.id);
        let values = [sent.tier.as_str(), &sent.days, &sent.seats];
        let request = form_number::request(&context, &path, &sent.request, &values)?;
        let converted = trials.convert(context.actor()?, &found.id, order, Some(request));
        Ok::<_, Problem>(converted.await?)
    };
    match converted.await {
        Ok(_) => {
            let path = format!("/trials/{}", found.id);
            let message = is_mailed(trials, &found, "The license is issued");
            Ok(done(&path, &message))
        }
        Err(problem) => refused(&context, &found, &sent, &problem),
    }
}

fn refused(
    context: &PageContext,
    trial: &Trial,
    sent: &ConvertForm,
    problem: &Problem,
) -> PageReply {
    let form = convert_form(context, trial, sent)?;
    Ok(context.refused(convert_page(context, trial), form, problem))
}

/// Returns the message of a change, and how the user gets the license.
fn is_mailed(trials: &TrialService, trial: &Trial, done: &str) -> String {
    if trials.can_mail(trial) {
        format!("{done}, and the user gets the license by mail")
    } else {
        format!("{done}. Send the license to the user: its page has the file")
    }
}

/// Parses a number of a form.
pub(super) fn number(name: &str, text: &str) -> Result<u32, Problem> {
    text.trim().parse().map_err(|_| {
        Problem::malformed(format!("{name}: enter a whole number"))
            .values("a whole number", "another text")
    })
}
