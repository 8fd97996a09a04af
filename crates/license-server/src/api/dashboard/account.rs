//! The own account: name, organizations, sessions, seats and machines, and its deletion.

mod codes;
mod credentials;
mod organizations;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Field, Form, Heading, Notice, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::names::short_id;
use super::pages::Pages;
use super::programs::program;
use super::reply::{PageReply, done, html, see_other};
use crate::api::App;
use crate::api::cookies;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::api::usage::user;
use crate::domain::{PageRequest, SignInSession, SignedIn};
use crate::services::{AccountView, Password, Reauthentication};

pub(super) use organizations::{NEW as NEW_ORGANIZATION, organization_name};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let pages = pages
        .own("/account", get(show))
        .own("/account/name", get(show_name).post(rename))
        .own("/account/use", get(show_use))
        .own("/account/sessions", get(show_sessions))
        .own("/account/sessions/{session}/end", post(end_session))
        .own("/account/delete", get(show_delete).post(delete));
    organizations::pages(credentials::pages(codes::pages(pages)))
}

const ACCOUNT: (&str, &str) = ("Account", "/account");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountNameForm {
    name: String,
}

/// The credentials that a person gives again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofForm {
    password: String,
    totp: Option<String>,
}

impl From<ProofForm> for Reauthentication {
    fn from(sent: ProofForm) -> Self {
        Self {
            password: Password::new(sent.password),
            code: sent.totp.filter(|code| !code.is_empty()),
        }
    }
}

/// Adds the fields for the credentials that a person gives again.
fn proof(form: Form, context: &PageContext) -> Form {
    let form = form.field(current_password("password"));
    if !context.person().signed_in().account.needs_code() {
        return form;
    }
    let code = Field::text("totp", "Code of the authenticator app, or a recovery code");
    form.field(code.required().autocomplete("one-time-code"))
}

fn current_password(name: &str) -> Field {
    let field = Field::new(license_dashboard::Kind::Password, name, "Current password");
    field.required().autocomplete("current-password")
}

/// Returns whether the person may change the account itself. The identity provider of one
/// organization does not permit it.
fn has_own_credentials(context: &PageContext) -> bool {
    context.person().signed_in().session.provider.is_none()
}

async fn show(State(app): State<App>, context: PageContext) -> PageReply {
    let signed_in = context.person().signed_in();
    let view = app.accounts().view(signed_in).await?;
    let mut page = context.page("Account");
    let is_own = has_own_credentials(&context);
    if is_own {
        page = page
            .action(Action::dialog("Change the name", "/account/name"))
            .action(Action::dialog(
                "Change the e-mail address",
                "/account/email",
            ));
    } else {
        let notice = Notice::warning("An identity provider has signed you in");
        let notice = notice.text(if signed_in.account.password.is_some() {
            "Sign in with the password of the account to change the account."
        } else {
            "The account has no password. It is deleted when you leave the organization."
        });
        page = page.with(notice);
    }
    page = page.with(facts(&view));
    let mut sign_in = Vec::new();
    if is_own {
        sign_in.push(Action::dialog("Change the password", "/account/password"));
        sign_in.extend(code_actions(&view));
    }
    sign_in.push(Action::link("Sessions", "/account/sessions"));
    let mut own = vec![Action::link("Own seats and machines", "/account/use")];
    if administers_groups(&app, signed_in).await? {
        own.push(Action::link("Groups that you administer", "/groups"));
    }
    own.push(Action::download(
        "Download my data",
        "/api/v1/account/export",
    ));
    if is_own {
        own.push(Action::dialog("Delete the account", "/account/delete").danger());
    }
    let page = page
        .with(with_actions("Sign-in", sign_in))
        .with_some(organizations::heading(&app, signed_in))
        .with(organizations::table(&view, signed_in))
        .with(with_actions("What you use", own));
    Ok(html(&page))
}

/// Returns a heading with actions.
fn with_actions(text: &str, actions: Vec<Action>) -> Heading {
    actions
        .into_iter()
        .fold(Heading::new(text), Heading::action)
}

/// Returns whether the person administers a group in the organization of the session.
async fn administers_groups(app: &App, person: &SignedIn) -> Result<bool, Problem> {
    let Some(principal) = person.principal() else {
        return Ok(false);
    };
    let services = app.tenants().of(&principal.tenant).await?;
    let groups = services.groups.administered_by(&person.account.id);
    Ok(!groups.await?.is_empty())
}

fn facts(view: &AccountView) -> Facts {
    let account = &view.account;
    let email = account.email.as_ref().map(|email| email.to_string());
    let email = match (email, account.verified_at) {
        (None, _) => Cell::text("None"),
        (Some(email), Some(_)) => {
            Cell::Lines(vec![Cell::text(email), Cell::badge(Tone::Good, "Verified")])
        }
        (Some(email), None) => Cell::Lines(vec![
            Cell::text(email),
            Cell::badge(Tone::Warning, "Not verified"),
        ]),
    };
    let codes = if account.needs_code() {
        Cell::badge(Tone::Good, "On")
    } else {
        Cell::badge(Tone::Warning, "Off")
    };
    Facts::new()
        .fact("Name", Cell::text(account.name.clone()))
        .fact("E-mail address", email)
        .fact("One-time codes", codes)
        .fact("Created", Cell::Time(account.created_at))
        .fact("Id", Cell::id(account.id.to_string()))
}

fn code_actions(view: &AccountView) -> Vec<Action> {
    if view.account.needs_code() {
        return vec![
            Action::dialog("New recovery codes", "/account/recovery-codes"),
            Action::dialog("Turn one-time codes off", "/account/codes/end").danger(),
        ];
    }
    vec![Action::link("Turn one-time codes on", "/account/codes")]
}

