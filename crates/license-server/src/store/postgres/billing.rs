//! Billing.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{
    bad_row, column, count, excess, license_id, millis, number, read_all, read_page, time,
};
use super::{audit, tenants};
use crate::domain::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingReason, BillingState,
    BillingSubscription, EventOutcome, NewAuditEntry, NewBillingEvent, Page, PageRequest,
    SubscriptionStatus,
};
use crate::store::ServerStoreError;
use crate::store::billing::{features, features_text};

const PLANS: &str = "billing_plans";
const EVENTS: &str = "billing_events";
const SUBSCRIPTIONS: &str = "billing_subscriptions";

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

/// Stores an event, unless it is stored.
pub(super) async fn record_event(
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
pub(super) async fn due_events(
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
pub(super) async fn finish_event(
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
pub(super) async fn event(
    db: &Transaction,
    provider: &str,
    id: &str,
) -> Result<Option<BillingEvent>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &id];
    let row = db.query_opt(query!("billing_event_get"), &values).await?;
    row.as_ref().map(read_event).transpose()
}

/// Returns events, by id from the last one.
pub(super) async fn events(
    db: &Transaction,
    provider: &str,
    state: Option<BillingEventState>,
    page: &PageRequest,
) -> Result<Page<BillingEvent>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 5] = [
        &db.tenant(),
        &provider,
        &page.after_key(),
        &state.map_or("", BillingEventState::as_str),
        &excess(page),
    ];
    let rows = db.query(query!("billing_event_page"), &values).await?;
    read_page(&rows, read_event, page, |found| found.event.id.clone())
}

/// Returns the number of waiting events and the receipt of the oldest one.
pub(super) async fn waiting_events(
    db: &Transaction,
) -> Result<(u64, Option<DateTime<Utc>>), ServerStoreError> {
    let row = db
        .query_one(query!("billing_event_counts"), &[&db.tenant()])
        .await?;
    let oldest: Option<i64> = row.try_get(1)?;
    Ok((number(EVENTS, row.try_get(0)?)?, oldest.map(time)))
}

/// Deletes processed events that were received before a time.
pub(super) async fn forget_events(
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

/// Stores a subscription with its customer, unless another change came first.
pub(super) async fn put_subscription(
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
pub(super) async fn get_subscription(
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

/// Returns subscriptions, by id.
pub(super) async fn subscriptions(
    db: &Transaction,
    provider: &str,
    state: Option<BillingState>,
    customer: Option<&str>,
    page: &PageRequest,
) -> Result<Page<BillingSubscription>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 6] = [
        &db.tenant(),
        &provider,
        &page.after_key(),
        &state.map_or("", BillingState::as_str),
        &customer.unwrap_or_default(),
        &excess(page),
    ];
    let rows = db
        .query(query!("billing_subscription_page"), &values)
        .await?;
    read_page(&rows, read_subscription, page, |found| found.id.clone())
}

/// Returns subscriptions that were not compared since a time.
pub(super) async fn unchecked(
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
pub(super) async fn customer(
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
pub(super) async fn customers(
    db: &Transaction,
    provider: &str,
    page: &PageRequest,
) -> Result<Page<BillingCustomer>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 4] =
        [&db.tenant(), &provider, &page.after_key(), &excess(page)];
    let rows = db.query(query!("billing_customer_page"), &values).await?;
    read_page(&rows, read_customer, page, |found| found.id.clone())
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

fn flag(row: &Row, index: usize) -> Result<bool, ServerStoreError> {
    let number: i64 = row.try_get(index)?;
    Ok(number != 0)
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
