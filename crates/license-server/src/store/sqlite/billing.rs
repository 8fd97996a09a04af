//! Billing.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::audit;
use super::queries::query;
use super::values::{
    bad_row, collect, collect_page, column, excess, license_id, millis, number, time,
};
use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingReason, BillingState,
    BillingSubscription, EventOutcome, NewAuditEntry, NewBillingEvent, Page, PageRequest,
    SubscriptionStatus, TenantId,
};
use crate::store::ServerStoreError;
use crate::store::billing::{features, features_text};

const PLANS: &str = "billing_plans";
const EVENTS: &str = "billing_events";
const SUBSCRIPTIONS: &str = "billing_subscriptions";

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

/// Stores an event, unless it is stored.
pub(super) fn record_event(
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
pub(super) fn due_events(
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
pub(super) fn finish_event(
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
pub(super) fn event(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    id: &str,
) -> Result<Option<BillingEvent>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_event_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), provider, id], read_event)?;
    Ok(found.into_iter().next())
}

/// Returns events, by id from the last one.
pub(super) fn events(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    state: Option<BillingEventState>,
    page: &PageRequest,
) -> Result<Page<BillingEvent>, ServerStoreError> {
    let state = state.map_or("", BillingEventState::as_str);
    let values = params![
        tenant.as_str(),
        provider,
        page.after_key(),
        state,
        excess(page)
    ];
    let mut statement = db.prepare_cached(query!("billing_event_page"))?;
    collect_page(&mut statement, values, read_event, page, |found| {
        found.event.id.clone()
    })
}

/// Returns the number of waiting events and the receipt of the oldest one.
pub(super) fn waiting_events(
    db: &Connection,
    tenant: &TenantId,
) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("billing_event_counts"))?;
    let (count, oldest): (i64, Option<i64>) =
        statement.query_row([tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((number(EVENTS, count)?, oldest.map(time)))
}

/// Deletes processed events that were received before a time.
pub(super) fn forget_events(
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

/// Stores a subscription with its customer, unless another change came first.
pub(super) fn put_subscription(
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
pub(super) fn get_subscription(
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

/// Returns subscriptions, by id.
pub(super) fn subscriptions(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    state: Option<BillingState>,
    customer: Option<&str>,
    page: &PageRequest,
) -> Result<Page<BillingSubscription>, ServerStoreError> {
    let values = params![
        tenant.as_str(),
        provider,
        page.after_key(),
        state.map_or("", BillingState::as_str),
        customer.unwrap_or_default(),
        excess(page)
    ];
    let mut statement = db.prepare_cached(query!("billing_subscription_page"))?;
    collect_page(&mut statement, values, read_subscription, page, |found| {
        found.id.clone()
    })
}

/// Returns subscriptions that were not compared since a time.
pub(super) fn unchecked(
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
pub(super) fn customer(
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
pub(super) fn customers(
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
