//! Events of payment providers.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use crate::domain::{
    BillingEvent, BillingEventState, EventOutcome, NewBillingEvent, Page, PageRequest, TenantId,
};
use crate::store::ServerStoreError;
use crate::store::sqlite::queries::query;
use crate::store::sqlite::values::{
    bad_row, before_time, collect, collect_page, excess, millis, number, time, time_cursor,
};

const EVENTS: &str = "billing_events";

/// Stores an event, unless it is stored.
pub(in crate::store::sqlite) fn record_event(
    db: &Connection,
    tenant: &TenantId,
    event: &NewBillingEvent,
) -> Result<bool, ServerStoreError> {
    let inserted = db
        .prepare_cached(query!("billing_event_insert"))?
        .execute(params![
            tenant.as_str(),
            event.provider,
            event.id,
            event.kind,
            event.api_version,
            event.is_live,
            millis(event.created_at),
            millis(event.received_at),
            event.body,
        ])?;
    Ok(inserted > 0)
}

/// Returns waiting events that are due.
pub(in crate::store::sqlite) fn due_events(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<BillingEvent>, ServerStoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(query!("billing_event_due"))?;
    let values = params![tenant.as_str(), millis(now), limit];
    collect(&mut statement, values, read_event)
}

/// Stores the result of an attempt.
pub(in crate::store::sqlite) fn finish_event(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    id: &str,
    outcome: &EventOutcome,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("billing_event_finish"))?
        .execute(params![
            tenant.as_str(),
            provider,
            id,
            outcome.state.as_str(),
            outcome.subscription,
            outcome.next_at.map(millis),
            outcome.note,
        ])?;
    Ok(())
}

/// Returns an event.
pub(in crate::store::sqlite) fn event(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    id: &str,
) -> Result<Option<BillingEvent>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_event_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), provider, id], read_event)?;
    Ok(found.into_iter().next())
}

/// Returns events, the newest receipt first.
pub(in crate::store::sqlite) fn events(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    state: Option<BillingEventState>,
    page: &PageRequest,
) -> Result<Page<BillingEvent>, ServerStoreError> {
    let state = state.map_or("", BillingEventState::as_str);
    let (before, id) = before_time(page)?;
    let values = params![tenant.as_str(), provider, before, id, state, excess(page)];
    let mut statement = db.prepare_cached(query!("billing_event_page"))?;
    collect_page(&mut statement, values, read_event, page, |found| {
        time_cursor(found.event.received_at, &found.event.id)
    })
}

/// Returns the number of waiting events and the receipt of the oldest one.
pub(in crate::store::sqlite) fn waiting_events(
    db: &Connection,
    tenant: &TenantId,
) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_event_counts"))?;
    let (count, oldest): (i64, Option<i64>) =
        statement.query_row([tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((number(EVENTS, count)?, oldest.map(time)))
}

/// Deletes processed events that were received before a time.
pub(in crate::store::sqlite) fn forget_events(
    db: &Connection,
    tenant: &TenantId,
    before: DateTime<Utc>,
    comparisons_before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_event_forget"))?;
    Ok(statement.execute(params![
        tenant.as_str(),
        millis(before),
        millis(comparisons_before),
        NewBillingEvent::COMPARISON,
    ])?)
}

fn read_event(row: &Row<'_>) -> Result<BillingEvent, ServerStoreError> {
    let (state, attempts): (String, i64) = (row.get(7)?, row.get(9)?);
    let next_at: Option<i64> = row.get(10)?;
    Ok(BillingEvent {
        event: NewBillingEvent {
            id: row.get(0)?,
            kind: row.get(1)?,
            api_version: row.get(2)?,
            is_live: row.get(3)?,
            created_at: time(row.get(4)?),
            received_at: time(row.get(5)?),
            body: row.get(6)?,
            provider: row.get(12)?,
        },
        state: BillingEventState::parse(&state).ok_or_else(|| bad_row(EVENTS, state))?,
        subscription: row.get(8)?,
        attempts: u32::try_from(attempts).map_err(|_| bad_row(EVENTS, attempts))?,
        next_at: next_at.map(time),
        note: row.get(11)?,
    })
}
