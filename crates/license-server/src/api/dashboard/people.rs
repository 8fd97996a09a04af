//! People: members of the organization, their roles, and invitations.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Field, Form, Kind, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::{covers, next, role_cell, role_field, role_label};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::App;
use crate::api::members::role;
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::domain::{Invitation, Member, Permission as P, Role};
use crate::services::ResetLink;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/people", P::ReadPeople, get(list))
        .page(
            "/people/invite",
            P::ManagePeople,
            get(show_invite).post(invite),
        )
        .page("/people/{member}", P::ReadPeople, get(show))
        .page(
            "/people/{member}/role",
            P::ManagePeople,
            get(show_role).post(change_role),
        )
        .page(
            "/people/{member}/remove",
            P::ManagePeople,
            get(show_remove).post(remove),
        )
        .page(
            "/people/{member}/reset-password",
            P::ManagePeople,
            post(reset_password),
        )
        .page(
            "/invitations/{invitation}/withdraw",
            P::ManagePeople,
            post(withdraw),
        )
}

const PEOPLE: (&str, &str) = ("People", "/people");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteForm {
    email: String,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleForm {
    role: String,
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<PageQuery>) -> PageReply {
    let services = context.services()?;
    let found = services.members.list(&query.request()?).await?;
    let invitations = services.members.invitations().await?;
    let columns = ["Name", "E-mail address", "Role", "One-time codes", "Joined"];
    let mut table = Table::new("Members", columns.map(Column::text).to_vec());
    table.next = next("/people", &[], found.next);
    for member in found.items {
        table.row(row(member));
    }
    let mut page = context.page("People");
    if context.may(P::ManagePeople) {
        page = page.action(Action::dialog("Invite a person", "/people/invite").primary());
    }
    Ok(html(
        &page
            .with(table)
            .with(open_invitations(&context, invitations).await?),
    ))
}

fn row(member: Member) -> Vec<Cell> {
    let path = format!("/people/{}", member.account);
    vec![
        Cell::link(path, member.name),
        Cell::optional(member.email.map(|email| email.to_string())),
        role_cell(member.role),
        codes(member.has_totp),
        Cell::Time(member.joined_at),
    ]
}

fn codes(has_totp: bool) -> Cell {
    if has_totp {
        Cell::badge(Tone::Good, "On")
    } else {
        Cell::badge(Tone::Warning, "Off")
    }
}

async fn open_invitations(
    context: &PageContext,
    invitations: Vec<Invitation>,
) -> Result<Table, Problem> {
    let mut columns = ["E-mail address", "Role", "Invited by", "Sent by", "Ends"]
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
            "Mail"
        } else {
            "A person"
        };
        let mut cells = vec![
            Cell::text(invitation.email.to_string()),
            role_cell(invitation.role),
            names.short(&invitation.created_by),
            Cell::text(sent),
            Cell::Time(invitation.expires_at),
        ];
        if may {
            let path = format!("/invitations/{}/withdraw", invitation.id);
            cells.push(Cell::Actions(vec![Action::post("Withdraw", path).danger()]));
        }
        table.row(cells);
    }
    Ok(table)
}

async fn show_invite(context: PageContext) -> PageReply {
    let form = invite_form(&context, "", None);
    Ok(html(
        &context.page_below(PEOPLE, "Invite a person").with(form),
    ))
}

