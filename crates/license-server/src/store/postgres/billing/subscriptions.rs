//! Subscriptions and their customers.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::domain::{
    BillingCustomer, BillingReason, BillingState, BillingSubscription, NewAuditEntry, Page,
    PageRequest, PoolId, SubscriptionFilter, SubscriptionStatus,
};
use crate::store::ServerStoreError;
use crate::store::postgres::queries::query;
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::values::{
    bad_row, before_time, column, excess, flag, license_id, millis, number, read_all, read_page,
    time, time_cursor,
};
use crate::store::postgres::{audit, tenants};

const SUBSCRIPTIONS: &str = "billing_subscriptions";

/// Stores a subscription with its customer, unless another change came first.
pub(in crate::store::postgres) async fn put_subscription(
    db: &Transaction,
    customer: &BillingCustomer,
    subscription: &BillingSubscription,
    audit: Option<NewAuditEntry>,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let provider = subscription.provider.as_str();
    let former = get_subscription(db, provider, &subscription.id).await?;
    if former.as_ref().map_or(0, |former| former.version) != subscription.version {
        return Ok(false);
    }
    put_customer(db, provider, customer).await?;
    let license = subscription.license.as_ref().map(LicenseId::as_str);
    let values: [&(dyn ToSql + Sync); 20] = [
        &db.tenant(),
        &provider,
        &subscription.id,
        &subscription.customer,
        &subscription.status.as_str(),
        &subscription.state.as_str(),
        &subscription.reason.as_str(),
        &subscription.until.map(millis),
        &subscription.tier,
        &subscription.seats.map(i64::from),
        &license,
        &i64::from(subscription.is_held),
        &millis(subscription.period_start),
        &millis(subscription.period_end),
        &subscription.cancel_at.map(millis),
        &millis(subscription.created_at),
        &millis(subscription.changed_at),
        &millis(subscription.checked_at),
        &subscription.fault,
        &column(subscription.version),
    ];
    let stored = if subscription.version == 0 {
        let values = values.get(..19).unwrap_or(&values);
        db.execute(query!("billing_subscription_insert"), values)
            .await?
    } else {
        db.execute(query!("billing_subscription_update"), &values)
            .await?
    };
    if stored == 0 {
        return Ok(false);
    }
    if let Some(audit) = audit {
        let before = former.as_ref().map(BillingSubscription::audited);
        audit::append(db, &audit.with_before(before)).await?;
    }
    Ok(true)
}

async fn put_customer(
    db: &Transaction,
    provider: &str,
    customer: &BillingCustomer,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &provider,
        &customer.id,
        &customer.name,
        &customer.email,
        &i64::from(customer.is_deleted),
        &millis(customer.created_at),
    ];
    db.execute(query!("billing_customer_put"), &values).await?;
    Ok(())
}

/// Returns a subscription.
pub(in crate::store::postgres) async fn get_subscription(
    db: &Transaction,
    provider: &str,
    id: &str,
) -> Result<Option<BillingSubscription>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &id];
    let row = db
        .query_opt(query!("billing_subscription_get"), &values)
        .await?;
    row.as_ref().map(read_subscription).transpose()
}

/// Returns the newest subscription whose license is in a pool.
pub(in crate::store::postgres) async fn subscription_of_pool(
    db: &Transaction,
    provider: &str,
    pool: &PoolId,
) -> Result<Option<BillingSubscription>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &pool.as_str()];
    let row = db
        .query_opt(query!("billing_subscription_of_pool"), &values)
        .await?;
    row.as_ref().map(read_subscription).transpose()
}

/// Returns subscriptions of a customer with an id or an address, the newest first.
pub(in crate::store::postgres) async fn subscriptions_of(
    db: &Transaction,
    provider: &str,
    customer: Option<&str>,
    email: Option<&str>,
) -> Result<Vec<BillingSubscription>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &provider, &customer, &email];
    let rows = db
        .query(query!("billing_subscription_of_customer"), &values)
        .await?;
    read_all(&rows, read_subscription)
}

