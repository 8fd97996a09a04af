//! Events of payment providers.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::domain::{
    BillingEvent, BillingEventState, EventOutcome, NewBillingEvent, Page, PageRequest,
};
use crate::store::ServerStoreError;
use crate::store::postgres::queries::query;
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::values::{
    bad_row, before_time, count, excess, flag, millis, number, read_all, read_page, time,
    time_cursor,
};

const EVENTS: &str = "billing_events";

/// Stores an event, unless it is stored.
pub(in crate::store::postgres) async fn record_event(
    db: &Transaction,
    event: &NewBillingEvent,
) -> Result<bool, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 9] = [
        &db.tenant(),
        &event.provider,
        &event.id,
        &event.kind,
        &event.api_version,
        &i64::from(event.is_live),
        &millis(event.created_at),
        &millis(event.received_at),
        &event.body,
    ];
    Ok(db.execute(query!("billing_event_insert"), &values).await? > 0)
}

/// Returns waiting events that are due.
pub(in crate::store::postgres) async fn due_events(
    db: &Transaction,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<BillingEvent>, ServerStoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &millis(now), &limit];
    let rows = db.query(query!("billing_event_due"), &values).await?;
    read_all(&rows, read_event)
}

/// Stores the result of an attempt.
pub(in crate::store::postgres) async fn finish_event(
    db: &Transaction,
    provider: &str,
    id: &str,
    outcome: &EventOutcome,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &provider,
        &id,
        &outcome.state.as_str(),
        &outcome.subscription,
        &outcome.next_at.map(millis),
        &outcome.note,
    ];
    db.execute(query!("billing_event_finish"), &values).await?;
    Ok(())
}

/// Returns an event.
pub(in crate::store::postgres) async fn event(
    db: &Transaction,
    provider: &str,
    id: &str,
) -> Result<Option<BillingEvent>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &id];
    let row = db.query_opt(query!("billing_event_get"), &values).await?;
    row.as_ref().map(read_event).transpose()
}

/// Returns events, the newest receipt first.
pub(in crate::store::postgres) async fn events(
    db: &Transaction,
    provider: &str,
    state: Option<BillingEventState>,
    page: &PageRequest,
) -> Result<Page<BillingEvent>, ServerStoreError> {
    let (before, id) = before_time(page)?;
    let values: [&(dyn ToSql + Sync); 6] = [
        &db.tenant(),
        &provider,
        &before,
        &id,
        &state.map_or("", BillingEventState::as_str),
        &excess(page),
    ];
    let rows = db.query(query!("billing_event_page"), &values).await?;
    read_page(&rows, read_event, page, |found| {
        time_cursor(found.event.received_at, &found.event.id)
    })
}

/// Returns the number of waiting events and the receipt of the oldest one.
pub(in crate::store::postgres) async fn waiting_events(
    db: &Transaction,
) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError> {
    let row = db
        .query_one(query!("billing_event_counts"), &[&db.tenant()])
        .await?;
    let oldest: Option<i64> = row.try_get(1)?;
    Ok((number(EVENTS, row.try_get(0)?)?, oldest.map(time)))
}

/// Deletes processed events that were received before a time.
pub(in crate::store::postgres) async fn forget_events(
    db: &Transaction,
    before: DateTime<Utc>,
    comparisons_before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 4] = [
        &db.tenant(),
        &millis(before),
        &millis(comparisons_before),
        &NewBillingEvent::COMPARISON,
    ];
    let deleted = db.execute(query!("billing_event_forget"), &values).await?;
    Ok(count(deleted))
}

fn read_event(row: &Row) -> Result<BillingEvent, ServerStoreError> {
    let (state, attempts): (&str, i64) = (row.try_get(7)?, row.try_get(9)?);
    let next_at: Option<i64> = row.try_get(10)?;
    Ok(BillingEvent {
        event: NewBillingEvent {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            api_version: row.try_get(2)?,
            is_live: flag(row, 3)?,
            created_at: time(row.try_get(4)?),
            received_at: time(row.try_get(5)?),
            body: row.try_get(6)?,
            provider: row.try_get(12)?,
        },
        state: BillingEventState::parse(state).ok_or_else(|| bad_row(EVENTS, state))?,
        subscription: row.try_get(8)?,
        attempts: u32::try_from(attempts).map_err(|_| bad_row(EVENTS, attempts))?,
        next_at: next_at.map(time),
        note: row.try_get(11)?,
    })
}
