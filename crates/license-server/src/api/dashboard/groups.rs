//! Groups: members, administrators and seats.

mod members;
mod seats;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use license_dashboard::{Action, Cell, Column, EmptyState, Facts, Field, Form, Page, Table};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::next;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::groups::group;
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Group, Permission as P};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let pages = pages
        .group_page("/groups", P::ReadPeople, get(list))
        .page("/groups/new", P::ManagePeople, get(show_new).post(create))
        .group_page("/groups/{group}", P::ReadPeople, get(show))
        .page(
            "/groups/{group}/name",
            P::ManagePeople,
            get(show_name).post(rename),
        )
        .page(
            "/groups/{group}/delete",
            P::ManagePeople,
            get(show_delete).post(delete),
        );
    seats::pages(members::pages(pages))
}

const GROUPS: (&str, &str) = ("Groups", "/groups");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupNameForm {
    name: String,
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<PageQuery>) -> PageReply {
    let (caller, page) = (context.caller()?, query.request()?);
    let groups = &caller.services().groups;
    let found = match caller.groups() {
        None => groups.list(&page).await?,
        Some(own) => groups.list_of(own, &page).await?,
    };
    let columns = ["Name", "Created"].map(Column::text).to_vec();
    let mut table = Table::new("Groups", columns);
    table.empty = EmptyState::new("There are no groups");
    table.next = next("/groups", &[], found.next);
    for group in found.items {
        table.row(vec![
            Cell::link(format!("/groups/{}", group.id), group.name),
            Cell::Time(group.created_at),
        ]);
    }
    let mut page = context
        .page("Groups")
        .with("A group, such as a department, has members and can have seats of its own.");
    if context.may(P::ManagePeople) {
        page = page.action(Action::dialog("Create a group", "/groups/new").primary());
    }
    Ok(html(&page.with(table)))
}

async fn show_new(context: PageContext) -> PageReply {
    let form = name_form("/groups/new", "Create", "", "/groups");
    Ok(html(
        &context.page_below(GROUPS, "Create a group").with(form),
    ))
}

fn name_form(path: &str, submit: &str, name: &str, cancel: &str) -> Form {
    let field = Field::text("name", "Name").value(name).max_length(100);
    Form::new(path, submit)
        .field(field.required().focus())
        .cancel(cancel)
}

async fn create(context: PageContext, PageForm(sent): PageForm<GroupNameForm>) -> PageReply {
    let groups = &context.services()?.groups;
    match groups.create(context.actor()?, &sent.name).await {
        Ok(group) => Ok(done(&path(&group), "The group is created.")),
        Err(refusal) => {
            let page = context.page_below(GROUPS, "Create a group");
            let form = name_form("/groups/new", "Create", &sent.name, "/groups");
            Ok(context.refused(page, form, &refusal.into()))
        }
    }
}

fn path(group: &Group) -> String {
    format!("/groups/{}", group.id)
}

/// Returns the group of a path, if the caller may see it.
async fn find(context: &PageContext, text: &str) -> Result<Group, Problem> {
    let caller = context.caller()?;
    let id = group(caller, text)?;
    Ok(caller.services().groups.get(&id).await?)
}

/// Returns a page about a group below the page of the group.
fn below(context: &PageContext, group: &Group, title: &str) -> Page {
    context.page_below((&group.name, &path(group)), title)
}

/// Returns whether the person administers a group without a permission.
fn is_group_administrator(context: &PageContext) -> bool {
    let caller = context.caller();
    caller.is_ok_and(|caller| caller.groups().is_some())
}

async fn show(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let mut page = context.page_below(GROUPS, group.name.clone());
    if context.may(P::ManagePeople) {
        page = page
            .action(Action::dialog("Rename", format!("{}/name", path(&group))))
            .action(Action::dialog("Delete", format!("{}/delete", path(&group))).danger());
    }
    let facts = Facts::new()
        .fact("Created", Cell::Time(group.created_at))
        .fact("Id", Cell::id(group.id.to_string()));
    let members = members::table(&context, &group, &query.request()?).await?;
    let shares = seats::shares(&context, &group).await?;
    let leases = seats::leases(&context, &group).await?;
    let page = page
        .with(facts)
        .with(members)
        .with(shares)
        .with_some(leases);
    Ok(html(&page.with_some(assigned(&context).await?)))
}

/// Returns the licenses to which an administrator of the group assigns members.
async fn assigned(context: &PageContext) -> Result<Option<Table>, Problem> {
    if !is_group_administrator(context) {
        return Ok(None);
    }
    let licenses = context.services()?.named_users.licenses().await?;
    if licenses.is_empty() {
        return Ok(None);
    }
    let columns = ["License", "Product"].map(Column::text);
    let mut table = Table::new("Assigned users of licenses", columns.to_vec());
    for license in licenses {
        table.row(vec![
            Cell::link(format!("/licenses/{}/users", license.id), license.customer),
            Cell::code(license.product),
        ]);
    }
    Ok(Some(table))
}

async fn show_name(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let group = find(&context, &id).await?;
    let target = format!("{}/name", path(&group));
    let form = name_form(&target, "Rename", &group.name, &path(&group));
    Ok(html(
        &below(&context, &group, "Rename the group").with(form),
    ))
}

async fn rename(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<GroupNameForm>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let groups = &context.services()?.groups;
    match groups.rename(context.actor()?, &group.id, &sent.name).await {
        Ok(()) => Ok(done(&path(&group), "The group has the new name.")),
        Err(refusal) => {
            let target = format!("{}/name", path(&group));
            let form = name_form(&target, "Rename", &sent.name, &path(&group));
            let page = below(&context, &group, "Rename the group");
            Ok(context.refused(page, form, &refusal.into()))
        }
    }
}

async fn show_delete(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let group = find(&context, &id).await?;
    let form = Form::new(format!("{}/delete", path(&group)), "Delete")
        .danger()
        .cancel(path(&group));
    let page = below(&context, &group, "Delete the group")
        .with("Members keep their seats. Seats that are kept for the group are open to all again.");
    Ok((StatusCode::OK, html(&page.with(form))).into_response())
}

async fn delete(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let groups = &context.services()?.groups;
    groups.delete(context.actor()?, &group.id).await?;
    Ok(done("/groups", "The group is deleted."))
}