async fn show_name(context: PageContext) -> PageReply {
    let name = context.person().signed_in().account.name.clone();
    Ok(html(
        &context
            .page_below(ACCOUNT, "Change the name")
            .with(name_form(&name)),
    ))
}

fn name_form(name: &str) -> Form {
    Form::new("/account/name", "Save")
        .field(super::links::name_field(name).required().focus())
        .cancel("/account")
}

async fn rename(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<AccountNameForm>,
) -> PageReply {
    let renamed = app
        .accounts()
        .rename(context.person().signed_in(), &sent.name);
    match renamed.await {
        Ok(()) => Ok(done("/account", "The name is changed.")),
        Err(refusal) => {
            let page = context.page_below(ACCOUNT, "Change the name");
            Ok(context.refused(page, name_form(&sent.name), &refusal.into()))
        }
    }
}

async fn show_sessions(State(app): State<App>, context: PageContext) -> PageReply {
    let signed_in = context.person().signed_in();
    let sessions = app.accounts().sessions(signed_in).await?;
    let columns = [
        "Program",
        "Address",
        "Signed in",
        "Last used",
        "Ends",
        "Actions",
    ];
    let mut table = Table::new("Sessions", columns.map(Column::text).to_vec());
    for session in sessions {
        table.row(session_row(session, &signed_in.session.id));
    }
    let mut page = context.page_below(ACCOUNT, "Sessions");
    if has_own_credentials(&context) {
        let path = "/account/sessions/others/end";
        page = page.action(Action::post("End all other sessions", path).danger());
    }
    Ok(html(&page.with(table)))
}

fn session_row(session: SignInSession, current: &str) -> Vec<Cell> {
    let action = if session.id == current {
        Cell::badge(Tone::Good, "This session")
    } else {
        let path = format!("/account/sessions/{}/end", session.id);
        Cell::Actions(vec![Action::post("End", path).danger()])
    };
    vec![
        Cell::text(program(&session.user_agent)),
        Cell::code(session.address),
        Cell::Time(session.created_at),
        Cell::Time(session.last_used_at),
        Cell::Time(session.expires_at),
        action,
    ]
}

async fn end_session(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let signed_in = context.person().signed_in();
    if id == "others" {
        app.accounts().end_other_sessions(signed_in).await?;
        return Ok(done("/account/sessions", "All other sessions have ended."));
    }
    app.accounts().end_session(signed_in, &id).await?;
    Ok(done("/account/sessions", "The session has ended."))
}

async fn show_use(State(app): State<App>, context: PageContext) -> PageReply {
    let page = context.page_below(ACCOUNT, "Own seats and machines");
    let Some((services, email)) = user(&app, context.person()).await? else {
        let notice = Notice::new(Tone::Neutral, "There is nothing to show")
            .text("Seats and machines are found by an e-mail address in an organization.");
        return Ok(html(&page.with(notice)));
    };
    let columns = ["Machine", "License", "Held since", "State"].map(Column::text);
    let mut seats = Table::new("Seats that you hold", columns.to_vec());
    seats.empty = EmptyState::new("You hold no seat");
    let now = services.now();
    for found in services.groups.leases_of_user(&email).await? {
        let lease = found.lease;
        let state = if lease.is_late { "Late" } else { "In use" };
        seats.row(vec![
            lease.machine.map_or(Cell::Empty, Cell::code),
            Cell::code(short_id(found.pool.as_str())),
            Cell::time(now.checked_sub_signed(lease.granted_ago)),
            Cell::badge(
                if lease.is_late {
                    Tone::Warning
                } else {
                    Tone::Good
                },
                state,
            ),
        ]);
    }
    let columns = ["Machine", "License", "Version", "First used", "Last used"].map(Column::text);
    let mut machines = Table::new("Your machines", columns.to_vec());
    machines.empty = EmptyState::new("No machine is known")
        .text("Machines appear here after they used a license with assigned users.");
    let page_of = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
    for machine in services
        .named_users
        .machines_of(&email, &page_of)
        .await?
        .items
    {
        machines.row(vec![
            Cell::code(machine.machine),
            Cell::code(short_id(machine.license.as_str())),
            Cell::optional(machine.version),
            Cell::Time(machine.first_seen),
            Cell::Time(machine.last_seen),
        ]);
    }
    Ok(html(&page.with(seats).with(machines)))
}

async fn show_delete(context: PageContext) -> PageReply {
    Ok(html(&delete_page(&context).with(delete_form(&context))))
}

fn delete_page(context: &PageContext) -> Page {
    context.page_below(ACCOUNT, "Delete the account").with(
        "The sessions and memberships end, and so do the API tokens that you created. This cannot \
         be undone. Download your data before.",
    )
}

fn delete_form(context: &PageContext) -> Form {
    let form = Form::new("/account/delete", "Delete the account");
    proof(form, context).danger().cancel("/account")
}

async fn delete(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<ProofForm>,
) -> PageReply {
    let person = context.person();
    let deleted = async {
        app.limit_proof(person)?;
        let deleted = app.accounts().delete(person.signed_in(), sent.into());
        Ok::<_, Problem>(deleted.await?)
    };
    match deleted.await {
        Ok(()) => {
            let mut response: Response = see_other("/sign-in");
            cookies::clear_session(&mut response);
            Ok(response)
        }
        Err(problem) => Ok(context.refused(delete_page(&context), delete_form(&context), &problem)),
    }
}
