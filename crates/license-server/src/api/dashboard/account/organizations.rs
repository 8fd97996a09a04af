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
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::api::sessions::organization;
use crate::domain::SignedIn;
use crate::services::AccountView;

/// The path of the form for a new organization.
pub(in crate::api::dashboard) const NEW: &str = "/account/new-organization";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .own(NEW, get(show_new).post(create))
        .own("/account/organizations/{organization}", post(switch))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganizationForm {
    name: String,
}

/// Returns the heading of the organizations, with the action for a new one.
pub(super) fn heading(app: &App, person: &SignedIn) -> Heading {
    let heading = Heading::new("Your organizations");
    if app.accounts().may_create_organization(person) {
        return heading.action(Action::dialog("Create an organization", NEW));
    }
    heading
}

/// Returns the organizations of a person. An identity provider binds the session to its own.
pub(super) fn table(view: &AccountView, person: &SignedIn) -> Table {
    let columns = ["Organization", "Role", "Joined", "Session"].map(Column::text);
    let mut table = Table::new("Organizations", columns.to_vec());
    table.empty = EmptyState::new("You are a member of no organization")
        .text("Ask an administrator for an invitation.");
    for membership in &view.memberships {
        let is_here = person.session.organization.as_ref() == Some(&membership.tenant);
        let session = if is_here {
            Cell::badge(Tone::Good, "Here")
        } else if person.session.provider.is_none() {
            let path = format!("/account/organizations/{}", membership.tenant);
            Cell::Actions(vec![Action::post("Switch", path)])
        } else {
            Cell::Empty
        };
        table.row(vec![
            Cell::text(organization_label(membership, &view.memberships)),
            role_cell(membership.role),
            Cell::Time(membership.joined_at),
            session,
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
