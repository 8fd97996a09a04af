//! Subscriptions and their customers.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::{Connection, Row, params};

use crate::domain::{
    BillingCustomer, BillingReason, BillingState, BillingSubscription, NewAuditEntry, Page,
    PageRequest, PoolId, SubscriptionFilter, SubscriptionStatus, TenantId,
};
use crate::store::ServerStoreError;
use crate::store::sqlite::audit;
use crate::store::sqlite::queries::query;
use crate::store::sqlite::values::{
    bad_row, before_time, collect, collect_page, column, excess, license_id, millis, number, time,
    time_cursor,
};

const SUBSCRIPTIONS: &str = "billing_subscriptions";

/// Stores a subscription with its customer, unless another change came first.
pub(in crate::store::sqlite) fn put_subscription(
    db: &Connection,
    tenant: &TenantId,
    customer: &BillingCustomer,
    subscription: &BillingSubscription,
    audit: Option<NewAuditEntry>,
) -> Result<bool, ServerStoreError> {
    let provider = subscription.provider.as_str();
    let former = get_subscription(db, tenant, provider, &subscription.id)?;
    if former.as_ref().map_or(0, |former| former.version) != subscription.version {
        return Ok(false);
    }
    put_customer(db, tenant, provider, customer)?;
    let is_new = subscription.version == 0;
    let mut statement = db.prepare_cached(if is_new {
        query!("billing_subscription_insert")
    } else {
        query!("billing_subscription_update")
    })?;
    let (license, version) = (
        subscription.license.as_ref().map(LicenseId::as_str),
        column(subscription.version),
    );
    let values: [&dyn rusqlite::ToSql; 20] = [
        &tenant.as_str(),
        &provider,
        &subscription.id,
        &subscription.customer,
        &subscription.status.as_str(),
        &subscription.state.as_str(),
        &subscription.reason.as_str(),
        &subscription.until.map(millis),
        &subscription.tier,
        &subscription.seats,
        &license,
        &subscription.is_held,
        &millis(subscription.period_start),
        &millis(subscription.period_end),
        &subscription.cancel_at.map(millis),
        &millis(subscription.created_at),
        &millis(subscription.changed_at),
        &millis(subscription.checked_at),
        &subscription.fault,
        &version,
    ];
    let used = if is_new { 19 } else { 20 };
    let stored = statement.execute(values.get(..used).unwrap_or(&values))?;
    if stored == 0 {
        return Ok(false);
    }
    if let Some(audit) = audit {
        let before = former.as_ref().map(BillingSubscription::audited);
        audit::append(db, tenant, &audit.with_before(before))?;
    }
    Ok(true)
}

fn put_customer(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    customer: &BillingCustomer,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("billing_customer_put"))?
        .execute(params![
            tenant.as_str(),
            provider,
            customer.id,
            customer.name,
            customer.email,
            customer.is_deleted,
            millis(customer.created_at),
        ])?;
    Ok(())
}

/// Returns a subscription.
pub(in crate::store::sqlite) fn get_subscription(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    id: &str,
) -> Result<Option<BillingSubscription>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_subscription_get"))?;
    let values = [tenant.as_str(), provider, id];
    let found = collect(&mut statement, values, read_subscription)?;
    Ok(found.into_iter().next())
}

/// Returns the newest subscription whose license is in a pool.
pub(in crate::store::sqlite) fn subscription_of_pool(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    pool: &PoolId,
) -> Result<Option<BillingSubscription>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_subscription_of_pool"))?;
    let values = [tenant.as_str(), provider, pool.as_str()];
    let found = collect(&mut statement, values, read_subscription)?;
    Ok(found.into_iter().next())
}

/// Returns subscriptions of a customer with an id or an address, the newest first.
pub(in crate::store::sqlite) fn subscriptions_of(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    customer: Option<&str>,
    email: Option<&str>,
) -> Result<Vec<BillingSubscription>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_subscription_of_customer"))?;
    let values = params![tenant.as_str(), provider, customer, email];
    collect(&mut statement, values, read_subscription)
}

/// Returns subscriptions, the last change first.
pub(in crate::store::sqlite) fn subscriptions(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    filter: &SubscriptionFilter,
    page: &PageRequest,
) -> Result<Page<BillingSubscription>, ServerStoreError> {
    let (before, id) = before_time(page)?;
    let values = params![
        tenant.as_str(),
        provider,
        before,
        id,
        filter.state.map_or("", BillingState::as_str),
        filter.customer.as_deref().unwrap_or_default(),
        filter.search.as_deref().unwrap_or_default(),
        excess(page)
    ];
    let mut statement = db.prepare_cached(query!("billing_subscription_page"))?;
    collect_page(&mut statement, values, read_subscription, page, |found| {
        time_cursor(found.changed_at, &found.id)
    })
}

/// Returns subscriptions that were not compared since a time.
pub(in crate::store::sqlite) fn unchecked(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<String>, ServerStoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(query!("billing_subscription_unchecked"))?;
    let values = params![tenant.as_str(), provider, millis(before), limit];
    collect(&mut statement, values, |row| Ok(row.get(0)?))
}

/// Returns a customer.
pub(in crate::store::sqlite) fn customer(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    id: &str,
) -> Result<Option<BillingCustomer>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_customer_get"))?;
    let found = collect(
        &mut statement,
        [tenant.as_str(), provider, id],
        read_customer,
    )?;
    Ok(found.into_iter().next())
}

/// Returns customers, by id.
pub(in crate::store::sqlite) fn customers(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    page: &PageRequest,
) -> Result<Page<BillingCustomer>, ServerStoreError> {
    let values = params![tenant.as_str(), provider, page.after_key(), excess(page)];
    let mut statement = db.prepare_cached(query!("billing_customer_page"))?;
    collect_page(&mut statement, values, read_customer, page, |found| {
        found.id.clone()
    })
}

fn read_customer(row: &Row<'_>) -> Result<BillingCustomer, ServerStoreError> {
    Ok(BillingCustomer {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        is_deleted: row.get(3)?,
        created_at: time(row.get(4)?),
    })
}

fn read_subscription(row: &Row<'_>) -> Result<BillingSubscription, ServerStoreError> {
    let (status, state, reason): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let (until, cancel_at): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(13)?);
    let license: Option<String> = row.get(9)?;
    let bad = |text: String| bad_row(SUBSCRIPTIONS, text);
    Ok(BillingSubscription {
        provider: row.get(0)?,
        id: row.get(1)?,
        customer: row.get(2)?,
        status: SubscriptionStatus::parse(&status).ok_or_else(|| bad(status))?,
        state: BillingState::parse(&state).ok_or_else(|| bad(state))?,
        reason: BillingReason::parse(&reason).ok_or_else(|| bad(reason))?,
        until: until.map(time),
        tier: row.get(7)?,
        seats: row.get(8)?,
        license: license
            .map(|id| license_id(SUBSCRIPTIONS, &id))
            .transpose()?,
        is_held: row.get(10)?,
        period_start: time(row.get(11)?),
        period_end: time(row.get(12)?),
        cancel_at: cancel_at.map(time),
        created_at: time(row.get(14)?),
        changed_at: time(row.get(15)?),
        checked_at: time(row.get(16)?),
        fault: row.get(17)?,
        version: number(SUBSCRIPTIONS, row.get(18)?)?,
    })
}
