//! The users who are assigned to a license.

use axum::routing::get;
use license_core::LicenseId;
use license_dashboard::{
    Action, Cell, Column, EmptyState, Facts, Field, Form, Kind, Notice, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::{counted, next, words};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::licenses::license;
use crate::api::named_users::{email, users_of};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::{StrictPath, not_found};
use crate::api::problem::Problem;
use crate::domain::{NamedUserKey, Permission as P};
use crate::services::{NamedUserList, NamedUserView};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .group_page("/licenses/{license}/users", P::ReadSeats, get(list))
        .group_page(
            "/licenses/{license}/users/assign",
            P::ManageSeats,
            get(show_assign).post(assign),
        )
        .group_page(
            "/licenses/{license}/users/{user}/remove",
            P::ManageSeats,
            get(show_remove).post(remove),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssignForm {
    /// The addresses, in lines.
    email: String,
}

fn path(license: &LicenseId) -> String {
    format!("/licenses/{license}/users")
}

/// Returns whether the person may assign users: with the permission, or in the own groups.
fn may_assign(context: &PageContext) -> bool {
    let caller = context.caller();
    context.may(P::ManageSeats) || caller.is_ok_and(|caller| caller.groups().is_some())
}

async fn list(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> PageReply {
    let (license, caller) = (license(&id)?, context.caller()?);
    let only = users_of(caller).await?;
    let users = &caller.services().named_users;
    let list = users
        .list(&license, &query.request()?, only.as_ref())
        .await?;
    let above = format!("/licenses/{license}");
    let parent = if context.may(P::ReadLicenses) {
        ("License", above.as_str())
    } else {
        // An administrator of a group does not see the license.
        ("Groups", "/groups")
    };
    let mut page = context.page_below(parent, "Assigned users");
    let may = may_assign(&context);
    if may {
        let target = format!("{}/assign", path(&license));
        page = page.action(Action::dialog("Assign users", target).primary());
    }
    let facts = facts(&list);
    let creators = list.page.items.iter();
    let creators = creators.map(|view| view.user.assigned_by.as_str());
    let names = Names::of(&context, creators).await?;
    Ok(html(
        &page.with(facts).with(table(&license, list, may, &names)),
    ))
}

fn facts(list: &NamedUserList) -> Facts {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let taken = count(list.taken);
    let places = match list.limit {
        Some(limit) => Cell::Share {
            part: taken,
            whole: count(limit),
        },
        None => Cell::text(format!("{taken}, without a limit")),
    };
    Facts::new().fact("Places that are taken", places)
}

fn table(license: &LicenseId, list: NamedUserList, may: bool, names: &Names) -> Table {
    let mut columns = [
        "E-mail address",
        "State",
        "Assigned",
        "Assigned by",
        "Place free from",
    ]
    .map(Column::text)
    .to_vec();
    if may {
        columns.push(Column::text("Actions"));
    }
    let mut table = Table::new("Users", columns);
    table.empty = EmptyState::new("No user is assigned");
    table.next = next(&path(license), &[], list.page.next);
    for view in list.page.items {
        table.row(row(license, view, may, names));
    }
    table
}

fn row(license: &LicenseId, view: NamedUserView, may: bool, names: &Names) -> Vec<Cell> {
    let user = view.user;
    let state = match (user.is_assigned(), view.is_permitted) {
        (false, _) => Cell::badge(Tone::Neutral, "Removed"),
        (true, true) => Cell::badge(Tone::Good, "May use the license"),
        (true, false) => Cell::badge(Tone::Warning, "Beyond the limit"),
    };
    let action = user.is_assigned().then(|| {
        let target = format!("{}/{}/remove", path(license), user.id);
        Cell::Actions(vec![Action::dialog("Remove", target).danger()])
    });
    let mut cells = vec![
        Cell::text(user.email.to_string()),
        state,
        Cell::Time(user.assigned_at),
        names.short(&user.assigned_by),
        view.place_free_at
            .map_or_else(|| Cell::text("The removal"), Cell::Time),
    ];
    if may {
        cells.push(action.unwrap_or(Cell::Empty));
    }
    cells
}

fn below(context: &PageContext, license: &LicenseId, title: &str) -> Page {
    context.page_below(("Assigned users", &path(license)), title)
}

async fn show_assign(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let license = license(&id)?;
    context.services()?.named_users.check(&license).await?;
    let form = assign_form(&license, "");
    Ok(html(&below(&context, &license, "Assign users").with(form)))
}

fn assign_form(license: &LicenseId, addresses: &str) -> Form {
    let field = Field::new(Kind::Lines, "email", "E-mail addresses").value(addresses);
    Form::new(format!("{}/assign", path(license)), "Assign")
        .field(field.required().focus().help("One in a line."))
        .cancel(path(license))
}

async fn assign(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<AssignForm>,
) -> PageReply {
    let license = license(&id)?;
    let addresses = words(&sent.email);
    let mut new = 0;
    for (position, address) in addresses.iter().enumerate() {
        match assign_one(&context, &license, address).await {
            Ok(is_new) => new += u64::from(is_new),
            Err(problem) => {
                let rest = addresses.get(position..).unwrap_or_default().join("\n");
                let assigned = (position > 0).then(|| {
                    let count = u64::try_from(position).unwrap_or(u64::MAX);
                    let title = counted(count, "user is", "users are");
                    Notice::good(format!("{title} assigned"))
                        .text(format!("This address is refused: {address}"))
                });
                let page = below(&context, &license, "Assign users").with_some(assigned);
                return Ok(context.refused(page, assign_form(&license, &rest), &problem));
            }
        }
    }
    let message = match (addresses.len(), new) {
        (0, _) => {
            let problem = Problem::malformed("email: enter one address or more");
            let page = below(&context, &license, "Assign users");
            return Ok(context.refused(page, assign_form(&license, ""), &problem));
        }
        (1, 0) => "The user was assigned before.".to_owned(),
        (1, _) => "The user is assigned.".to_owned(),
        (count, new) => format!("{new} of {count} users are newly assigned."),
    };
    Ok(done(&path(&license), &message))
}

/// Assigns a user. Returns whether the assignment is new.
async fn assign_one(
    context: &PageContext,
    license: &LicenseId,
    address: &str,
) -> Result<bool, Problem> {
    let (email, caller) = (email(address)?, context.caller()?);
    if let Some(only) = users_of(caller).await?
        && !only.contains(&email)
    {
        return Err(not_found("member of the group"));
    }
    let users = &caller.services().named_users;
    let (_, is_new) = users.assign(caller.actor(), license, email).await?;
    Ok(is_new)
}

async fn show_remove(
    context: PageContext,
    StrictPath((id, user)): StrictPath<(String, String)>,
) -> PageReply {
    let (license, key, caller) = (license(&id)?, key(&user)?, context.caller()?);
    let only = users_of(caller).await?;
    let users = &caller.services().named_users;
    let user = users.get(&license, &key, only.as_ref()).await?;
    let title = format!("Remove {}", user.email);
    let page = below(&context, &license, &title).with(
        "Seats of the user end with their next renewal. The place can go to another user only after \
         the time that the list shows.",
    );
    let form = Form::new(
        format!("{}/{}/remove", path(&license), name(&key)),
        "Remove",
    )
    .danger()
    .cancel(path(&license));
    Ok(html(&page.with(form)))
}

async fn remove(
    context: PageContext,
    StrictPath((id, user)): StrictPath<(String, String)>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let (license, caller) = (license(&id)?, context.caller()?);
    let only = users_of(caller).await?;
    let users = &caller.services().named_users;
    users
        .unassign(caller.actor(), &license, key(&user)?, only.as_ref())
        .await?;
    Ok(done(&path(&license), "The user is no longer assigned."))
}

fn key(text: &str) -> Result<NamedUserKey, Problem> {
    NamedUserKey::parse(text).ok_or_else(|| not_found("user"))
}

/// Returns the text of a key in a path.
fn name(key: &NamedUserKey) -> String {
    match key {
        NamedUserKey::Id(id) => id.clone(),
        NamedUserKey::Email(email) => email.to_string(),
    }
}
