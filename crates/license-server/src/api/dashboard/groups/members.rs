//! The members of a group.

use axum::routing::{get, post};
use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Kind, Table, Tone};
use serde::Deserialize;

use super::{below, find, path};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::{NoFields, PageForm};
use crate::api::dashboard::list::next;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::groups::member;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Group, PageRequest, Permission as P};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page(
            "/groups/{group}/members/add",
            P::ManagePeople,
            get(show_add).post(add),
        )
        .page(
            "/groups/{group}/members/{member}",
            P::ManagePeople,
            post(change),
        )
        .page(
            "/groups/{group}/members/{member}/remove",
            P::ManagePeople,
            post(remove),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberForm {
    member: String,
    administrator: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeForm {
    administrator: Option<String>,
}

/// The largest number of members in a choice.
const MAX_CHOICES: usize = 500;

/// Returns whether a checkbox was checked.
fn is_checked(value: Option<&str>) -> bool {
    value == Some("true")
}

/// Returns a page of the members.
pub(super) async fn table(
    context: &PageContext,
    group: &Group,
    page: &PageRequest,
) -> Result<Table, Problem> {
    let found = context.services()?.groups.members(&group.id, page).await?;
    let may = context.may(P::ManagePeople);
    let mut columns = ["Name", "E-mail address", "Role in the group", "Added"]
        .map(Column::text)
        .to_vec();
    if may {
        columns.push(Column::text("Actions"));
    }
    let mut table = Table::new("Members", columns);
    table.empty = EmptyState::new("The group has no members");
    table.next = next(&path(group), &[], found.next);
    if may {
        let add = format!("{}/members/add", path(group));
        table.actions = vec![Action::dialog("Add a member", add)];
    }
    for member in found.items {
        let part = if member.is_administrator {
            Cell::badge(Tone::Good, "Administrator")
        } else {
            Cell::badge(Tone::Neutral, "Member")
        };
        let mut cells = vec![
            Cell::text(member.name),
            Cell::optional(member.email.map(|email| email.to_string())),
            part,
            Cell::Time(member.added_at),
        ];
        if may {
            let target = format!("{}/members/{}", path(group), member.account);
            let change = if member.is_administrator {
                Action::post("Make a member", target.clone())
            } else {
                let action = Action::post("Make an administrator", target.clone());
                action.hidden("administrator", "true")
            };
            let remove = Action::post("Remove", format!("{target}/remove")).danger();
            cells.push(Cell::Actions(vec![change, remove]));
        }
        table.row(cells);
    }
    Ok(table)
}

async fn show_add(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let group = find(&context, &id).await?;
    let form = add_form(&context, &group, "", false).await?;
    Ok(html(&below(&context, &group, "Add a member").with(form)))
}

async fn add_form(
    context: &PageContext,
    group: &Group,
    chosen: &str,
    is_administrator: bool,
) -> Result<Form, Problem> {
    let found = context.services()?.members.all().await?;
    let target = format!("{}/members/add", path(group));
    let member = if found.len() <= MAX_CHOICES {
        let choices = found.into_iter().map(|member| {
            let email = member.email.map(|email| format!(" ({email})"));
            let label = format!("{}{}", member.name, email.unwrap_or_default());
            (member.account.to_string(), label)
        });
        Field::new(Kind::Choice(choices.collect()), "member", "Member")
    } else {
        // A choice of more people could not be used.
        Field::text("member", "Id of the member").help("The page of the person has the id.")
    };
    let administrator = Field::new(Kind::Check, "administrator", "Administers the group")
        .value(if is_administrator { "true" } else { "" })
        .help("Assigns the members to licenses, and sees and ends their seats.");
    Ok(Form::new(target, "Add")
        .field(member.value(chosen).required())
        .field(administrator)
        .cancel(path(group)))
}

async fn add(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<MemberForm>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let is_administrator = is_checked(sent.administrator.as_deref());
    match put(&context, &group, &sent.member, is_administrator).await {
        Ok(()) => Ok(done(&path(&group), "The member is in the group.")),
        Err(problem) => {
            let form = add_form(&context, &group, &sent.member, is_administrator).await?;
            let page = below(&context, &group, "Add a member");
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn put(
    context: &PageContext,
    group: &Group,
    of_member: &str,
    is_administrator: bool,
) -> Result<(), Problem> {
    let account = member(of_member.trim())?;
    let groups = &context.services()?.groups;
    groups
        .put_member(context.actor()?, &group.id, &account, is_administrator)
        .await?;
    Ok(())
}

async fn change(
    context: PageContext,
    StrictPath((id, of_member)): StrictPath<(String, String)>,
    PageForm(sent): PageForm<ChangeForm>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let is_administrator = is_checked(sent.administrator.as_deref());
    put(&context, &group, &of_member, is_administrator).await?;
    Ok(done(&path(&group), "The part of the member is changed."))
}

async fn remove(
    context: PageContext,
    StrictPath((id, of_member)): StrictPath<(String, String)>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let account = member(&of_member)?;
    let groups = &context.services()?.groups;
    groups
        .remove_member(context.actor()?, &group.id, &account)
        .await?;
    Ok(done(&path(&group), "The member is no longer in the group."))
}
