//! Webhooks.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::audit;
use super::queries::query;
use super::values::{bad_row, collect, millis, time};
use crate::domain::{
    DisabledReason, EventFilter, NewAuditEntry, SealedSecret, TenantId, Webhook, WebhookChange,
    WebhookUrl,
};
use crate::store::ServerStoreError;
use crate::store::webhooks::CANCELED;

const TABLE: &str = "webhooks";

/// Stores an endpoint, unless the tenant has too many.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    webhook: &Webhook,
    secret: &SealedSecret,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let inserted = db
        .prepare_cached(query!("webhook_insert"))?
        .execute(params![
            tenant.as_str(),
            webhook.id,
            webhook.url.expose(),
            webhook.events.to_string(),
            webhook.description,
            millis(webhook.created_at),
            webhook.created_by,
            secret.0,
            Webhook::MAX_COUNT,
        ])?;
    if inserted == 0 {
        return Ok(false);
    }
    audit::append(db, tenant, audit)?;
    count(db, tenant)?;
    // The event of the creation itself is not delivered.
    skip(db, tenant, &webhook.id)?;
    Ok(true)
}

fn count(db: &Connection, tenant: &TenantId) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("webhook_count"))?
        .execute([tenant.as_str()])?;
    Ok(())
}

fn skip(db: &Connection, tenant: &TenantId, id: &str) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("webhook_skip"))?
        .execute([tenant.as_str(), id])?;
    Ok(())
}

/// Returns all endpoints, in the order of their creation.
pub(super) fn all(db: &Connection, tenant: &TenantId) -> Result<Vec<Webhook>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("webhook_all"))?;
    collect(&mut statement, [tenant.as_str()], read)
}

/// Returns an endpoint.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Webhook>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("webhook_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), id], read)?;
    Ok(found.into_iter().next())
}

/// Changes an endpoint.
pub(super) fn change(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    change: &WebhookChange,
    audit: &NewAuditEntry,
) -> Result<Option<Webhook>, ServerStoreError> {
    let Some(former) = get(db, tenant, id)? else {
        return Ok(None);
    };
    let changed = change.apply(&former);
    put(db, tenant, &former, &changed, audit)?;
    if former.disabled.is_some() && changed.disabled.is_none() {
        skip(db, tenant, id)?;
    }
    Ok(Some(changed))
}

/// Stores the new state of an endpoint, and appends an audit entry with both states.
pub(super) fn put(
    db: &Connection,
    tenant: &TenantId,
    former: &Webhook,
    changed: &Webhook,
    audit: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("webhook_update"))?
        .execute(params![
            tenant.as_str(),
            changed.id,
            changed.url.expose(),
            changed.events.to_string(),
            changed.description,
            changed.disabled.map(DisabledReason::as_str),
            changed.failing_since.map(millis),
        ])?;
    if changed.disabled.is_some() {
        db.prepare_cached(query!("delivery_cancel"))?
            .execute(params![
                tenant.as_str(),
                changed.id,
                millis(audit.at),
                CANCELED,
            ])?;
    }
    audit::append(db, tenant, &audit.of_change(former, changed))
}

/// Deletes an endpoint with its deliveries.
pub(super) fn delete(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let Some(former) = get(db, tenant, id)? else {
        return Ok(false);
    };
    db.prepare_cached(query!("webhook_delete"))?
        .execute([tenant.as_str(), id])?;
    count(db, tenant)?;
    audit::append(db, tenant, &audit.with_before(Some(former.audited())))?;
    Ok(true)
}

/// Replaces the secret of an endpoint.
pub(super) fn rotate(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    secret: &SealedSecret,
    until: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let values = params![tenant.as_str(), id, secret.0, millis(until)];
    let mut statement = db.prepare_cached(query!("webhook_rotate"))?;
    let is_found = statement.execute(values)? > 0;
    if is_found {
        audit::append(db, tenant, audit)?;
    }
    Ok(is_found)
}

/// Reads a URL.
pub(super) fn parse_url(text: &str) -> Result<WebhookUrl, ServerStoreError> {
    // The URL can have a secret, so the error does not show it.
    WebhookUrl::parse(text).ok_or_else(|| bad_row(TABLE, "a URL that is not accepted"))
}

/// Reads a filter.
pub(super) fn parse_filter(text: &str) -> Result<EventFilter, ServerStoreError> {
    EventFilter::parse(text).ok_or_else(|| bad_row(TABLE, text))
}

fn read(row: &Row<'_>) -> Result<Webhook, ServerStoreError> {
    let (url, events): (String, String) = (row.get(1)?, row.get(2)?);
    let disabled: Option<String> = row.get(4)?;
    let reason = |text: String| DisabledReason::parse(&text).ok_or_else(|| bad_row(TABLE, text));
    let (failing, until): (Option<i64>, Option<i64>) = (row.get(7)?, row.get(8)?);
    Ok(Webhook {
        id: row.get(0)?,
        url: parse_url(&url)?,
        events: parse_filter(&events)?,
        description: row.get(3)?,
        disabled: disabled.map(reason).transpose()?,
        created_at: time(row.get(5)?),
        created_by: row.get(6)?,
        failing_since: failing.map(time),
        previous_until: until.map(time),
    })
}
