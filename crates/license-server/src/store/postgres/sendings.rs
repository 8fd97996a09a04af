//! The outbox of amounts for the billing provider.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::metering::pool;
use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, column, day, excess, millis, number, read_all, read_page, time};
use super::{audit, tenants};
use crate::domain::{
    NewAuditEntry, NewSending, Page, PageRequest, PoolId, SendingResult, SendingState, TenantId,
    UsageSending,
};
use crate::store::{SendingClaim, ServerStoreError};

const TABLE: &str = "usage_sendings";

/// Queues an amount, unless it is queued already.
pub(super) async fn insert(
    db: &Transaction,
    tenant: &TenantId,
    customer: &PoolId,
    sending: &NewSending,
    now: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 10] = [
        &db.tenant(),
        &sending.identifier(tenant, customer),
        &customer.as_str(),
        &sending.meter,
        &sending.event,
        &sending.period.start.to_string(),
        &column(sending.number),
        &column(sending.quantity),
        &millis(sending.at),
        &millis(now),
    ];
    db.execute(query!("usage_sending_insert"), &values).await?;
    Ok(())
}

/// Returns the amounts of a customer.
pub(super) async fn of_customer(
    db: &Transaction,
    customer: &PoolId,
) -> Result<Vec<UsageSending>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &customer.as_str()];
    let rows = db
        .query(query!("usage_sending_of_customer"), &values)
        .await?;
    read_all(&rows, read)
}

/// Returns amounts by their identifiers.
pub(super) async fn page(
    db: &Transaction,
    state: Option<SendingState>,
    page: &PageRequest,
) -> Result<Page<UsageSending>, ServerStoreError> {
    let state = state.map_or("", SendingState::as_str);
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &page.after_key(), &state, &excess(page)];
    let rows = db.query(query!("usage_sending_page"), &values).await?;
    read_page(&rows, read, page, |found| found.id.clone())
}

/// Takes amounts that are due. Another server may take others at the same time.
pub(super) async fn claim(
    db: &Transaction,
    claim: &SendingClaim,
    audit: &NewAuditEntry,
) -> Result<Vec<UsageSending>, ServerStoreError> {
    tenants::lock(db).await?;
    let now = millis(claim.now);
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &now, &millis(claim.oldest)];
    let expired = db.query(query!("usage_sending_expire"), &values).await?;
    for expired in read_all(&expired, read)? {
        let entry = NewAuditEntry {
            details: expired.audited(),
            ..audit.with_subject(&expired.id)
        };
        audit::append(db, &entry).await?;
    }
    let values: [&(dyn ToSql + Sync); 4] = [
        &db.tenant(),
        &now,
        &millis(claim.next_at),
        &i64::from(claim.limit),
    ];
    let rows = db.query(query!("usage_sending_claim"), &values).await?;
    read_all(&rows, read)
}

/// Stores the result of an attempt.
pub(super) async fn finish(
    db: &Transaction,
    result: &SendingResult,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &result.id,
        &column(result.attempt),
        &result.state.as_str(),
        &result.error,
        &millis(result.next_at),
        &i64::from(result.is_refused),
    ];
    db.execute(query!("usage_sending_finish"), &values).await?;
    Ok(())
}

/// Returns an amount.
pub(super) async fn get(
    db: &Transaction,
    id: &str,
) -> Result<Option<UsageSending>, ServerStoreError> {
    let row = db
        .query_opt(query!("usage_sending_get"), &[&db.tenant(), &id])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Decides about an uncertain amount.
pub(super) async fn decide(
    db: &Transaction,
    id: &str,
    state: SendingState,
    audit: &NewAuditEntry,
) -> Result<Option<bool>, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = get(db, id).await? else {
        return Ok(None);
    };
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &id, &state.as_str()];
    if db.execute(query!("usage_sending_decide"), &values).await? == 0 {
        return Ok(Some(false));
    }
    let former = Some(former.audited());
    audit::append(db, &audit.clone().with_before(former)).await?;
    Ok(Some(true))
}

fn read(row: &Row) -> Result<UsageSending, ServerStoreError> {
    let state: &str = row.try_get(9)?;
    let first_at: Option<i64> = row.try_get(11)?;
    Ok(UsageSending {
        id: row.try_get(0)?,
        customer: pool(row.try_get(1)?)?,
        meter: row.try_get(2)?,
        event: row.try_get(3)?,
        period: day(TABLE, row.try_get(4)?)?,
        number: number(TABLE, row.try_get(5)?)?,
        quantity: number(TABLE, row.try_get(6)?)?,
        at: time(row.try_get(7)?),
        queued_at: time(row.try_get(8)?),
        state: SendingState::parse(state).ok_or_else(|| bad_row(TABLE, state))?,
        attempts: number(TABLE, row.try_get(10)?)?,
        first_at: first_at.map(time),
        error: row.try_get(12)?,
    })
}