/// Returns subscriptions, the last change first.
pub(in crate::store::postgres) async fn subscriptions(
    db: &Transaction,
    provider: &str,
    filter: &SubscriptionFilter,
    page: &PageRequest,
) -> Result<Page<BillingSubscription>, ServerStoreError> {
    let (before, id) = before_time(page)?;
    let values: [&(dyn ToSql + Sync); 8] = [
        &db.tenant(),
        &provider,
        &before,
        &id,
        &filter.state.map_or("", BillingState::as_str),
        &filter.customer.as_deref().unwrap_or_default(),
        &filter.search.as_deref().unwrap_or_default(),
        &excess(page),
    ];
    let rows = db
        .query(query!("billing_subscription_page"), &values)
        .await?;
    read_page(&rows, read_subscription, page, |found| {
        time_cursor(found.changed_at, &found.id)
    })
}

/// Returns subscriptions that were not compared since a time.
pub(in crate::store::postgres) async fn unchecked(
    db: &Transaction,
    provider: &str,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<String>, ServerStoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &provider, &millis(before), &limit];
    let rows = db
        .query(query!("billing_subscription_unchecked"), &values)
        .await?;
    read_all(&rows, |row| Ok(row.try_get(0)?))
}

/// Returns a customer.
pub(in crate::store::postgres) async fn customer(
    db: &Transaction,
    provider: &str,
    id: &str,
) -> Result<Option<BillingCustomer>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &id];
    let row = db
        .query_opt(query!("billing_customer_get"), &values)
        .await?;
    row.as_ref().map(read_customer).transpose()
}

/// Returns customers, by id.
pub(in crate::store::postgres) async fn customers(
    db: &Transaction,
    provider: &str,
    page: &PageRequest,
) -> Result<Page<BillingCustomer>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 4] =
        [&db.tenant(), &provider, &page.after_key(), &excess(page)];
    let rows = db.query(query!("billing_customer_page"), &values).await?;
    read_page(&rows, read_customer, page, |found| found.id.clone())
}

fn read_customer(row: &Row) -> Result<BillingCustomer, ServerStoreError> {
    Ok(BillingCustomer {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        email: row.try_get(2)?,
        is_deleted: flag(row, 3)?,
        created_at: time(row.try_get(4)?),
    })
}

fn read_subscription(row: &Row) -> Result<BillingSubscription, ServerStoreError> {
    let (status, state, reason): (&str, &str, &str) =
        (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let (until, cancel_at): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(13)?);
    let (seats, license): (Option<i64>, Option<&str>) = (row.try_get(8)?, row.try_get(9)?);
    let bad = |text: &str| bad_row(SUBSCRIPTIONS, text);
    let seats = seats.map(|seats| u32::try_from(seats).map_err(|_| bad_row(SUBSCRIPTIONS, seats)));
    Ok(BillingSubscription {
        provider: row.try_get(0)?,
        id: row.try_get(1)?,
        customer: row.try_get(2)?,
        status: SubscriptionStatus::parse(status).ok_or_else(|| bad(status))?,
        state: BillingState::parse(state).ok_or_else(|| bad(state))?,
        reason: BillingReason::parse(reason).ok_or_else(|| bad(reason))?,
        until: until.map(time),
        tier: row.try_get(7)?,
        seats: seats.transpose()?,
        license: license
            .map(|id| license_id(SUBSCRIPTIONS, id))
            .transpose()?,
        is_held: flag(row, 10)?,
        period_start: time(row.try_get(11)?),
        period_end: time(row.try_get(12)?),
        cancel_at: cancel_at.map(time),
        created_at: time(row.try_get(14)?),
        changed_at: time(row.try_get(15)?),
        checked_at: time(row.try_get(16)?),
        fault: row.try_get(17)?,
        version: number(SUBSCRIPTIONS, row.try_get(18)?)?,
    })
}
