//! The first page after a sign-in: seats, licenses that end soon, and the health of the server.

use axum::extract::State;
use axum::routing::get;
use license_core::chrono::TimeDelta;
use license_core::time::{humanize, saturating_sub};
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Frame, Notice, Page as Html, Section, Table, Tile,
    Tiles, Tone,
};

use super::account::NEW_ORGANIZATION;
use super::context::PageContext;
use super::licenses::{last_day, request_action};
use super::list::counted;
use super::pages::Pages;
use super::reply::{PageReply, html};
use super::seat_charts::{held, without_a_seat};
use super::seats::{self, license_label, path_of, segment};
use crate::api::App;
use crate::api::problem::Problem;
use crate::domain::Permission;
use crate::services::{
    EndingLicenses, HistoryRange, HistoryStep, SeatHistory, SeatOverview, ServerHealth, Services,
};

/// The largest number of licenses in the list of those that end soon.
const MAX_ENDING: usize = 10;

/// How long before its end the certificate needs attention.
const CERTIFICATE_WARNING: TimeDelta = TimeDelta::days(21);

/// How long after the last periodic work the server needs attention.
const WORK_WARNING: TimeDelta = TimeDelta::seconds(10);

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.own("/", get(show))
}

/// Returns the page of a person without an organization.
fn without_organization(app: &App, context: &PageContext, frame: Frame) -> Html {
    let mut actions = Vec::new();
    let text = if app
        .accounts()
        .may_create_organization(context.person().signed_in())
    {
        actions.push(Action::dialog("Create an organization", NEW_ORGANIZATION));
        "Create one, accept an invitation, or ask an administrator to invite you."
    } else {
        "Accept an invitation, or ask an administrator to invite you."
    };
    actions.push(Action::link("Your account", "/account"));
    let notice = Notice::new(Tone::Neutral, "You are not a member of an organization").text(text);
    Html::new(frame).with(notice).with(actions)
}

async fn show(State(app): State<App>, context: PageContext) -> PageReply {
    let mut frame = context.frame("Overview");
    let Some(principal) = context.principal() else {
        return Ok(html(&without_organization(&app, &context, frame)));
    };
    let services = app.tenants().of(&principal.tenant).await?;
    let may_read_seats = context.may(Permission::ReadSeats);
    if may_read_seats {
        frame.events = Some("/api/v1/pools".to_owned());
    }
    let mut page = Html::new(frame);
    let is_own = services.tenant() == app.tenants().own().tenant();
    let health = if is_own && context.may(Permission::ReadSettings) {
        Some(services.overview.health().await)
    } else {
        None
    };
    if let Some(health) = &health {
        page = with_problems(&app, &services, health, page);
    }
    if is_own && context.may(Permission::IssueLicenses) && services.licenses.is_empty().await? {
        page = with_first_steps(&app, &context, page);
    }
    if context.may(Permission::ReadWebhooks) {
        page = with_webhooks(&services, page).await?;
    }
    page = if may_read_seats {
        with_seats(&services, page).await?
    } else {
        with_own_seats(&context, &services, page).await?
    };
    if context.may(Permission::ReadLicenses) {
        let ending = services.overview.ending_licenses().await?;
        page = page.with(ending_licenses(&ending));
    }
    let health = health.map(|health| health_facts(&app, &services, &health));
    Ok(html(&page.with_some(health)))
}

/// Adds messages about what needs attention.
fn with_problems(app: &App, services: &Services, health: &ServerHealth, mut page: Html) -> Html {
    match health.readiness {
        Ok(readiness) => {
            if let Some((code, problem)) = readiness.problem() {
                let notice = Notice::danger("The server cannot serve clients");
                page = page.with(notice.text(problem).code(code));
            }
        }
        Err(code) => {
            let notice = Notice::danger("The database cannot be read or written").code(code);
            page = page.with(notice.hint(Some("Look at the log of the server, and at the disk.")));
        }
    }
    if health.last_work_ago.is_some_and(|ago| ago > WORK_WARNING) {
        let notice = Notice::warning("The periodic work of the server is late");
        page = page.with(notice.hint(Some("Look at the log of the server.")));
    }
    if health.redis_is_on == Some(false) {
        let notice = Notice::warning("Redis does not answer")
            .text("Seats work without it, and renewals are slower.");
        page = page.with(notice);
    }
    if let Some(end) = app.metrics().certificate_end()
        && saturating_sub(end, CERTIFICATE_WARNING) < services.now()
    {
        let left = end.signed_duration_since(services.now());
        let title = if left < TimeDelta::zero() {
            "The TLS certificate has ended".to_owned()
        } else {
            format!("The TLS certificate ends in {}", humanize(left))
        };
        let notice = Notice::warning(title);
        page = page.with(notice.hint(Some("Renew it, and send SIGHUP to the server.")));
    }
    page
}

