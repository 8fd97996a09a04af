//! The outbox of amounts for the billing provider.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::audit;
use super::metering::pool;
use super::queries::query;
use super::values::{bad_row, collect, collect_page, column, day, excess, millis, number, time};
use crate::domain::{
    NewAuditEntry, NewSending, Page, PageRequest, PoolId, SendingResult, SendingState, TenantId,
    UsageSending,
};
use crate::store::{SendingClaim, ServerStoreError};

const TABLE: &str = "usage_sendings";

/// Queues an amount, unless it is queued already.
pub(super) fn insert(
    db: &Connection,
    tenant: &TenantId,
    customer: &PoolId,
    sending: &NewSending,
    now: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("usage_sending_insert"))?
        .execute(params![
            tenant.as_str(),
            sending.identifier(tenant, customer),
            customer.as_str(),
            sending.meter,
            sending.event,
            sending.period.start.to_string(),
            column(sending.number),
            column(sending.quantity),
            millis(sending.at),
            millis(now),
        ])?;
    Ok(())
}

/// Returns the amounts of a customer.
pub(super) fn of_customer(
    db: &Connection,
    tenant: &TenantId,
    customer: &PoolId,
) -> Result<Vec<UsageSending>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("usage_sending_of_customer"))?;
    collect(&mut statement, [tenant.as_str(), customer.as_str()], read)
}

/// Returns amounts by their identifiers.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    state: Option<SendingState>,
    page: &PageRequest,
) -> Result<Page<UsageSending>, ServerStoreError> {
    let state = state.map_or("", SendingState::as_str);
    let values = params![tenant.as_str(), page.after_key(), state, excess(page)];
    let mut statement = db.prepare_cached(query!("usage_sending_page"))?;
    collect_page(&mut statement, values, read, page, |found| found.id.clone())
}

/// Takes amounts that are due.
pub(super) fn claim(
    db: &Connection,
    tenant: &TenantId,
    claim: &SendingClaim,
    audit: &NewAuditEntry,
) -> Result<Vec<UsageSending>, ServerStoreError> {
    let (tenant_id, now) = (tenant.as_str(), millis(claim.now));
    let mut expire = db.prepare_cached(query!("usage_sending_expire"))?;
    let values = params![tenant_id, now, millis(claim.oldest)];
    for expired in collect(&mut expire, values, read)? {
        let entry = audit.with_subject(&expired.id);
        let entry = NewAuditEntry {
            details: expired.audited(),
            ..entry
        };
        audit::append(db, tenant, &entry)?;
    }
    let mut statement = db.prepare_cached(query!("usage_sending_claim"))?;
    let values = params![tenant_id, now, millis(claim.next_at), claim.limit];
    collect(&mut statement, values, read)
}

/// Stores the result of an attempt.
pub(super) fn finish(
    db: &Connection,
    tenant: &TenantId,
    result: &SendingResult,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("usage_sending_finish"))?
        .execute(params![
            tenant.as_str(),
            result.id,
            column(result.attempt),
            result.state.as_str(),
            result.error,
            millis(result.next_at),
            result.is_refused,
        ])?;
    Ok(())
}

/// Returns an amount.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<UsageSending>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("usage_sending_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), id], read)?;
    Ok(found.into_iter().next())
}

/// Decides about an uncertain amount.
pub(super) fn decide(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    state: SendingState,
    audit: &NewAuditEntry,
) -> Result<Option<bool>, ServerStoreError> {
    let Some(former) = get(db, tenant, id)? else {
        return Ok(None);
    };
    let decided = db
        .prepare_cached(query!("usage_sending_decide"))?
        .execute([tenant.as_str(), id, state.as_str()])?;
    if decided == 0 {
        return Ok(Some(false));
    }
    let former = Some(former.audited());
    audit::append(db, tenant, &audit.clone().with_before(former))?;
    Ok(Some(true))
}

fn read(row: &Row<'_>) -> Result<UsageSending, ServerStoreError> {
    let state: String = row.get(9)?;
    let first_at: Option<i64> = row.get(11)?;
    Ok(UsageSending {
        id: row.get(0)?,
        customer: pool(&row.get::<_, String>(1)?)?,
        meter: row.get(2)?,
        event: row.get(3)?,
        period: day(TABLE, &row.get::<_, String>(4)?)?,
        number: number(TABLE, row.get(5)?)?,
        quantity: number(TABLE, row.get(6)?)?,
        at: time(row.get(7)?),
        queued_at: time(row.get(8)?),
        state: SendingState::parse(&state).ok_or_else(|| bad_row(TABLE, state))?,
        attempts: number(TABLE, row.get(10)?)?,
        first_at: first_at.map(time),
        error: row.get(12)?,
    })
}
