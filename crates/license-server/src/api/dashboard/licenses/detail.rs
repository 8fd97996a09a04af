//! One license: its terms, its state with the reason, its renewals, machines, claims and files.

use axum::body::Body;
use axum::routing::get;
use license_core::evaluate::RuleOutcome;
use license_core::policy::NAMED_USERS;
use license_dashboard::{
    Action, Cell, Column, Disclosure, EmptyState, Facts, Figure, Notice, Page, Table, Tone,
};

use super::badges::{badge, last, last_day};
use super::subscription;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::list::with_query;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, html};
use crate::api::ledger::download;
use crate::api::licenses::license;
use crate::api::paths::StrictPath;
use crate::domain::{MachineRecord, Page as ListPage, PageRequest, Permission};
use crate::services::{CodeContent, LicenseExplanation, RuleScope, Services};

/// The number of machines on the page of a license.
const SHOWN_MACHINES: usize = 10;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let read = Permission::ReadLicenses;
    pages
        .page("/licenses/{license}", read, get(show))
        .page("/licenses/{license}/machines", read, get(machines))
        .page("/licenses/{license}/file", read, get(file))
        .page("/licenses/{license}/qr-code", read, get(code))
}

async fn show(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let services = context.services()?;
    let found = services.licenses.explain(&id).await?;
    let machines = PageRequest::new(None, Some(SHOWN_MACHINES));
    let machines = services.licenses.machines(&id, &machines).await?;
    let pool = &found.license.record.pool;
    let paid = services.billing.subscription_of(pool).await?;
    let title = found.license.record.customer.as_str();
    let page = context.page_below(("Licenses", "/licenses"), title);
    let mut facts = terms(&context, services, &found);
    if let Some(paid) = &paid {
        facts = facts.fact("Subscription", subscription::cell(&context, paid));
    }
    let page = actions(page, &context, &found)
        .with(state(services, &found))
        .with_some(paid.as_ref().and_then(subscription::notice))
        .with(facts);
    let page = if found.chain.len() > 1 {
        page.with(chain(services, &found))
    } else {
        page
    };
    let more = format!("/licenses/{id}/machines");
    let page = page
        .with(machine_table(machines, |_| more.clone()))
        .with(rules(&found))
        .with(claims(&found));
    Ok(html(&page))
}

/// Adds the actions that the person and the state of the license permit.
fn actions(page: Page, context: &PageContext, found: &LicenseExplanation) -> Page {
    let (record, license) = (&found.license.record, &found.license.license);
    let path = |name: &str| format!("/licenses/{}/{name}", record.id);
    let is_revoked = found.state.code == "REVOKED";
    let may_issue = context.is_vendor() && context.may(Permission::IssueLicenses);
    let may_revoke = context.may(Permission::RevokeLicenses);
    let mut page = page;
    if may_issue && !is_revoked && !record.is_superseded && !license.is_trial() {
        page = page
            .action(Action::link("Renew", path("renew")).primary())
            .action(Action::link("Upgrade", path("upgrade")));
        if license.users().is_some() {
            page = page.action(Action::link("Reassign a user", path("reassign")));
        }
    }
    if may_revoke {
        page = page.action(match (context.is_vendor(), is_revoked) {
            (true, false) => Action::dialog("Revoke", path("revoke")).danger(),
            (true, true) => Action::dialog("Reinstate", path("reinstate")),
            (false, _) => Action::dialog("Remove", path("remove")).danger(),
        });
    }
    page
}

/// Returns the state of the license, with the rule that decides.
fn state(services: &Services, found: &LicenseExplanation) -> Notice {
    let (license, state) = (&found.license.license, found.state);
    let day = last(license.expires_at());
    if state.is_valid && !state.is_grace {
        let is_replaced = found.license.record.is_superseded;
        let title = if is_replaced {
            "The license is active, and another one replaces it"
        } else {
            "The license is active"
        };
        let text = day.map_or("It never ends.".to_owned(), |day| {
            format!("Its last day is {day}.")
        });
        return Notice::good(title).text(text);
    }
    if state.code == "NOT_YET_VALID" {
        let start = license.not_before().map(|start| start.date_naive());
        let start = start.map(|day| format!("The license starts on {day}"));
        let title = start.unwrap_or("The license starts later".to_owned());
        return Notice::new(Tone::Neutral, title).code(state.code);
    }
    let decisive = found.rules.iter().find(|rule| {
        let code = rule.result.outcome.code();
        code.is_some_and(|code| code.as_str() == state.code)
    });
    let notice = if state.is_grace {
        Notice::warning("The license is in its grace period")
    } else {
        Notice::danger("The license is not active")
    };
    let notice = notice.code(state.code);
    let hint = match state.code {
        "NOT_CERTIFIED" if services.is_vendor() => {
            "Upgrade the license with *Issue again*, so that it names the key of this server."
        }
        "NOT_CERTIFIED" => {
            "Send the file server.request to the vendor, and install the new license."
        }
        "EXPIRED" | "GRACE_RENEWAL" => "Renew the license.",
        _ => return with_evidence(notice, decisive),
    };
    with_evidence(notice.hint(Some(hint)), decisive)
}