/// Adds the steps to the first license.
fn with_first_steps(app: &App, context: &PageContext, page: Html) -> Html {
    let (title, text, mut actions) = if context.is_vendor() {
        (
            "No license has been issued yet",
            "Issue the first license for a customer. If `keygen` has issued licenses before, import \
             its ledger.",
            vec![Action::link("Issue a license", "/licenses/issue").primary()],
        )
    } else {
        (
            "The server has no license yet",
            "Send the vendor the request of this server. Then install what the vendor sends back: the \
             public keys (trust.jwks), and after them the license.",
            vec![Action::link("Install a file", "/licenses/install").primary()],
        )
    };
    if !context.is_vendor() {
        actions.extend(request_action(app));
    } else if context.may(Permission::ManageLedger) {
        actions.push(Action::link("Import a ledger", "/ledger/import"));
    }
    let notice = Notice::new(Tone::Neutral, title).text(text);
    page.with(notice).with(actions)
}

async fn with_webhooks(services: &Services, page: Html) -> Result<Html, Problem> {
    let failing = services.overview.failing_webhooks().await?;
    if failing.is_empty() {
        return Ok(page);
    }
    let title = match failing.len() {
        1 => "Deliveries to a webhook fail".to_owned(),
        count => format!("Deliveries to {count} webhooks fail"),
    };
    Ok(page.with(Notice::warning(title).action(Action::link("Show the webhooks", "/webhooks"))))
}

/// Adds the seats now, in the last 24 hours and in the last 30 days.
async fn with_seats(services: &Services, page: Html) -> Result<Html, Problem> {
    let range = |step| HistoryRange {
        from: None,
        to: None,
        step,
    };
    let history = &services.seat_history;
    let hours = history.history(None, &range(HistoryStep::Hour)).await?;
    let days = history.history(None, &range(HistoryStep::Day)).await?;
    let seats = services.overview.seats().await?;
    Ok(page
        .with(Section::new("numbers").with(tiles(&seats, &hours)))
        .with(pools(&seats))
        .with(
            Section::new("charts")
                .with(held("Seats held in the last 24 hours", &hours, false))
                .with(held("Seats held in the last 30 days", &days, false))
                .with(without_a_seat(
                    "Requests without a free seat in the last 30 days",
                    &days,
                )),
        ))
}

fn tiles(seats: &SeatOverview, hours: &SeatHistory) -> Tiles {
    let denied: u64 = hours.denials().values().sum();
    let highest = hours.total().held_high;
    let held = Tile::new("Seats held now", seats.held.to_string())
        .detail(format!("of {}", seats.capacity.seats))
        .href("/seats");
    let full = Tile::new("Pools without a free seat", seats.full_pools.to_string())
        .detail(format!(
            "of {}",
            counted(seats.capacity.pools, "pool", "pools")
        ))
        .href("/seats");
    let full = match seats.full_pools {
        0 => full,
        _ => full.tone(Tone::Warning),
    };
    let denied_tile = Tile::new("Denied requests", denied.to_string())
        .detail("in the last 24 hours")
        .href("/usage");
    let denied_tile = match denied {
        0 => denied_tile,
        _ => denied_tile.tone(Tone::Warning),
    };
    Tiles(vec![
        held,
        full,
        Tile::new("Waiting now", seats.waiting.to_string()).detail("sessions in the queue"),
        denied_tile,
        Tile::new("Highest held", highest.to_string())
            .detail("in the last 24 hours")
            .href("/usage"),
    ])
}

