//! The end of a lease by an administrator.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::session::SessionId;
use license_core::time::{humanize, saturating_sub};
use license_dashboard::{Cell, Facts, Field, Form, Kind, Notice, Page as Html};
use license_seats::Seq;
use serde::Deserialize;

use super::path_of;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::pages::StrictQuery;
use crate::api::paths::{StrictPath, not_found};
use crate::api::pools::{end_mode, pool, reason};
use crate::api::problem::Problem;
use crate::api::seats::session;
use crate::domain::PoolId;
use crate::services::{EndReply, LeaseView};

/// The lease that an administrator saw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndQuery {
    seq: Option<String>,
}

/// The form that ends a lease.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndSeatForm {
    mode: String,
    reason: String,
    seq: String,
}

pub(super) async fn confirm(
    context: PageContext,
    StrictPath((path, of_session)): StrictPath<(String, String)>,
    StrictQuery(query): StrictQuery<EndQuery>,
) -> PageReply {
    let (pool, session) = (pool(&path)?, session(&of_session)?);
    let seq = query.seq.unwrap_or_default();
    let page = end_page(&context, &pool, session, &seq).await?;
    Ok(html(&page.with(end_form(&pool, session, &seq))))
}

pub(super) async fn submit(
    context: PageContext,
    StrictPath((path, of_session)): StrictPath<(String, String)>,
    PageForm(sent): PageForm<EndSeatForm>,
) -> PageReply {
    let (pool, session) = (pool(&path)?, session(&of_session)?);
    match end(&context, &pool, session, &sent).await {
        Ok(reply) => Ok(done(&path_of(&pool), &ended(&reply))),
        Err(problem) => {
            let page = end_page(&context, &pool, session, &sent.seq).await?;
            let form = end_form(&pool, session, &sent.seq);
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn end(
    context: &PageContext,
    pool: &PoolId,
    session: SessionId,
    sent: &EndSeatForm,
) -> Result<EndReply, Problem> {
    let (mode, reason) = (end_mode(&sent.mode)?, reason(&sent.reason)?);
    let seq = match sent.seq.as_str() {
        "" => None,
        seq => Some(Seq(seq.parse().map_err(|_| not_found("lease"))?)),
    };
    let (services, actor) = (context.services()?, context.actor()?);
    let ended = services.pools.end(actor, pool, session, seq, mode, &reason);
    Ok(ended.await?)
}

/// Returns the message about a lease that was ended.
fn ended(reply: &EndReply) -> String {
    let free = match reply.free_in.num_seconds() {
        ..=0 => "The seat is free.".to_owned(),
        _ => format!("The seat is free in {}.", rounded_up(reply.free_in)),
    };
    match reply.overlap.filter(|overlap| *overlap > TimeDelta::zero()) {
        None => free,
        Some(overlap) => {
            let overlap = rounded_up(overlap);
            format!("{free} The session before may still use it for up to {overlap}.")
        }
    }
}

/// Returns a duration in the unit of [`humanize`], but rounded up: the text is an upper bound.
fn rounded_up(duration: TimeDelta) -> String {
    // Each unit begins at its bound. The second value is a millisecond less than the unit.
    let units = [
        (TimeDelta::days(2), 86_399_999),
        (TimeDelta::hours(1), 3_599_999),
        (TimeDelta::minutes(1), 59_999),
    ];
    let unit = units.iter().find(|(bound, _)| duration >= *bound);
    let rest = TimeDelta::milliseconds(unit.map_or(999, |(_, rest)| *rest));
    let most = duration.checked_add(&rest);
    humanize(most.unwrap_or(duration)).to_string()
}

/// Returns the page without its form. It says whose seat it is.
async fn end_page(
    context: &PageContext,
    pool: &PoolId,
    session: SessionId,
    seq: &str,
) -> Result<Html, Problem> {
    let services = context.services()?;
    let status = services.pools.get(pool).await?;
    let page = context.page_below(("Pool", &path_of(pool)), "End the use of a seat");
    let Ok(seq) = seq.parse() else {
        return Ok(page);
    };
    let lease = services.pools.lease(pool, session, Seq(seq)).await?;
    let Some(lease) = lease else {
        return Ok(page.with(Notice::warning("The session no longer holds this seat")));
    };
    let facts = holder(lease, services.now());
    Ok(page.with(facts.fact("Customer", Cell::text(status.customer))))
}

/// Returns who holds a seat, on which machine and since when.
pub(in crate::api::dashboard) fn holder(lease: LeaseView, now: DateTime<Utc>) -> Facts {
    Facts::new()
        .fact("User", Cell::text(lease.user))
        .fact("Machine", lease.machine.map_or(Cell::Empty, Cell::code))
        .fact(
            "Held since",
            Cell::Time(saturating_sub(now, lease.granted_ago)),
        )
}

fn end_form(pool: &PoolId, session: SessionId, seq: &str) -> Form {
    let base = path_of(pool);
    let modes = [
        (
            "soft",
            "After its lifetime: the session can finish its work",
        ),
        (
            "hard",
            "At once: the seat is free, and the session stops when it notices",
        ),
    ];
    let modes = modes.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let mode = Field::new(Kind::Choice(modes.to_vec()), "mode", "When it ends").required();
    let reason = Field::text("reason", "Reason")
        .help("The person at the machine and the audit trail see it.")
        .max_length(200)
        .required();
    Form::new(format!("{base}/leases/{session}/end"), "End the use")
        .danger()
        .hidden("seq", seq)
        .field(mode)
        .field(reason)
        .cancel(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_until_a_seat_is_free_is_never_stated_too_short() {
        let texts = [
            (1, "1 second"),
            (59_001, "1 minute"),
            (60_000, "1 minute"),
            (112_227, "2 minutes"),
            (3_600_001, "2 hours"),
            (172_800_001, "3 days"),
        ];
        for (milliseconds, text) in texts {
            assert_eq!(rounded_up(TimeDelta::milliseconds(milliseconds)), text);
        }
        let reply = EndReply {
            free_in: TimeDelta::zero(),
            overlap: Some(TimeDelta::milliseconds(112_227)),
        };
        let stated = "The seat is free. The session before may still use it for up to 2 minutes.";
        assert_eq!(ended(&reply), stated);
    }
}
