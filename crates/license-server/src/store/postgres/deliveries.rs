//! Deliveries to webhooks.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, column, count, excess, millis, number, read_all, read_page, time};
use super::{audit, events, tenants, webhooks};
use crate::domain::{
    AttemptOutcome, AttemptResult, DisabledReason, DueDelivery, NewAuditEntry, NewDelivery, Page,
    PageRequest, ReplayResult, SealedSecret, TenantId, Webhook, WebhookBacklog, WebhookDelivery,
    WebhookDeliveryState,
};
use crate::store::webhooks::{Behind, EVENTS_AT_ONCE, REPLAYS_AT_ONCE};
use crate::store::{DeliveryClaim, ServerStoreError};

const TABLE: &str = "webhook_deliveries";

/// Queues a test.
pub(super) async fn ping(
    db: &Transaction,
    ping: &NewDelivery,
    audit: &NewAuditEntry,
) -> Result<ReplayResult, ServerStoreError> {
    tenants::lock(db).await?;
    if let Some(refused) = refused(webhooks::get(db, &ping.webhook).await?.as_ref()) {
        return Ok(refused);
    }
    insert(db, ping).await?;
    audit::append(db, audit).await?;
    Ok(ReplayResult::Queued(1))
}

/// Returns why nothing is queued for an endpoint.
fn refused(webhook: Option<&Webhook>) -> Option<ReplayResult> {
    match webhook {
        None => Some(ReplayResult::NotFound),
        Some(webhook) if webhook.disabled.is_some() => Some(ReplayResult::Disabled),
        Some(_) => None,
    }
}

async fn insert(db: &Transaction, delivery: &NewDelivery) -> Result<usize, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &delivery.webhook,
        &delivery.id,
        &delivery.event.map(column),
        &delivery.kind,
        &delivery.body,
        &millis(delivery.at),
    ];
    Ok(count(db.execute(query!("delivery_insert"), &values).await?))
}

/// Returns deliveries to an endpoint, the newest first.
pub(super) async fn deliveries(
    db: &Transaction,
    webhook: &str,
    state: Option<WebhookDeliveryState>,
    page: &PageRequest,
) -> Result<Page<WebhookDelivery>, ServerStoreError> {
    let state = state.map_or("", WebhookDeliveryState::as_str);
    let values: [&(dyn ToSql + Sync); 5] = [
        &db.tenant(),
        &webhook,
        &page.after_key(),
        &state,
        &excess(page),
    ];
    let rows = db.query(query!("delivery_page"), &values).await?;
    read_page(&rows, read_delivery, page, |delivery| delivery.id.clone())
}

/// Queues a delivery again.
pub(super) async fn replay(
    db: &Transaction,
    webhook: &str,
    id: &str,
    at: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<ReplayResult, ServerStoreError> {
    tenants::lock(db).await?;
    if let Some(refused) = refused(webhooks::get(db, webhook).await?.as_ref()) {
        return Ok(refused);
    }
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &webhook, &id];
    let found = db.query_opt(query!("delivery_state"), &values).await?;
    if found.is_none() {
        return Ok(ReplayResult::NotFound);
    }
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &webhook, &id, &millis(at)];
    if db.execute(query!("delivery_replay"), &values).await? == 0 {
        return Ok(ReplayResult::Waiting);
    }
    audit::append(db, audit).await?;
    Ok(ReplayResult::Queued(1))
}

/// Queues failed deliveries again.
pub(super) async fn replay_failed(
    db: &Transaction,
    webhook: &str,
    since: DateTime<Utc>,
    at: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<ReplayResult, ServerStoreError> {
    tenants::lock(db).await?;
    if let Some(refused) = refused(webhooks::get(db, webhook).await?.as_ref()) {
        return Ok(refused);
    }
    let values: [&(dyn ToSql + Sync); 5] = [
        &db.tenant(),
        &webhook,
        &millis(since),
        &millis(at),
        &REPLAYS_AT_ONCE,
    ];
    let queued = db
        .execute(query!("delivery_replay_failed"), &values)
        .await?;
    if queued > 0 {
        audit::append(db, audit).await?;
    }
    Ok(ReplayResult::Queued(queued))
}

/// Returns the tenants that have endpoints, in a transaction for all tenants.
pub(super) async fn tenants_with_endpoints(
    db: &Transaction,
) -> Result<Vec<TenantId>, ServerStoreError> {
    let rows = db.query(query!("webhook_tenants"), &[]).await?;
    read_all(&rows, |row| Ok(TenantId::from_column(row.try_get(0)?)))
}

/// Queues deliveries of new events. The rows of the endpoints are locked, so that one server queues
/// the deliveries to each.
pub(super) async fn queue(
    db: &Transaction,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let rows = db.query(query!("webhook_behind"), &[&db.tenant()]).await?;
    let mut queued = 0;
    for behind in read_all(&rows, read_behind)? {
        let events = events::after(db, behind.after, EVENTS_AT_ONCE).await?;
        let (deliveries, after) = behind.deliveries(tenant, &events, now);
        for delivery in &deliveries {
            queued += insert(db, delivery).await?;
        }
        let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &behind.id, &after];
        db.execute(query!("webhook_advance"), &values).await?;
    }
    Ok(queued)
}