fn invite_form(context: &PageContext, address: &str, role: Option<Role>) -> Form {
    let address = Field::new(Kind::Email, "email", "E-mail address").value(address);
    let role = role.unwrap_or(Role::Member);
    let role = role_field(context, ("role", "Role"), Some(role), None)
        .help("The role can have only permissions that you have.");
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
            None => done("/people", "The invitation is on its way by mail."),
            Some(link) => {
                let page = context
                    .page_below(PEOPLE, "Pass the link on")
                    .with("The server sends no mail. Give this link to the invited person. It is shown once.")
                    .with(CodeBlock::new("Invitation", link));
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

async fn withdraw(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let members = &context.services()?.members;
    members.withdraw(context.actor()?, &id).await?;
    Ok(done("/people", "The invitation is withdrawn."))
}

async fn show(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let member = context.services()?.members.get(&id).await?;
    let path = format!("/people/{}", member.account);
    let may = context.may(P::ManagePeople) && covers(&context, member.role);
    let mut page = context.page_below(PEOPLE, member.name.clone());
    if may {
        page = page
            .action(Action::dialog("Change the role", format!("{path}/role")))
            .action(Action::post(
                "Send a link for a new password",
                format!("{path}/reset-password"),
            ))
            .action(Action::dialog("Remove", format!("{path}/remove")).danger());
    }
    let verified = if member.is_verified {
        Cell::badge(Tone::Good, "Verified")
    } else {
        Cell::badge(Tone::Neutral, "Not verified")
    };
    let email = member.email.map(|email| email.to_string());
    let address = match email {
        Some(email) => Cell::Lines(vec![Cell::text(email), verified]),
        None => Cell::text("None: signs in through an identity provider"),
    };
    let facts = Facts::new()
        .fact("E-mail address", address)
        .fact("Role", role_cell(member.role))
        .fact("One-time codes", codes(member.has_totp))
        .fact("Joined", Cell::Time(member.joined_at))
        .fact("Id", Cell::code(member.account.to_string()));
    let trail = context.may(P::ReadAudit).then(|| {
        let target = format!("/audit?actor=account%3A{}", member.account);
        vec![Action::link("What this person changed", target)]
    });
    Ok(html(&page.with(facts).with_some(trail)))
}

/// Returns a page about a member below the page of the member.
fn below(context: &PageContext, member: &Member, title: &str) -> Page {
    let path = format!("/people/{}", member.account);
    context.page_below((&member.name, &path), title)
}

async fn show_role(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let member = context.services()?.members.get(&id).await?;
    let form = role_form(&context, &member, member.role);
    Ok(html(
        &below(&context, &member, "Change the role").with(form),
    ))
}

fn role_form(context: &PageContext, member: &Member, role: Role) -> Form {
    let path = format!("/people/{}", member.account);
    let field = role_field(context, ("role", "Role"), Some(role), None).help(
        "The sessions of the person in the organization end. With fewer permissions, the API tokens \
         and invitations of the person end too.",
    );
    Form::new(format!("{path}/role"), "Change the role")
        .field(field.required())
        .cancel(path)
}

async fn change_role(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<RoleForm>,
) -> PageReply {
    let (members, caller) = (&context.services()?.members, context.caller()?.principal());
    let member = members.get(&id).await?;
    let changed = async {
        let role = role(&sent.role)?;
        Ok::<_, Problem>(members.change_role(caller, &id, role).await?)
    };
    match changed.await {
        Ok(changed) => {
            let message = format!("The role is now {}.", role_label(changed.role));
            Ok(done(&format!("/people/{}", member.account), &message))
        }
        Err(problem) => {
            let role = Role::parse(&sent.role).unwrap_or(member.role);
            let form = role_form(&context, &member, role);
            let page = below(&context, &member, "Change the role");
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn show_remove(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let member = context.services()?.members.get(&id).await?;
    let form = remove_form(&member);
    Ok(html(
        &below(&context, &member, "Remove from the organization")
            .with(REMOVE)
            .with(form),
    ))
}

const REMOVE: &str = "The sessions of the person in the organization end, and so do the API tokens \
    and the invitations that the person created. The account stays.";

fn remove_form(member: &Member) -> Form {
    let path = format!("/people/{}", member.account);
    Form::new(format!("{path}/remove"), "Remove")
        .danger()
        .cancel(path)
}

async fn remove(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let (members, caller) = (&context.services()?.members, context.caller()?.principal());
    let member = members.get(&id).await?;
    match members.remove(caller, &id).await {
        Ok(()) => Ok(done("/people", "The person is removed.")),
        Err(refusal) => {
            let page = below(&context, &member, "Remove from the organization");
            Ok(context.refused(page, remove_form(&member), &refusal.into()))
        }
    }
}

async fn reset_password(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let (members, caller) = (&context.services()?.members, context.caller()?.principal());
    let member = members.get(&id).await?;
    let link = members.reset_password(app.accounts(), caller, &id).await?;
    let path = format!("/people/{}", member.account);
    Ok(match link {
        ResetLink::Mailed => done(&path, "The link is on its way by mail."),
        ResetLink::Shown(link) => {
            let page = below(&context, &member, "Pass the link on")
                .with("The server sends no mail. Give this link to the person. It is shown once.")
                .with(CodeBlock::new("Link for a new password", link));
            (StatusCode::CREATED, html(&page)).into_response()
        }
    })
}
