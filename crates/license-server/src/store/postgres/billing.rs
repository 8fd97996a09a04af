//! Billing.

mod events;
mod subscriptions;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub(super) use events::{
    due_events, event, events, finish_event, forget_events, record_event, waiting_events,
};
pub(super) use subscriptions::{
    customer, customers, get_subscription, put_subscription, subscription_of_pool, subscriptions,
    subscriptions_of, unchecked,
};

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, millis, read_all, time};
use super::{audit, tenants};
use crate::domain::{BillingPlan, NewAuditEntry};
use crate::store::ServerStoreError;
use crate::store::billing::{features, features_text};

const PLANS: &str = "billing_plans";

/// Stores a plan, unless the tenant has too many.
pub(super) async fn put_plan(
    db: &Transaction,
    provider: &str,
    plan: &BillingPlan,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let former = plan_of(db, provider, &plan.price).await?;
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &provider,
        &plan.price,
        &plan.tier,
        &i64::from(plan.seats),
        &features_text(&plan.features),
        &i64::from(BillingPlan::MAX_COUNT),
    ];
    if db.execute(query!("billing_plan_put"), &values).await? == 0 {
        return Ok(false);
    }
    let before = former.as_ref().map(BillingPlan::audited);
    audit::append(db, &audit.with_before(before)).await?;
    Ok(true)
}

/// Deletes a plan.
pub(super) async fn delete_plan(
    db: &Transaction,
    provider: &str,
    price: &str,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = plan_of(db, provider, price).await? else {
        return Ok(false);
    };
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &price];
    db.execute(query!("billing_plan_delete"), &values).await?;
    audit::append(db, &audit.with_before(Some(former.audited()))).await?;
    Ok(true)
}

async fn plan_of(
    db: &Transaction,
    provider: &str,
    price: &str,
) -> Result<Option<BillingPlan>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &price];
    let row = db.query_opt(query!("billing_plan_get"), &values).await?;
    row.as_ref().map(read_plan).transpose()
}

/// Returns all plans.
pub(super) async fn plans(
    db: &Transaction,
    provider: &str,
) -> Result<Vec<BillingPlan>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &provider];
    let rows = db.query(query!("billing_plan_all"), &values).await?;
    read_all(&rows, read_plan)
}

/// Returns the time of the last reconciliation.
pub(super) async fn mark(
    db: &Transaction,
    provider: &str,
) -> Result<Option<DateTime<Utc>>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &provider];
    let row = db.query_opt(query!("billing_mark_get"), &values).await?;
    let found: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(found.map(time))
}

/// Stores the time of the last reconciliation.
pub(super) async fn set_mark(
    db: &Transaction,
    provider: &str,
    at: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &millis(at)];
    db.execute(query!("billing_mark_put"), &values).await?;
    Ok(())
}

fn read_plan(row: &Row) -> Result<BillingPlan, ServerStoreError> {
    let (seats, list): (i64, &str) = (row.try_get(2)?, row.try_get(3)?);
    Ok(BillingPlan {
        price: row.try_get(0)?,
        tier: row.try_get(1)?,
        seats: u32::try_from(seats).map_err(|_| bad_row(PLANS, seats))?,
        features: features(list),
    })
}