/// Takes deliveries that are due.
pub(super) async fn claim(
    db: &Transaction,
    claim: &DeliveryClaim,
) -> Result<Vec<DueDelivery<SealedSecret>>, ServerStoreError> {
    let bound = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let values: [&(dyn ToSql + Sync); 6] = [
        &db.tenant(),
        &millis(claim.now),
        &bound(claim.each),
        &bound(claim.limit),
        &millis(claim.until),
        &claim.busy,
    ];
    let rows = db.query(query!("delivery_claim"), &values).await?;
    let claimed = rows.iter().map(|row| {
        let mut secrets = vec![SealedSecret(row.try_get(7)?)];
        let until: Option<i64> = row.try_get(9)?;
        if until.is_some_and(|until| time(until) > claim.now) {
            let previous: Option<Vec<u8>> = row.try_get(8)?;
            secrets.extend(previous.map(SealedSecret));
        }
        Ok(DueDelivery {
            webhook: row.try_get(0)?,
            id: row.try_get(1)?,
            is_ping: row.try_get(2)?,
            body: row.try_get(3)?,
            attempt: number(TABLE, row.try_get(4)?)?,
            queued_at: time(row.try_get(5)?),
            url: webhooks::parse_url(row.try_get(6)?)?,
            secrets,
        })
    });
    claimed.collect()
}

/// Stores the result of an attempt.
pub(super) async fn finish(
    db: &Transaction,
    result: &AttemptResult,
    audit: &NewAuditEntry,
) -> Result<Option<DisabledReason>, ServerStoreError> {
    let (state, next_at) = match result.outcome {
        AttemptOutcome::Delivered => (WebhookDeliveryState::Delivered, None),
        AttemptOutcome::Retry(at) => (WebhookDeliveryState::Waiting, Some(at)),
        AttemptOutcome::Failed => (WebhookDeliveryState::Failed, None),
    };
    // Every change takes the locks in this order. A failure can disable the endpoint, which appends
    // an audit entry.
    if result.outcome != AttemptOutcome::Delivered {
        tenants::lock(db).await?;
    }
    db.query(query!("webhook_lock"), &[&db.tenant(), &result.webhook])
        .await?;
    let values: [&(dyn ToSql + Sync); 10] = [
        &db.tenant(),
        &result.webhook,
        &result.id,
        &column(result.attempt),
        &state.as_str(),
        &next_at.map(millis),
        &millis(result.at),
        &result.status.map(i64::from),
        &result.error,
        &result.response,
    ];
    if db.execute(query!("delivery_finish"), &values).await? == 0 {
        return Ok(None);
    }
    if result.outcome == AttemptOutcome::Delivered {
        let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &result.webhook];
        db.execute(query!("webhook_succeeded"), &values).await?;
        return Ok(None);
    }
    let values: [&(dyn ToSql + Sync); 4] = [
        &db.tenant(),
        &result.webhook,
        &millis(result.at),
        &millis(Webhook::forgotten_failure(result.at)),
    ];
    let row = db.query_one(query!("webhook_failed"), &values).await?;
    let (since, is_enabled): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let reason = Webhook::must_disable(result, Some(time(since)));
    let (Some(reason), true) = (reason, is_enabled) else {
        return Ok(None);
    };
    let Some(former) = webhooks::get(db, &result.webhook).await? else {
        return Ok(None);
    };
    let changed = Webhook {
        disabled: Some(reason),
        ..former.clone()
    };
    webhooks::put(db, &former, &changed, audit).await?;
    Ok(Some(reason))
}

/// Deletes deliveries that ended before a time.
pub(super) async fn forget(
    db: &Transaction,
    before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &millis(before)];
    Ok(count(db.execute(query!("delivery_forget"), &values).await?))
}

/// Returns what is to be delivered.
pub(super) async fn backlog(db: &Transaction) -> Result<WebhookBacklog, ServerStoreError> {
    let row = db
        .query_one(query!("delivery_backlog"), &[&db.tenant()])
        .await?;
    let next_at: Option<i64> = row.try_get(1)?;
    Ok(WebhookBacklog {
        waiting: number(TABLE, row.try_get(0)?)?,
        next_at: next_at.map(time),
        failing: number("webhooks", row.try_get(2)?)?,
    })
}

fn read_behind(row: &Row) -> Result<Behind, ServerStoreError> {
    Ok(Behind {
        id: row.try_get(0)?,
        events: webhooks::parse_filter(row.try_get(1)?)?,
        after: row.try_get(2)?,
        waiting: number(TABLE, row.try_get(3)?)?,
    })
}

fn read_delivery(row: &Row) -> Result<WebhookDelivery, ServerStoreError> {
    let (event, state): (Option<i64>, &str) = (row.try_get(1)?, row.try_get(3)?);
    let (next_at, last_at): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    let status: Option<i64> = row.try_get(8)?;
    let status = status.map(|found| u16::try_from(found).map_err(|_| bad_row(TABLE, found)));
    Ok(WebhookDelivery {
        id: row.try_get(0)?,
        event: event.map(|event| number(TABLE, event)).transpose()?,
        kind: row.try_get(2)?,
        state: WebhookDeliveryState::parse(state).ok_or_else(|| bad_row(TABLE, state))?,
        attempts: number(TABLE, row.try_get(4)?)?,
        queued_at: time(row.try_get(5)?),
        next_at: next_at.map(time),
        last_at: last_at.map(time),
        last_status: status.transpose()?,
        last_error: row.try_get(9)?,
        last_response: row.try_get(10)?,
    })
}