fn with_evidence(notice: Notice, decisive: Option<&crate::services::ExplainedRule>) -> Notice {
    let Some(rule) = decisive else {
        return notice;
    };
    let evidence = &rule.result.evidence;
    notice.text(format!(
        "Expected: {}. Found: {}.",
        evidence.expected(),
        evidence.actual()
    ))
}

fn terms(context: &PageContext, services: &Services, found: &LicenseExplanation) -> Facts {
    let (record, license) = (&found.license.record, &found.license.license);
    let number = |number: Option<u64>| {
        let number = number.and_then(|number| i64::try_from(number).ok());
        number.map_or(Cell::text("No limit"), Cell::Number)
    };
    let state = badge(license, found.state, record.is_superseded, services.now());
    let starts = license.not_before().or(license.issued_at());
    let pool = record.pool.as_str();
    let pool = if context.may(Permission::ReadSeats) {
        Cell::link(format!("/seats/{pool}"), "Seats of this license")
    } else {
        Cell::code(pool)
    };
    let mut facts = Facts::new()
        .title("Terms")
        .fact("State", state)
        .fact("Customer", Cell::text(record.customer.as_str()))
        .fact("Tier", Cell::text(license.tier().to_string()))
        .fact("Seats", number(license.seats()))
        .fact("Machines", number(license.devices()))
        .fact(
            "First day",
            starts.map_or(Cell::Empty, |at| Cell::Date(at.date_naive())),
        )
        .fact("Last day", last_day(license.expires_at()));
    if let Some(users) = license.users() {
        let names = users.map(Cell::text).collect();
        facts = facts.fact("Users", Cell::Lines(names));
    }
    if let Some(until) = license.maintenance_until() {
        facts = facts.fact("Maintenance through", Cell::Date(until.date_naive()));
    }
    if license.is_trial() {
        facts = facts.fact("Trial", Cell::text("Yes"));
    }
    let assigned = format!("/licenses/{}/users", record.id);
    facts = facts
        .fact(
            "License key",
            record.key.clone().map_or(Cell::Empty, Cell::Id),
        )
        .fact("License id", Cell::id(record.id.to_string()))
        .fact("Issued", Cell::time(license.issued_at()))
        .fact("On this server since", Cell::Time(record.installed_at))
        .fact("Pool", pool);
    let has_assigned = license.claims().quotas.contains_key(NAMED_USERS);
    if has_assigned && context.may(Permission::ReadSeats) {
        facts = facts.fact("Assigned users", Cell::link(assigned, "Show"));
    }
    let path = |name: &str| format!("/licenses/{}/{name}", record.id);
    facts.fact(
        "Files",
        Cell::Actions(vec![
            Action::download("License file", path("file")),
            Action::link("QR code", path("qr-code")),
        ]),
    )
}

/// Returns the licenses that replace each other.
fn chain(services: &Services, found: &LicenseExplanation) -> Table {
    let columns = vec![
        Column::text("License"),
        Column::text("State"),
        Column::text("First day"),
        Column::text("Last day"),
        Column::text("On this server since"),
    ];
    let mut table = Table::new("Renewals and upgrades", columns);
    let now = services.now();
    for one in &found.chain {
        let (record, license) = (&one.record, &one.license);
        let id = record.id.to_string();
        let is_this = record.id == found.license.record.id;
        let link = if is_this {
            let this = Cell::badge(Tone::Neutral, "This license");
            Cell::Lines(vec![Cell::code(id), this])
        } else {
            Cell::link(format!("/licenses/{id}"), id)
        };
        let state = services.licenses.state(license);
        let starts = license.not_before().or(license.issued_at());
        table.row(vec![
            link,
            badge(license, state, record.is_superseded, now),
            starts.map_or(Cell::Empty, |at| Cell::Date(at.date_naive())),
            last_day(license.expires_at()),
            Cell::Time(record.installed_at),
        ]);
    }
    table
}

/// Returns a table of the machines of a license.
fn machine_table(machines: ListPage<MachineRecord>, next: impl Fn(&str) -> String) -> Table {
    let columns = vec![
        Column::text("Machine"),
        Column::text("Version"),
        Column::text("First seen"),
        Column::text("Last seen"),
    ];
    let mut table = Table::new("Machines", columns);
    table.empty = EmptyState::new("No machine has validated the license yet")
        .text("The seats of the license show the machines that hold one now.");
    for machine in machines.items {
        table.row(vec![
            Cell::code(machine.machine),
            Cell::optional(machine.version),
            Cell::Time(machine.first_seen),
            Cell::Time(machine.last_seen),
        ]);
    }
    table.next = machines.next.map(|cursor| next(cursor.as_str()));
    table
}

