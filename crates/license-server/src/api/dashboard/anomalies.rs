//! Pages for anomalies.

use axum::routing::get;
use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Kind, Page, Table, Tone};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Anomaly, AnomalyKind, AnomalyState, Permission as P};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.page("/anomalies", P::ReadLicenses, get(list)).page(
        "/anomalies/{anomaly}/dismiss",
        P::IssueLicenses,
        get(dismissal).post(dismiss),
    )
}

/// The state and the position of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnomalyFields {
    state: Option<String>,
    cursor: Option<String>,
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<AnomalyFields>) -> PageReply {
    let page_request = PageQuery::new(query.cursor, None).request()?;
    let shown = query.state.unwrap_or_else(|| "open".to_owned());
    let state = match shown.as_str() {
        "all" => None,
        text => Some(
            AnomalyState::parse(text).ok_or_else(|| Problem::malformed("the state is unknown"))?,
        ),
    };
    let anomalies = &context.services()?.anomalies;
    let found = anomalies.list(state, &page_request).await?;
    let mut table = Table::new(
        "Anomalies",
        vec![
            Column::text("What"),
            Column::text("License"),
            Column::text("Last seen"),
            Column::text("State"),
            Column::text("Note"),
            Column::text("Actions"),
        ],
    );
    table.empty = EmptyState::new("No anomalies")
        .text("A license on unusually many machines or networks appears here.");
    let licenses = found.items.iter().map(|anomaly| anomaly.license.as_str());
    let names = Names::of(&context, licenses).await?;
    for anomaly in &found.items {
        table.row(row(&context, anomaly, &names));
    }
    let next = found.next.as_ref();
    table.next = next.map(|next| format!("/anomalies?state={shown}&cursor={next}"));
    let choices = [("open", "Open"), ("dismissed", "Dismissed"), ("all", "All")];
    let choices = choices.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let field = Field::new(Kind::Choice(choices.to_vec()), "state", "State").value(&shown);
    table.filter = Some(Form::new("/anomalies", "Filter").field(field));
    let page = context
        .page("Anomalies")
        .with("Licenses that are used in an unusual way, such as one key on many machines. An anomaly \
               locks nothing. Look at the license, and dismiss the anomaly if there is a good reason.");
    Ok(html(&page.with(table)))
}

fn row(context: &PageContext, anomaly: &Anomaly, names: &Names) -> Vec<Cell> {
    let is_open = anomaly.state == AnomalyState::Open;
    let tone = if is_open {
        Tone::Warning
    } else {
        Tone::Neutral
    };
    let license = anomaly.license.as_str();
    let action = (is_open && context.may(P::IssueLicenses)).then(|| {
        let href = format!("/anomalies/{}/dismiss", anomaly.id);
        Cell::Actions(vec![Action::dialog("Dismiss", href)])
    });
    vec![
        Cell::text(sentence(anomaly)),
        names.link(format!("/licenses/{license}"), license),
        Cell::Time(anomaly.last_at),
        Cell::badge(tone, anomaly.state.as_str()),
        Cell::optional(anomaly.note.as_deref()),
        action.unwrap_or(Cell::Empty),
    ]
}

fn sentence(anomaly: &Anomaly) -> String {
    let seen = anomaly.seen;
    match anomaly.kind {
        AnomalyKind::Machines => format!("{seen} new machines within a day"),
        AnomalyKind::Networks => format!("{seen} networks or more on one day"),
        AnomalyKind::UsageConflict => "Usage reports that contradict each other".to_owned(),
    }
}

/// The fields of a dismissal.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DismissalFields {
    note: String,
}

/// Returns the page and the form of a dismissal.
async fn dismissal_form(
    context: &PageContext,
    id: &str,
    fields: &DismissalFields,
) -> Result<(Page, Form), Problem> {
    let anomaly = context.services()?.anomalies.get(id).await?;
    let page = context.page_below(("Anomalies", "/anomalies"), "Dismiss an anomaly");
    let license = anomaly.license.as_str();
    let names = Names::of(context, [license]).await?;
    let name = names.get(license).unwrap_or(license);
    let page = page.with(format!("{name}: {}.", sentence(&anomaly)));
    let form = Form::new(format!("/anomalies/{id}/dismiss"), "Dismiss")
        .field(
            Field::text("note", "Reason")
                .value(&fields.note)
                .help("Such as: a rollout, a build farm. The audit trail keeps it.")
                .max_length(200)
                .required(),
        )
        .cancel("/anomalies");
    Ok((page, form))
}

async fn dismissal(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let (page, form) = dismissal_form(&context, &id, &DismissalFields::default()).await?;
    Ok(html(&page.with(form)))
}

async fn dismiss(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(fields): PageForm<DismissalFields>,
) -> PageReply {
    let (page, form) = dismissal_form(&context, &id, &fields).await?;
    let anomalies = &context.services()?.anomalies;
    let dismissed = anomalies.dismiss(context.actor()?, &id, &fields.note);
    match dismissed.await {
        Ok(_) => Ok(done("/anomalies", "The anomaly is dismissed")),
        Err(refusal) => Ok(context.refused(page, form, &refusal.into())),
    }
}
