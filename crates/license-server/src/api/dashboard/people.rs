//! People: members of the organization, their roles, and invitations.

mod invitations;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use license_core::time::rfc3339;
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Form, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::{covers, role_cell, role_field, role_label};
use super::listing::{Listing, ListingQuery, csv};
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::App;
use crate::api::members::role;
use crate::api::pages::StrictQuery;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{EmailAddress, Member, Permission as P, Role};
use crate::services::{MemberGroup, ResetLink};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let pages = pages
        .page("/people", P::ReadPeople, get(list))
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
            "/people/{member}/codes",
            P::ManagePeople,
            get(show_codes).post(end_codes),
        )
        .page("/people/export", P::ReadPeople, get(export));
    invitations::pages(pages)
}

const PEOPLE: (&str, &str) = ("People", "/people");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleForm {
    role: String,
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<ListingQuery>) -> PageReply {
    let services = context.services()?;
    let listing = Listing::new("/people", &query);
    let members = found(&listing, services.members.all().await?);
    let invitations = services.members.invitations().await?;
    let columns = vec![
        listing.column("Name", "name", true),
        listing.column("E-mail address", "email", false),
        listing.column("Role", "role", false),
        Column::text("One-time codes"),
        listing.column("Joined", "joined", false),
    ];
    let mut table = Table::new("Members", columns);
    table.empty = EmptyState::new("No member matches").action(Action::link("Show all", "/people"));
    if !members.is_empty() {
        table.actions = vec![Action::download("Export as CSV", "/people/export")];
    }
    for member in listing.paged(&mut table, "Name or e-mail address", members) {
        table.row(row(member));
    }
    let mut page = context.page("People");
    if context.may(P::ManagePeople) {
        page = page.action(Action::dialog("Invite a person", "/people/invite").primary());
    }
    let open = invitations::table(&context, invitations).await?;
    Ok(html(&page.with(table).with(open)))
}

/// Returns the members that match the search, in the order of the list.
fn found(listing: &Listing<'_>, mut members: Vec<Member>) -> Vec<Member> {
    members.retain(|member| {
        let email = member.email.as_ref().map_or("", EmailAddress::as_str);
        listing.finds(&[&member.name, email, role_label(member.role)])
    });
    match listing.sort() {
        "email" => members.sort_by(|a, b| a.email.cmp(&b.email)),
        "role" => {
            members.sort_by_key(|member| Role::ALL.iter().position(|one| *one == member.role))
        }
        "joined" => members.sort_by_key(|member| member.joined_at),
        // They are in the order of their names.
        _ => {}
    }
    listing.ordered(members)
}

/// Returns all members for a spreadsheet.
async fn export(context: PageContext) -> PageReply {
    let members = context.services()?.members.all().await?;
    let header = ["name", "email", "role", "one_time_codes", "joined_at", "id"];
    let rows = members.into_iter().map(|member| {
        [
            member.name,
            member
                .email
                .map(|email| email.to_string())
                .unwrap_or_default(),
            member.role.as_str().to_owned(),
            if member.has_totp { "on" } else { "off" }.to_owned(),
            rfc3339(member.joined_at).to_string(),
            member.account.to_string(),
        ]
    });
    Ok(csv("people", header, rows))
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
    if may && member.has_totp {
        let target = format!("{path}/codes");
        page = page.action(Action::dialog("Turn one-time codes off", target).danger());
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
    let groups = context
        .services()?
        .groups
        .of_member(&member.account)
        .await?;
    let facts = Facts::new()
        .fact("E-mail address", address)
        .fact("Role", role_cell(member.role))
        .fact("Groups", groups_cell(groups))
        .fact("One-time codes", codes(member.has_totp))
        .fact("Joined", Cell::Time(member.joined_at))
        .fact("Id", Cell::id(member.account.to_string()));
    let trail = context.may(P::ReadAudit).then(|| {
        let target = format!("/audit?actor=account%3A{}", member.account);
        vec![Action::link("What this person changed", target)]
    });
    Ok(html(&page.with(facts).with_some(trail)))
}

/// Returns links to the groups of a member.
fn groups_cell(groups: Vec<MemberGroup>) -> Cell {
    if groups.is_empty() {
        return Cell::Empty;
    }
    let links = groups.into_iter().map(|one| {
        let part = if one.is_administrator {
            ", administrator"
        } else {
            ""
        };
        let label = format!("{}{part}", one.group.name);
        Cell::link(format!("/groups/{}", one.group.id), label)
    });
    Cell::Lines(links.collect())
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

async fn show_codes(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let member = context.services()?.members.get(&id).await?;
    let page = codes_page(&context, &member);
    Ok(html(&page.with(codes_form(&member))))
}

fn codes_page(context: &PageContext, member: &Member) -> Page {
    below(context, member, "Turn one-time codes off").with(
        "For a person who has lost the authenticator app and the recovery codes. Make sure that the \
         request comes from this person. The person gets a mail if the server sends mail.",
    )
}

fn codes_form(member: &Member) -> Form {
    let path = format!("/people/{}", member.account);
    Form::new(format!("{path}/codes"), "Turn off")
        .danger()
        .cancel(path)
}

async fn end_codes(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let (members, caller) = (&context.services()?.members, context.caller()?.principal());
    let member = members.get(&id).await?;
    match members.end_codes(app.accounts(), caller, &id).await {
        Ok(()) => {
            let path = format!("/people/{}", member.account);
            Ok(done(&path, "The account needs no one-time codes now."))
        }
        Err(refusal) => {
            let page = codes_page(&context, &member);
            Ok(context.refused(page, codes_form(&member), &refusal.into()))
        }
    }
}
