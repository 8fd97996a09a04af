//! Trials: the pages of the links in mails, and the pages of administrators.

mod forms;
mod visitor;

use axum::routing::get;
use license_core::{Code, LicenseId};
use license_dashboard::{Action, Cell, Column, EmptyState, Facts, Form, Notice, Table, Tone};

use super::context::PageContext;
use super::licenses::{last_day, license_badge};
use super::list::{StateQuery, state_field, state_label};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::trials::{newest_license, state, trial};
use crate::domain::{Permission, Trial, TrialState};
use crate::services::{InstalledLicense, LicenseState, Services};

/// The page to which the pages below it lead back.
const TRIALS: (&str, &str) = ("Trials", "/trials");

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let read = Permission::ReadLicenses;
    forms::pages(visitor::pages(pages))
        .page("/trials", read, get(list))
        .page("/trials/{trial}", read, get(show))
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<StateQuery>) -> PageReply {
    let chosen = query.state.filter(|state| !state.is_empty());
    let state = chosen.as_deref().map(state).transpose()?;
    let page = PageQuery::new(query.cursor.clone(), None).request()?;
    let services = context.services()?;
    let found = services.trials.list(state, &page).await?;
    let mut table = Table::new(
        "Trials",
        vec![
            Column::text("Customer"),
            Column::text("State"),
            Column::text("License"),
            Column::text("E-mail address"),
            Column::text("Started"),
            Column::text("Last day"),
        ],
    );
    for trial in found.items {
        let newest = newest_license(services, &trial).await?;
        let href = format!("/trials/{}", trial.id);
        table.row(vec![
            Cell::link(href, &trial.user.customer),
            badge(trial.state),
            newest.map_or(Cell::Empty, |newest| state_of(services, &newest)),
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
    let services = context.services()?;
    let found = services.trials.get(&trial(&path)?).await?;
    let newest = newest_license(services, &found).await?;
    let mut page = context.page_below(TRIALS, &found.user.customer);
    let is_revoked = newest
        .as_ref()
        .is_some_and(|(_, state)| state.code == Code::Revoked.as_str());
    let is_open = found.state != TrialState::Converted && found.license.is_some();
    if is_revoked {
        page = page.with(Notice::warning("The license is revoked").hint(Some(
            "The page of the license has the action to reinstate it.",
        )));
    } else if is_open && context.may(Permission::IssueLicenses) {
        let path = |action: &str| format!("/trials/{}/{action}", found.id);
        page = page
            .action(Action::link("Convert to a license", path("convert")).primary())
            .action(Action::dialog("Extend", path("extend")));
    }
    let may_sell = services.billing.is_on() && context.may(Permission::ManageBilling);
    if is_open && !is_revoked && may_sell {
        let href = format!("/billing/checkout?trial={}", found.id);
        page = page.action(Action::link("Sell a subscription", href));
    }
    let names = Names::of(&context, [found.started_by.as_str()]).await?;
    let state = newest.map(|newest| state_of(services, &newest));
    Ok(html(&page.with(facts(&found, state, &names))))
}

/// Returns the state of a license as a person reads it.
fn state_of(services: &Services, (installed, state): &(InstalledLicense, LicenseState)) -> Cell {
    let is_superseded = installed.record.is_superseded;
    license_badge(&installed.license, *state, is_superseded, services.now())
}

fn facts(trial: &Trial, state: Option<Cell>, names: &Names) -> Facts {
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
        .fact("State of the newest license", state.unwrap_or(Cell::Empty))
        .fact("Id", Cell::code(trial.id.as_str()))
}