/// Returns the list of the pools with the longest queues and the highest shares of held seats.
fn pools(seats: &SeatOverview) -> Table {
    const MAX_POOLS: usize = 10;
    let columns = vec![
        Column::text("Customer"),
        Column::text("Seats held"),
        Column::number("Waiting"),
        Column::text("License"),
    ];
    let mut table = Table::new("Pools", columns);
    for status in seats.fullest.iter().take(MAX_POOLS) {
        table.row(vec![
            Cell::link(path_of(&status.pool), status.customer.clone()),
            seats::held(status),
            Cell::Number(status.usage.waiting.into()),
            Cell::code(license_label(status)),
        ]);
    }
    table.empty = EmptyState::new("No license with seats");
    if seats.fullest.len() > MAX_POOLS || seats.has_more {
        table.actions = vec![Action::link("Show all", "/seats")];
    }
    table.live = Some("pools".to_owned());
    table
}

/// Adds the seats that the person holds.
async fn with_own_seats(
    context: &PageContext,
    services: &Services,
    page: Html,
) -> Result<Html, Problem> {
    let columns = vec![
        Column::text("Machine"),
        Column::text("Held since"),
        Column::text("State"),
    ];
    let mut table = Table::new("Your seats", columns);
    let email = &context.person().signed_in().account.email;
    let leases = match email {
        Some(email) => services.groups.leases_of_user(email).await?,
        None => Vec::new(),
    };
    for found in leases {
        let state = if found.lease.is_late {
            Cell::badge(Tone::Warning, "Late")
        } else {
            Cell::badge(Tone::Good, "In use")
        };
        let since = saturating_sub(services.now(), found.lease.granted_ago);
        table.row(vec![
            found.lease.machine.map_or(Cell::Empty, Cell::code),
            Cell::Time(since),
            state,
        ]);
    }
    table.empty = EmptyState::new("You hold no seat").text("A program gets a seat when it starts.");
    Ok(page.with(table))
}

fn ending_licenses(ending: &EndingLicenses) -> Table {
    let columns = vec![
        Column::text("Customer"),
        Column::text("Product"),
        Column::text("Last day"),
        Column::text("Works until"),
    ];
    let mut table = Table::new("Licenses that end within 60 days", columns);
    for license in ending.licenses.iter().take(MAX_ENDING) {
        let id = license.id.to_string();
        table.row(vec![
            Cell::link(
                format!("/licenses/{}", segment(&id)),
                license.customer.clone(),
            ),
            Cell::code(license.product.clone()),
            last_day(Some(license.expires_at)),
            if license.ends_at > license.expires_at {
                Cell::Time(license.ends_at)
            } else {
                Cell::Empty
            },
        ]);
    }
    table.empty = EmptyState::new("No license ends soon");
    if ending.licenses.len() > MAX_ENDING || ending.has_more {
        table.actions = vec![Action::link("Show all licenses", "/licenses")];
    }
    table
}

fn health_facts(app: &App, services: &Services, health: &ServerHealth) -> Facts {
    let readiness = match health.readiness {
        Ok(readiness) if readiness.is_ready() => Cell::badge(Tone::Good, "Ready"),
        Ok(readiness) => Cell::badge(Tone::Warning, readiness.as_str()),
        Err(code) => Cell::badge(Tone::Danger, code),
    };
    let clock = match health.lease_clock_lag {
        None => Cell::text("has not started"),
        Some(lag) if lag < TimeDelta::seconds(2) => Cell::badge(Tone::Good, "Runs"),
        Some(lag) => Cell::badge(Tone::Warning, format!("{} behind", humanize(lag))),
    };
    let facts = Facts::new()
        .title("Health of the server")
        .fact("State", readiness)
        .fact("Lease clock", clock);
    let facts = match health.redis_is_on {
        None => facts,
        Some(true) => facts.fact("Redis", Cell::badge(Tone::Good, "Answers")),
        Some(false) => facts.fact("Redis", Cell::badge(Tone::Warning, "Does not answer")),
    };
    let role = if services.is_vendor() {
        "Vendor’s server"
    } else {
        "Site server"
    };
    let facts = match app.metrics().certificate_end() {
        None => facts,
        Some(end) => facts.fact("TLS certificate ends", Cell::Time(end)),
    };
    facts
        .fact("Role", Cell::text(role))
        .fact("Version", Cell::code(env!("CARGO_PKG_VERSION")))
}
