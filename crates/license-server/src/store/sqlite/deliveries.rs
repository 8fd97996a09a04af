//! Deliveries to webhooks.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queries::query;
use super::values::{bad_row, collect, collect_page, column, excess, millis, number, time};
use super::{audit, events, webhooks};
use crate::domain::{
    AttemptOutcome, AttemptResult, DisabledReason, DueDelivery, NewAuditEntry, NewDelivery, Page,
    PageRequest, ReplayResult, SealedSecret, TenantId, Webhook, WebhookBacklog, WebhookDelivery,
    WebhookDeliveryState, WebhookUrl,
};
use crate::store::webhooks::{Behind, EVENTS_AT_ONCE, REPLAYS_AT_ONCE};
use crate::store::{DeliveryClaim, ServerStoreError};

const TABLE: &str = "webhook_deliveries";

/// Queues a test.
pub(super) fn ping(
    db: &Connection,
    tenant: &TenantId,
    ping: &NewDelivery,
    audit: &NewAuditEntry,
) -> Result<ReplayResult, ServerStoreError> {
    if let Some(refused) = refused(webhooks::get(db, tenant, &ping.webhook)?.as_ref()) {
        return Ok(refused);
    }
    insert(db, tenant, ping)?;
    audit::append(db, tenant, audit)?;
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

fn insert(
    db: &Connection,
    tenant: &TenantId,
    delivery: &NewDelivery,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("delivery_insert"))?;
    Ok(statement.execute(params![
        tenant.as_str(),
        delivery.webhook,
        delivery.id,
        delivery.event.map(column),
        delivery.kind,
        delivery.body,
        millis(delivery.at),
    ])?)
}

/// Returns deliveries to an endpoint, the newest first.
pub(super) fn deliveries(
    db: &Connection,
    tenant: &TenantId,
    webhook: &str,
    state: Option<WebhookDeliveryState>,
    page: &PageRequest,
) -> Result<Page<WebhookDelivery>, ServerStoreError> {
    let state = state.map_or("", WebhookDeliveryState::as_str);
    let values = params![
        tenant.as_str(),
        webhook,
        page.after_key(),
        state,
        excess(page)
    ];
    let mut statement = db.prepare_cached(query!("delivery_page"))?;
    collect_page(&mut statement, values, read_delivery, page, |delivery| {
        delivery.id.clone()
    })
}

/// Queues a delivery again.
pub(super) fn replay(
    db: &Connection,
    tenant: &TenantId,
    webhook: &str,
    id: &str,
    at: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<ReplayResult, ServerStoreError> {
    if let Some(refused) = refused(webhooks::get(db, tenant, webhook)?.as_ref()) {
        return Ok(refused);
    }
    let mut statement = db.prepare_cached(query!("delivery_state"))?;
    let state: Option<String> = statement
        .query_row([tenant.as_str(), webhook, id], |row| row.get(0))
        .optional()?;
    if state.is_none() {
        return Ok(ReplayResult::NotFound);
    }
    let values = params![tenant.as_str(), webhook, id, millis(at)];
    let mut statement = db.prepare_cached(query!("delivery_replay"))?;
    if statement.execute(values)? == 0 {
        return Ok(ReplayResult::Waiting);
    }
    audit::append(db, tenant, audit)?;
    Ok(ReplayResult::Queued(1))
}

/// Queues failed deliveries again.
pub(super) fn replay_failed(
    db: &Connection,
    tenant: &TenantId,
    webhook: &str,
    since: DateTime<Utc>,
    at: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<ReplayResult, ServerStoreError> {
    if let Some(refused) = refused(webhooks::get(db, tenant, webhook)?.as_ref()) {
        return Ok(refused);
    }
    let values = params![
        tenant.as_str(),
        webhook,
        millis(since),
        millis(at),
        REPLAYS_AT_ONCE
    ];
    let mut statement = db.prepare_cached(query!("delivery_replay_failed"))?;
    let queued = statement.execute(values)?;
    if queued > 0 {
        audit::append(db, tenant, audit)?;
    }
    Ok(ReplayResult::Queued(
        u64::try_from(queued).unwrap_or(u64::MAX),
    ))
}

/// Returns the tenants that have endpoints.
pub(super) fn tenants(db: &Connection) -> Result<Vec<TenantId>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("webhook_tenants"))?;
    collect(&mut statement, [], |row| {
        let id: String = row.get(0)?;
        Ok(TenantId::from_column(&id))
    })
}

/// Returns whether events wait for deliveries.
pub(super) fn is_behind(db: &Connection, tenant: &TenantId) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("webhook_behind"))?;
    Ok(statement.exists([tenant.as_str()])?)
}

/// Queues deliveries of new events.
pub(super) fn queue(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("webhook_behind"))?;
    let behind = collect(&mut statement, [tenant.as_str()], read_behind)?;
    let mut queued = 0;
    for behind in behind {
        let events = events::after(db, tenant, behind.after, EVENTS_AT_ONCE)?;
        let (deliveries, after) = behind.deliveries(tenant, &events, now);
        for delivery in &deliveries {
            queued += insert(db, tenant, delivery)?;
        }
        db.prepare_cached(query!("webhook_advance"))?
            .execute(params![tenant.as_str(), behind.id, after])?;
    }
    Ok(queued)
}

