//! Billing.

mod events;
mod subscriptions;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) use events::{
    due_events, event, events, finish_event, forget_events, record_event, waiting_events,
};
pub(super) use subscriptions::{
    customer, customers, get_subscription, put_subscription, subscription_of_pool, subscriptions,
    subscriptions_of, unchecked,
};

use super::audit;
use super::queries::query;
use super::values::{bad_row, collect, millis, time};
use crate::domain::{BillingPlan, NewAuditEntry, TenantId};
use crate::store::ServerStoreError;
use crate::store::billing::{features, features_text};

const PLANS: &str = "billing_plans";

/// Stores a plan, unless the tenant has too many.
pub(super) fn put_plan(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    plan: &BillingPlan,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let former = plan_of(db, tenant, provider, &plan.price)?;
    let stored = db
        .prepare_cached(query!("billing_plan_put"))?
        .execute(params![
            tenant.as_str(),
            provider,
            plan.price,
            plan.tier,
            plan.seats,
            features_text(&plan.features),
            BillingPlan::MAX_COUNT,
        ])?;
    if stored == 0 {
        return Ok(false);
    }
    let before = former.as_ref().map(BillingPlan::audited);
    audit::append(db, tenant, &audit.with_before(before))?;
    Ok(true)
}

/// Deletes a plan.
pub(super) fn delete_plan(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    price: &str,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let Some(former) = plan_of(db, tenant, provider, price)? else {
        return Ok(false);
    };
    db.prepare_cached(query!("billing_plan_delete"))?.execute([
        tenant.as_str(),
        provider,
        price,
    ])?;
    audit::append(db, tenant, &audit.with_before(Some(former.audited())))?;
    Ok(true)
}

fn plan_of(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    price: &str,
) -> Result<Option<BillingPlan>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_plan_get"))?;
    let found = collect(
        &mut statement,
        [tenant.as_str(), provider, price],
        read_plan,
    )?;
    Ok(found.into_iter().next())
}

/// Returns all plans.
pub(super) fn plans(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
) -> Result<Vec<BillingPlan>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_plan_all"))?;
    collect(&mut statement, [tenant.as_str(), provider], read_plan)
}

/// Returns the time of the last reconciliation.
pub(super) fn mark(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
) -> Result<Option<DateTime<Utc>>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_mark_get"))?;
    let found: Option<i64> = statement
        .query_row([tenant.as_str(), provider], |row| row.get(0))
        .optional()?;
    Ok(found.map(time))
}

/// Stores the time of the last reconciliation.
pub(super) fn set_mark(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    at: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("billing_mark_put"))?
        .execute(params![tenant.as_str(), provider, millis(at)])?;
    Ok(())
}

fn read_plan(row: &Row<'_>) -> Result<BillingPlan, ServerStoreError> {
    let (seats, list): (i64, String) = (row.get(2)?, row.get(3)?);
    Ok(BillingPlan {
        price: row.get(0)?,
        tier: row.get(1)?,
        seats: u32::try_from(seats).map_err(|_| bad_row(PLANS, seats))?,
        features: features(&list),
    })
}
