//! The seats of a group.

use axum::routing::get;
use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Kind, Page, Table, Tone};
use serde::Deserialize;

use super::{below, find, is_group_administrator, path};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::form_values::{number, required_number};
use crate::api::dashboard::list::with_query;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::dashboard::seat_charts::{ChosenPool, PoolChoices};
use crate::api::dashboard::seats::holder;
use crate::api::pages::StrictQuery;
use crate::api::paths::StrictPath;
use crate::api::pools::{end_mode, pool, reason};
use crate::api::problem::Problem;
use crate::api::seats::session;
use crate::domain::{Group, GroupShare, Permission as P, PoolId};
use license_seats::Seq;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page(
            "/groups/{group}/seats",
            P::ManageSeats,
            get(show_share).post(set_share),
        )
        .group_page(
            "/groups/{group}/end",
            P::ManageSeats,
            get(show_end).post(end),
        )
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareQuery {
    pool: Option<String>,
    reserved: Option<String>,
    at_most: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareForm {
    pool: String,
    reserved: String,
    at_most: String,
}

/// The seat that is to end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaseQuery {
    pool: String,
    session: String,
    seq: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndGroupSeatForm {
    pool: String,
    session: String,
    seq: u64,
    mode: String,
    reason: String,
}

/// Returns the seats of a group in each pool.
pub(super) async fn shares(context: &PageContext, group: &Group) -> Result<Table, Problem> {
    let found = context.services()?.groups.pools(&group.id).await?;
    let may = context.may(P::ManageSeats);
    let mut columns = vec![
        Column::text("Pool"),
        Column::text("Product"),
        Column::number("Kept for the group"),
        Column::text("At most"),
        Column::number("Held"),
    ];
    if may {
        columns.push(Column::text("Actions"));
    }
    let target = format!("{}/seats", path(group));
    let mut table = Table::new("Seats", columns);
    table.empty = EmptyState::new("The group has no seats of its own")
        .text("Its members use the seats that are open to all.");
    if may {
        table.actions = vec![Action::dialog("Set seats of a pool", target.clone())];
    }
    for one in found {
        let (pool, reserved) = (one.pool.to_string(), one.share.reserved.to_string());
        let at_most = one.share.at_most.map(|most| most.to_string());
        let mut cells = vec![
            Cell::code(pool.clone()),
            Cell::text(one.product),
            Cell::Number(one.share.reserved.into()),
            Cell::text(at_most.as_deref().unwrap_or("No limit")),
            Cell::Number(one.held.into()),
        ];
        if may {
            let values = [
                ("pool", Some(pool.as_str())),
                ("reserved", Some(reserved.as_str())),
                ("at_most", at_most.as_deref()),
            ];
            let change = Action::dialog("Change", with_query(&target, &values));
            cells.push(Cell::Actions(vec![change]));
        }
        table.row(cells);
    }
    Ok(table)
}

/// Returns the seats that members hold, if the person may see them.
pub(super) async fn leases(context: &PageContext, group: &Group) -> Result<Option<Table>, Problem> {
    if !context.may(P::ReadSeats) && !is_group_administrator(context) {
        return Ok(None);
    }
    let may = context.may(P::ManageSeats) || is_group_administrator(context);
    let services = context.services()?;
    let mut columns = ["User", "Pool", "Session", "Held since", "State"]
        .map(Column::text)
        .to_vec();
    if may {
        columns.push(Column::text("Actions"));
    }
    let mut table = Table::new("Seats that members hold", columns);
    table.empty = EmptyState::new("No member holds a seat");
    let now = services.now();
    for found in services.groups.leases(&group.id).await? {
        let (lease, pool) = (found.lease, found.pool.to_string());
        let (tone, state) = match (&lease.soft_end, lease.is_late) {
            (Some(_), _) => (Tone::Warning, "Ends"),
            (None, true) => (Tone::Warning, "Late"),
            (None, false) => (Tone::Good, "In use"),
        };
        let (session, seq) = (lease.session.to_string(), lease.seq.to_string());
        let user = lease.user.clone();
        let mut cells = vec![
            Cell::text(lease.user),
            Cell::code(pool.clone()),
            Cell::code(session.clone()),
            Cell::time(now.checked_sub_signed(lease.granted_ago)),
            Cell::badge(tone, state),
        ];
        if may {
            let values = [
                ("pool", Some(pool.as_str())),
                ("session", Some(session.as_str())),
                ("seq", Some(seq.as_str())),
            ];
            let target = with_query(&format!("{}/end", path(group)), &values);
            let end = Action::dialog("End", target).danger().about(user);
            cells.push(Cell::Actions(vec![end]));
        }
        table.row(cells);
    }
    Ok(Some(table))
}

async fn show_share(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    StrictQuery(query): StrictQuery<ShareQuery>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let form = share_form(&context, &group, &query).await?;
    Ok(html(
        &below(&context, &group, "Set seats of a pool").with(form),
    ))
}

async fn share_form(
    context: &PageContext,
    group: &Group,
    values: &ShareQuery,
) -> Result<Form, Problem> {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let pools = PoolChoices::read(context.services()?).await?;
    let pool = pools.field(&value(&values.pool), None);
    let reserved = Field::new(
        Kind::Number,
        "reserved",
        "Seats that are kept for the group",
    );
    let at_most = Field::new(
        Kind::Number,
        "at_most",
        "Seats that the group holds at most",
    );
    Ok(Form::new(format!("{}/seats", path(group)), "Save")
        .field(pool.required())
        .field(
            reserved
                .value(values.reserved.as_deref().unwrap_or("0"))
                .required(),
        )
        .field(
            at_most
                .value(value(&values.at_most))
                .help("Empty: no limit."),
        )
        .cancel(path(group)))
}

/// Finds the pool that a person has chosen.
async fn chosen_pool(context: &PageContext, text: &str) -> Result<PoolId, Problem> {
    let detail = match ChosenPool::find(context.services()?, Some(text)).await? {
        ChosenPool::One(pool) => return Ok(pool),
        ChosenPool::All => "pool: choose a pool",
        ChosenPool::Matches(found) if found.is_empty() => "pool: no pool matches",
        ChosenPool::Matches(_) => "pool: several pools match, so write more of the name, or the id",
    };
    Err(Problem::malformed(detail))
}

async fn set_share(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<ShareForm>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let changed = async {
        let share = GroupShare {
            reserved: required_number("reserved", &sent.reserved, 0)?,
            at_most: number("at_most", &sent.at_most, 0)?,
        };
        let groups = &context.services()?.groups;
        let pool = chosen_pool(&context, &sent.pool).await?;
        groups
            .set_share(context.actor()?, &group.id, &pool, share)
            .await?;
        Ok::<_, Problem>(())
    };
    match changed.await {
        Ok(()) => Ok(done(&path(&group), "The seats of the group are changed.")),
        Err(problem) => {
            let values = ShareQuery {
                pool: Some(sent.pool),
                reserved: Some(sent.reserved),
                at_most: Some(sent.at_most),
            };
            let page = below(&context, &group, "Set seats of a pool");
            let form = share_form(&context, &group, &values).await?;
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn show_end(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    StrictQuery(lease): StrictQuery<LeaseQuery>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let form = end_form(&group, &lease, "soft", "");
    Ok(html(&end_page(&context, &group, &lease).await?.with(form)))
}

/// Returns the page without its form. It says whose seat it is.
async fn end_page(
    context: &PageContext,
    group: &Group,
    wanted: &LeaseQuery,
) -> Result<Page, Problem> {
    let services = context.services()?;
    let leases = services.groups.leases(&group.id).await?.into_iter();
    let mut leases = leases.filter(|found| {
        let lease = &found.lease;
        (found.pool.as_str(), lease.seq) == (wanted.pool.as_str(), wanted.seq)
            && lease.session.to_string() == wanted.session
    });
    let facts = leases
        .next()
        .map(|found| holder(found.lease, services.now()));
    Ok(below(context, group, "End a seat").with_some(facts))
}

fn end_form(group: &Group, lease: &LeaseQuery, mode: &str, reason: &str) -> Form {
    let modes = [("soft", "When the session would renew it"), ("hard", "Now")];
    let modes = modes.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let mode_field = Field::new(Kind::Choice(modes.to_vec()), "mode", "The seat ends").value(mode);
    let reason = Field::text("reason", "Reason")
        .value(reason)
        .max_length(200);
    Form::new(format!("{}/end", path(group)), "End the seat")
        .hidden("pool", lease.pool.clone())
        .hidden("session", lease.session.clone())
        .hidden("seq", lease.seq.to_string())
        .field(mode_field.required())
        .field(
            reason
                .required()
                .help("The session sees the reason, and the audit trail keeps it."),
        )
        .danger()
        .cancel(path(group))
}

async fn end(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<EndGroupSeatForm>,
) -> PageReply {
    let group = find(&context, &id).await?;
    let ended = async {
        let (mode, reason) = (end_mode(&sent.mode)?, reason(&sent.reason)?);
        let (pool, session) = (pool(&sent.pool)?, session(&sent.session)?);
        let lease = (&group.id, &pool, session, Some(Seq(sent.seq)));
        let groups = &context.services()?.groups;
        groups
            .end_lease(context.actor()?, lease, mode, &reason)
            .await?;
        Ok::<_, Problem>(())
    };
    match ended.await {
        Ok(()) => Ok(done(&path(&group), "The end of the seat is recorded.")),
        Err(problem) => {
            let lease = LeaseQuery {
                pool: sent.pool,
                session: sent.session,
                seq: sent.seq,
            };
            let form = end_form(&group, &lease, &sent.mode, &sent.reason);
            let page = end_page(&context, &group, &lease).await?;
            Ok(context.refused(page, form, &problem))
        }
    }
}
