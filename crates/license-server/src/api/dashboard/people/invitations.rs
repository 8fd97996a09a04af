//! Invitations of people.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Field, Form, Kind, Page, Table,
};
use serde::Deserialize;

use super::PEOPLE;
use crate::api::App;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::{NoFields, PageForm};
use crate::api::dashboard::list::{role_cell, role_field, with_query};
use crate::api::dashboard::names::Names;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::members::role;
use crate::api::pages::StrictQuery;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::domain::{Invitation, Permission as P, Role};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page(
            "/people/invite",
            P::ManagePeople,
            get(show_invite).post(invite),
        )
        .page(
            "/invitations/{invitation}/withdraw",
            P::ManagePeople,
            post(withdraw),
        )
}

/// The values with which the form begins.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InviteQuery {
    email: String,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteForm {
    email: String,
    role: String,
}

/// Returns the open invitations.
pub(super) async fn table(
    context: &PageContext,
    invitations: Vec<Invitation>,
) -> Result<Table, Problem> {
    let mut columns = ["E-mail address", "Role", "Invited by", "Link", "Ends"]
        .map(Column::text)
        .to_vec();
    let may = context.may(P::ManagePeople);
    if may {
        columns.push(Column::text("Actions"));
    }
    let mut table = Table::new("Open invitations", columns);
    table.empty = EmptyState::new("No invitation is open");
    let creators = invitations.iter().map(|one| one.created_by.as_str());
    let names = Names::of(context, creators).await?;
    for invitation in invitations {
        let sent = if invitation.is_mailed {
            "Sent by mail"
        } else {
            "Shown once"
        };
        let mut cells = vec![
            Cell::text(invitation.email.to_string()),
            role_cell(invitation.role),
            names.short(&invitation.created_by),
            Cell::text(sent),
            Cell::Time(invitation.expires_at),
        ];
        if may {
            cells.push(Cell::Actions(actions(&invitation)));
        }
        table.row(cells);
    }
    Ok(table)
}

/// Returns what a person can do with an open invitation. A new one replaces it.
fn actions(invitation: &Invitation) -> Vec<Action> {
    let email = invitation.email.to_string();
    let values = [
        ("email", Some(email.as_str())),
        ("role", Some(invitation.role.as_str())),
    ];
    let again = with_query("/people/invite", &values);
    let withdraw = format!("/invitations/{}/withdraw", invitation.id);
    vec![
        Action::dialog("New link", again),
        Action::post("Withdraw", withdraw).danger(),
    ]
}

async fn show_invite(
    context: PageContext,
    StrictQuery(query): StrictQuery<InviteQuery>,
) -> PageReply {
    let form = invite_form(&context, &query.email, Role::parse(&query.role));
    Ok(html(
        &context.page_below(PEOPLE, "Invite a person").with(form),
    ))
}

fn invite_form(context: &PageContext, address: &str, role: Option<Role>) -> Form {
    let address = Field::new(Kind::Email, "email", "E-mail address").value(address);
    let role = role.unwrap_or(Role::Member);
    let role = role_field(context, ("role", "Role"), Some(role), None).help(
        "You can give roles whose permissions you have. A new link replaces the earlier one.",
    );
    Form::new("/people/invite", "Invite")
        .field(address.required().focus().autocomplete("off"))
        .field(role.required())
        .cancel("/people")
}

async fn invite(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<InviteForm>,
) -> PageReply {
    let caller = context.caller()?;
    let invited = async {
        let (email, role) = (email(&sent.email)?, role(&sent.role)?);
        app.limit_invitation(&caller.principal().tenant, &email)?;
        let members = &caller.services().members;
        Ok::<_, Problem>(members.invite(caller.principal(), email, role).await?)
    };
    match invited.await {
        Ok(new) => Ok(match new.link {
            None => {
                let message = format!("The invitation of {} is on its way by mail.", sent.email);
                done("/people", &message)
            }
            Some(link) => {
                let page = pass_on(&context, &new.invitation, link);
                (StatusCode::CREATED, html(&page)).into_response()
            }
        }),
        Err(problem) => {
            let page = context.page_below(PEOPLE, "Invite a person");
            let form = invite_form(&context, &sent.email, Role::parse(&sent.role));
            Ok(context.refused(page, form, &problem))
        }
    }
}

/// Returns the page with the link of a new invitation.
fn pass_on(context: &PageContext, invitation: &Invitation, link: String) -> Page {
    let facts = Facts::new()
        .fact("E-mail address", Cell::text(invitation.email.to_string()))
        .fact("Role", role_cell(invitation.role))
        .fact("The link ends", Cell::Time(invitation.expires_at));
    context
        .page_below(PEOPLE, "Pass the link on")
        .with("The server sends no mail. Give this link to the invited person. It is shown once, and it works once.")
        .with(CodeBlock::new("Invitation", link))
        .with(facts)
}

async fn withdraw(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let members = &context.services()?.members;
    members.withdraw(context.actor()?, &id).await?;
    Ok(done("/people", "The invitation is withdrawn."))
}
