//! The organizations of a person: switch, create and leave.

use axum::extract::State;
use axum::routing::{get, post};
use license_dashboard::{
    Action, Cell, Column, EmptyState, Field, Form, Heading, Page, Table, Tone,
};
use serde::Deserialize;

use super::super::context::PageContext;
use super::super::form::{NoFields, PageForm};
use super::super::list::role_cell;
use super::super::names::organization_label;
use super::super::pages::Pages;
use super::super::reply::{PageReply, done, html};
use super::ACCOUNT;
use crate::api::App;
use crate::api::cookies;
use crate::api::paths::{StrictPath, not_found};
use crate::api::problem::Problem;
use crate::api::sessions::organization;
use crate::domain::{SignedIn, TenantId};
use crate::services::AccountView;

/// The path of the form for a new organization.
pub(in crate::api::dashboard) const NEW: &str = "/account/new-organization";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .own(NEW, get(show_new).post(create))
        .own("/account/organizations/{organization}", post(switch))
        .own(
            "/account/organizations/{organization}/leave",
            get(show_leave).post(leave),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganizationForm {
    name: String,
}

/// Returns a heading with the action for a new organization, if the person may create one.
pub(super) fn heading(app: &App, person: &SignedIn) -> Option<Heading> {
    let action = Action::dialog("Create an organization", NEW);
    let may_create = app.accounts().may_create_organization(person);
    may_create.then(|| Heading::new("Where you work").action(action))
}

/// Returns the organizations of a person.
pub(super) fn table(view: &AccountView, person: &SignedIn) -> Table {
    let columns = ["Organization", "Role", "Joined", "Session", "Actions"].map(Column::text);
    let mut table = Table::new("Organizations", columns.to_vec());
    table.empty = EmptyState::new("You are a member of no organization")
        .text("Ask an administrator for an invitation.");
    for membership in &view.memberships {
        let is_here = person.session.organization.as_ref() == Some(&membership.tenant);
        let path = format!("/account/organizations/{}", membership.tenant);
        let session = if is_here {
            Cell::badge(Tone::Good, "Here")
        } else {
            Cell::Empty
        };
        let leave = Action::dialog("Leave", format!("{path}/leave")).danger();
        let actions = if is_here {
            vec![leave]
        } else {
            vec![Action::post("Switch", path), leave]
        };
        table.row(vec![
            Cell::text(organization_label(membership, &view.memberships)),
            role_cell(membership.role),
            Cell::Time(membership.joined_at),
            session,
            Cell::Actions(actions),
        ]);
    }
    table
}

/// Returns the field for the name of an organization.
pub(in crate::api::dashboard) fn organization_name(name: &str) -> Field {
    let field = Field::text("name", "Name of the organization").value(name);
    let field = field.required().focus().max_length(100);
    field.autocomplete("organization")
}

async fn show_new(context: PageContext) -> PageReply {
    Ok(html(&new_page(&context).with(new_form(""))))
}

fn new_page(context: &PageContext) -> Page {
    context
        .page_below(ACCOUNT, "Create an organization")
        .with("You become its owner, and continue in it. Your other organizations stay.")
}

fn new_form(name: &str) -> Form {
    Form::new(NEW, "Create the organization")
        .field(organization_name(name))
        .cancel("/account")
}

async fn create(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<NewOrganizationForm>,
) -> PageReply {
    let (accounts, person) = (app.accounts(), context.person());
    let created = async {
        app.limit_proof(person)?;
        let created = accounts.create_organization(person.signed_in(), &sent.name);
        Ok::<_, Problem>(created.await?)
    };
    match created.await {
        Ok(new) => {
            let chosen = accounts.choose_organization(person.signed_in(), &new.tenant);
            chosen.await?;
            Ok(done(
                "/",
                "The organization is created. You work in it now.",
            ))
        }
        Err(problem) => Ok(context.refused(new_page(&context), new_form(&sent.name), &problem)),
    }
}

async fn switch(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let organization = organization(&id)?;
    let chosen = app
        .accounts()
        .choose_organization(context.person().signed_in(), &organization);
    chosen.await?;
    Ok(done("/", "You work in another organization now."))
}

async fn show_leave(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
) -> PageReply {
    let page = leave_page(&app, &context, &organization(&id)?).await?;
    Ok(html(&page.with(leave_form(&id))))
}

/// Returns the page on which a person leaves an organization.
///
/// # Errors
///
/// Returns `NOT_FOUND` if the person is not a member of the organization.
async fn leave_page(app: &App, context: &PageContext, id: &TenantId) -> Result<Page, Problem> {
    let view = app.accounts().view(context.person().signed_in()).await?;
    let mut memberships = view.memberships.iter();
    let found = memberships.find(|one| one.tenant == *id);
    let found = found.ok_or_else(|| not_found("organization"))?;
    let name = organization_label(found, &view.memberships);
    let mut page = context.page_below(ACCOUNT, "Leave the organization").with(format!(
        "You leave {name}. Your sessions in it end, and so do the API tokens and invitations that \
         you created in it. Only an invitation brings you back."
    ));
    let account = &view.account;
    if account.email.is_none() && account.password.is_none() {
        page = page.with("Your account is deleted too: it has no password and no e-mail address.");
    }
    Ok(page)
}

fn leave_form(id: &str) -> Form {
    let path = format!("/account/organizations/{id}/leave");
    let form = Form::new(path, "Leave the organization").danger();
    form.cancel("/account")
}

async fn leave(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let (organization, person) = (organization(&id)?, context.person().signed_in());
    let page = leave_page(&app, &context, &organization).await?;
    if let Err(refusal) = app.accounts().leave(person, &organization).await {
        return Ok(context.refused(page, leave_form(&id), &refusal.into()));
    }
    if person.session.organization.as_ref() != Some(&organization) {
        return Ok(done("/account", "You have left the organization."));
    }
    let mut response = done("/sign-in", "You have left the organization.");
    cookies::clear_session(&mut response);
    Ok(response)
}
