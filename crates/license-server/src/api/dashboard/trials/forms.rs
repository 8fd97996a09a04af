//! The forms that start, extend and convert a trial. Each has a preview of the license.

use axum::routing::{get, post};
use license_dashboard::{Field, Form, Kind, Page};
use serde::Deserialize;

use super::TRIALS;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::form_number;
use crate::api::dashboard::form_values::{number, required_number};
use crate::api::dashboard::licenses::{preview_blocks, tier_field};
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::api::trials::trial;
use crate::domain::{Permission, Trial};
use crate::services::{IssueOrder, IssuedLicense, NewTrial, TrialService};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let issue = Permission::IssueLicenses;
    pages
        .page("/trials/new", issue, get(new).post(start))
        .page("/trials/new/preview", issue, post(preview_start))
        .page("/trials/{trial}/extend", issue, get(longer).post(extend))
        .page(
            "/trials/{trial}/extend/preview",
            issue,
            post(preview_extension),
        )
        .page("/trials/{trial}/convert", issue, get(paid).post(convert))
        .page(
            "/trials/{trial}/convert/preview",
            issue,
            post(preview_conversion),
        )
}

/// Shows the license that a form would issue, or why the form is refused, and the form again.
fn previewed(
    context: &PageContext,
    page: Page,
    form: Form,
    result: Result<IssuedLicense, Problem>,
) -> PageReply {
    match result {
        Ok(license) => {
            let blocks = preview_blocks(&license).into_iter();
            Ok(html(&blocks.fold(page, Page::with).with(form)))
        }
        Err(problem) => Ok(context.refused(page, form, &problem)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartForm {
    email: String,
    customer: String,
    machine: String,
    again: Option<String>,
}

impl StartForm {
    fn trial(&self) -> Result<NewTrial, Problem> {
        let machine = self.machine.trim();
        Ok(NewTrial {
            email: email(&self.email)?,
            customer: self.customer.clone(),
            machine: (!machine.is_empty()).then(|| machine.to_owned()),
        })
    }
}

fn start_page(context: &PageContext) -> Page {
    context.page_below(TRIALS, "Start a trial")
}

fn start_form(sent: Option<&StartForm>) -> Form {
    let value = |value: fn(&StartForm) -> &str| sent.map_or("", value).to_owned();
    let again = sent.is_some_and(|sent| sent.again.is_some());
    Form::new("/trials/new", "Start the trial")
        .other_target("Preview", "/trials/new/preview")
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

async fn preview_start(context: PageContext, PageForm(sent): PageForm<StartForm>) -> PageReply {
    let described = async {
        let (trials, new) = (&context.services()?.trials, sent.trial()?);
        let described = trials.preview_start(context.actor()?, &new, sent.again.is_some());
        Ok::<_, Problem>(described.await?)
    };
    let (page, form) = (start_page(&context), start_form(Some(&sent)));
    previewed(&context, page, form, described.await)
}

async fn start(context: PageContext, PageForm(sent): PageForm<StartForm>) -> PageReply {
    let started = async {
        let trials = &context.services()?.trials;
        let started = trials.start(context.actor()?, sent.trial()?, sent.again.is_some());
        Ok::<_, Problem>(started.await?)
    };
    match started.await {
        Ok(started) => {
            let path = format!("/trials/{}", started.trial.id);
            let trials = &context.services()?.trials;
            let message = done_message(trials, &started.trial, "The trial has started");
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
        .other_target("Preview", format!("{path}/preview"))
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

async fn preview_extension(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<ExtendForm>,
) -> PageReply {
    let trials = &context.services()?.trials;
    let found = trials.get(&trial(&path)?).await?;
    let described = async {
        let days = required_number("days", &sent.days, 1)?;
        let described = trials.preview_extension(context.actor()?, &found.id, days, &sent.reason);
        Ok::<_, Problem>(described.await?.license)
    };
    let (page, form) = (extend_page(&context, &found), extend_form(&found, &sent));
    previewed(&context, page, form, described.await)
}

async fn extend(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<ExtendForm>,
) -> PageReply {
    let trials = &context.services()?.trials;
    let found = trials.get(&trial(&path)?).await?;
    let extended = async {
        let days = required_number("days", &sent.days, 1)?;
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
            let message = done_message(trials, &found, "The trial is extended");
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
    fn order(&self, dry_run: bool) -> Result<IssueOrder, Problem> {
        Ok(IssueOrder {
            tier: self.tier.clone(),
            days: Some(required_number("days", &self.days, 1)?),
            seats: number("seats", &self.seats, 1)?,
            dry_run,
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
    let path = format!("/trials/{}/convert", trial.id);
    let form = Form::new(&path, "Issue the license");
    Ok(form
        .other_target("Preview", format!("{path}/preview"))
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

async fn preview_conversion(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<ConvertForm>,
) -> PageReply {
    let trials = &context.services()?.trials;
    let found = trials.get(&trial(&path)?).await?;
    let described = async {
        let order = sent.order(true)?;
        let described = trials.convert(context.actor()?, &found.id, order, None);
        Ok::<_, Problem>(described.await?.license)
    };
    let form = convert_form(&context, &found, &sent)?;
    previewed(
        &context,
        convert_page(&context, &found),
        form,
        described.await,
    )
}

async fn convert(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<ConvertForm>,
) -> PageReply {
    let trials = &context.services()?.trials;
    let found = trials.get(&trial(&path)?).await?;
    let converted = async {
        let order = sent.order(false)?;
        let path = format!("/trials/{}/convert", found.id);
        let values = [sent.tier.as_str(), &sent.days, &sent.seats];
        let request = form_number::request(&context, &path, &sent.request, &values)?;
        let converted = trials.convert(context.actor()?, &found.id, order, Some(request));
        Ok::<_, Problem>(converted.await?)
    };
    match converted.await {
        Ok(_) => {
            let path = format!("/trials/{}", found.id);
            let message = done_message(trials, &found, "The license is issued");
            Ok(done(&path, &message))
        }
        Err(problem) => {
            let form = convert_form(&context, &found, &sent)?;
            Ok(context.refused(convert_page(&context, &found), form, &problem))
        }
    }
}

/// Returns the message of a change, and how the user gets the license.
fn done_message(trials: &TrialService, trial: &Trial, done: &str) -> String {
    if trials.can_mail(trial) {
        format!("{done}, and the user gets the license by mail")
    } else {
        format!("{done}. Send the license to the user: its page has the file")
    }
}