fn rules(found: &LicenseExplanation) -> Disclosure {
    let columns = vec![
        Column::text("Rule"),
        Column::text("Result"),
        Column::text("Applies to"),
        Column::text("Expected"),
        Column::text("Found"),
    ];
    let mut table = Table::new("Rules", columns);
    for rule in &found.rules {
        let evidence = &rule.result.evidence;
        let (tone, text) = match (rule.scope, rule.result.outcome) {
            (_, RuleOutcome::NotApplicable) => (Tone::Neutral, "Does not apply"),
            (_, RuleOutcome::Passed) => (Tone::Good, "Passed"),
            (RuleScope::License, RuleOutcome::Grace(code)) => (Tone::Warning, code.as_str()),
            (RuleScope::License, RuleOutcome::Denied(code)) => (Tone::Danger, code.as_str()),
            (RuleScope::Program, _) => (Tone::Neutral, "Depends on the machine"),
            (RuleScope::Server, _) => (Tone::Neutral, "The server decides"),
        };
        let scope = match rule.scope {
            RuleScope::License => "Every program",
            RuleScope::Program => "Machine, user and version",
            RuleScope::Server => "Programs without this server",
        };
        let applies = rule.result.outcome != RuleOutcome::NotApplicable;
        let value = |text: String| if applies { wrapped(&text) } else { Cell::Empty };
        table.row(vec![
            Cell::text(rule.result.rule.as_str()),
            Cell::badge(tone, text),
            Cell::text(scope),
            value(evidence.expected()),
            value(evidence.actual()),
        ]);
    }
    Disclosure::new("Why: the result of every rule").with(table)
}

/// The longest line of a text in a table, in characters. A table shortens longer texts.
const LINE: usize = 72;

/// Returns a text in lines, so that a table shows all of it.
fn wrapped(text: &str) -> Cell {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let fits = lines.last().is_some_and(|line| {
            line.is_empty() || line.chars().count() + word.chars().count() < LINE
        });
        match lines.last_mut().filter(|_| fits) {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    Cell::Lines(lines.into_iter().map(Cell::Text).collect())
}

/// The claims whose values are seconds since 1970.
const INSTANTS: [&str; 4] = ["iat", "nbf", "exp", "maintenance_until"];

fn claims(found: &LicenseExplanation) -> Disclosure {
    let mut facts = Facts::new();
    for claim in &found.claims {
        let name = claim.name.as_str();
        let instant = claim.value.as_u64().filter(|_| INSTANTS.contains(&name));
        let instant = instant.and_then(license_core::time::from_unix_seconds);
        let mut value = lines(&claim.value);
        value.extend(instant.map(Cell::Time));
        if !claim.is_known() {
            value.push(Cell::badge(Tone::Warning, "Unknown to this server"));
        }
        facts = facts.fact(name, Cell::Lines(value));
    }
    Disclosure::new("Every claim of the license").with(facts)
}

/// Returns a value of JSON, with a line for each item.
fn lines(value: &serde_json::Value) -> Vec<Cell> {
    match value {
        serde_json::Value::Array(items) => {
            items.iter().map(|item| Cell::code(plain(item))).collect()
        }
        serde_json::Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| Cell::code(format!("{name}: {}", plain(value))))
                .collect()
        }
        value => vec![Cell::code(plain(value))],
    }
}

fn plain(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The position in the list of machines.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LicenseMachinesQuery {
    cursor: Option<String>,
}

async fn machines(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    crate::api::pages::StrictQuery(query): crate::api::pages::StrictQuery<LicenseMachinesQuery>,
) -> PageReply {
    let id = license(&path)?;
    let request = crate::api::pages::PageQuery::new(query.cursor.clone(), None).request()?;
    let found = context.services()?.licenses.machines(&id, &request).await?;
    let at = |cursor: &str| {
        with_query(
            &format!("/licenses/{id}/machines"),
            &[("cursor", Some(cursor))],
        )
    };
    let mut table = machine_table(found, at);
    table.first = query.cursor.map(|_| format!("/licenses/{id}/machines"));
    let parent = format!("/licenses/{id}");
    let page = context.page_below(("License", &parent), "Machines of the license");
    Ok(html(&page.with(table)))
}

async fn file(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let file = context.services()?.licenses.file(&id).await?;
    let name = format!("{id}.lic");
    Ok(download(
        "text/plain; charset=utf-8",
        &name,
        Body::from(file),
    ))
}

async fn code(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let licenses = &context.services()?.licenses;
    let key = licenses.get(&id).await?.record.key;
    let parent = format!("/licenses/{id}");
    let mut page = context.page_below(("License", &parent), "QR codes");
    if key.is_some() {
        let svg = licenses.qr_code(&id, CodeContent::Key).await?;
        page = page.with(Figure::new(svg, "The license key"));
    }
    page = match licenses.qr_code(&id, CodeContent::License).await {
        Ok(svg) => page.with(Figure::new(
            svg,
            "The license itself, which `license install` reads from a picture",
        )),
        Err(refusal) if refusal.code == "TOO_LONG" => page.with(
            Notice::warning(refusal.detail)
                .code(refusal.code)
                .hint(refusal.hint),
        ),
        Err(refusal) => return Err(refusal.into()),
    };
    Ok(html(&page))
}