/// Takes deliveries that are due.
pub(super) fn claim(
    db: &Connection,
    tenant: &TenantId,
    claim: &DeliveryClaim,
) -> Result<Vec<DueDelivery<SealedSecret>>, ServerStoreError> {
    let each = i64::try_from(claim.each).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(query!("delivery_due"))?;
    let values = params![tenant.as_str(), millis(claim.now), each];
    let due = collect(&mut statement, values, |row| {
        Ok::<(String, String), _>((row.get(0)?, row.get(1)?))
    })?;
    let due = due
        .into_iter()
        .filter(|(webhook, _)| !claim.busy.contains(webhook));
    let claimed = due.take(claim.limit).map(|(webhook, id)| {
        let (url, secrets) = secrets(db, tenant, &webhook, claim.now)?;
        let values = params![tenant.as_str(), webhook, id, millis(claim.until)];
        let mut statement = db.prepare_cached(query!("delivery_claim"))?;
        let (is_ping, body, attempt, queued_at) = statement.query_row(values, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(DueDelivery {
            id,
            webhook,
            is_ping,
            url,
            secrets,
            body,
            attempt: number(TABLE, attempt)?,
            queued_at: time(queued_at),
        })
    });
    claimed.collect()
}

/// Returns the URL of an endpoint, and the secrets that sign its deliveries.
fn secrets(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    now: DateTime<Utc>,
) -> Result<(WebhookUrl, Vec<SealedSecret>), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("webhook_secrets"))?;
    let (url, secret, previous, until) = statement.query_row(
        [tenant.as_str(), id],
        |row| -> rusqlite::Result<SecretRow> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        },
    )?;
    let mut secrets = vec![SealedSecret(secret)];
    if until.is_some_and(|until| time(until) > now) {
        secrets.extend(previous.map(SealedSecret));
    }
    Ok((webhooks::parse_url(&url)?, secrets))
}

type SecretRow = (String, Vec<u8>, Option<Vec<u8>>, Option<i64>);

/// Stores the result of an attempt.
pub(super) fn finish(
    db: &Connection,
    tenant: &TenantId,
    result: &AttemptResult,
    audit: &NewAuditEntry,
) -> Result<Option<DisabledReason>, ServerStoreError> {
    let (state, next_at) = match result.outcome {
        AttemptOutcome::Delivered => (WebhookDeliveryState::Delivered, None),
        AttemptOutcome::Retry(at) => (WebhookDeliveryState::Waiting, Some(at)),
        AttemptOutcome::Failed => (WebhookDeliveryState::Failed, None),
    };
    let updated = db
        .prepare_cached(query!("delivery_finish"))?
        .execute(params![
            tenant.as_str(),
            result.webhook,
            result.id,
            column(result.attempt),
            state.as_str(),
            next_at.map(millis),
            millis(result.at),
            result.status,
            result.error,
            result.response,
        ])?;
    if updated == 0 {
        return Ok(None);
    }
    if result.outcome == AttemptOutcome::Delivered {
        db.prepare_cached(query!("webhook_succeeded"))?
            .execute([tenant.as_str(), &result.webhook])?;
        return Ok(None);
    }
    let forgotten = millis(Webhook::forgotten_failure(result.at));
    let values = params![
        tenant.as_str(),
        result.webhook,
        millis(result.at),
        forgotten
    ];
    let mut statement = db.prepare_cached(query!("webhook_failed"))?;
    let (since, is_enabled): (i64, bool) =
        statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let reason = Webhook::must_disable(result, Some(time(since)));
    let (Some(reason), true) = (reason, is_enabled) else {
        return Ok(None);
    };
    let Some(former) = webhooks::get(db, tenant, &result.webhook)? else {
        return Ok(None);
    };
    let changed = Webhook {
        disabled: Some(reason),
        ..former.clone()
    };
    webhooks::put(db, tenant, &former, &changed, audit)?;
    Ok(Some(reason))
}

/// Deletes deliveries that ended before a time.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("delivery_forget"))?;
    Ok(statement.execute(params![tenant.as_str(), millis(before)])?)
}

/// Returns what is to be delivered.
pub(super) fn backlog(
    db: &Connection,
    tenant: &TenantId,
) -> Result<WebhookBacklog, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("delivery_backlog"))?;
    let (waiting, next_at, failing): (i64, Option<i64>, i64) = statement
        .query_row([tenant.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(WebhookBacklog {
        waiting: number(TABLE, waiting)?,
        next_at: next_at.map(time),
        failing: number("webhooks", failing)?,
    })
}

fn read_behind(row: &Row<'_>) -> Result<Behind, ServerStoreError> {
    let events: String = row.get(1)?;
    Ok(Behind {
        id: row.get(0)?,
        events: webhooks::parse_filter(&events)?,
        after: row.get(2)?,
        waiting: number(TABLE, row.get(3)?)?,
    })
}

fn read_delivery(row: &Row<'_>) -> Result<WebhookDelivery, ServerStoreError> {
    let (event, state): (Option<i64>, String) = (row.get(1)?, row.get(3)?);
    let (next_at, last_at): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    Ok(WebhookDelivery {
        id: row.get(0)?,
        event: event.map(|event| number(TABLE, event)).transpose()?,
        kind: row.get(2)?,
        state: WebhookDeliveryState::parse(&state).ok_or_else(|| bad_row(TABLE, state))?,
        attempts: number(TABLE, row.get(4)?)?,
        queued_at: time(row.get(5)?),
        next_at: next_at.map(time),
        last_at: last_at.map(time),
        last_status: row.get(8)?,
        last_error: row.get(9)?,
        last_response: row.get(10)?,
    })
}
