//! Webhooks.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, millis, read_all, time};
use super::{audit, tenants};
use crate::domain::{
    DisabledReason, EventFilter, NewAuditEntry, SealedSecret, Webhook, WebhookChange, WebhookUrl,
};
use crate::store::ServerStoreError;
use crate::store::webhooks::CANCELED;

const TABLE: &str = "webhooks";

/// Stores an endpoint, unless the tenant has too many.
pub(super) async fn create(
    db: &Transaction,
    webhook: &Webhook,
    secret: &SealedSecret,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let events = webhook.events.to_string();
    let values: [&(dyn ToSql + Sync); 9] = [
        &db.tenant(),
        &webhook.id,
        &webhook.url.expose(),
        &events,
        &webhook.description,
        &millis(webhook.created_at),
        &webhook.created_by,
        &secret.0,
        &i64::from(Webhook::MAX_COUNT),
    ];
    if db.execute(query!("webhook_insert"), &values).await? == 0 {
        return Ok(false);
    }
    audit::append(db, audit).await?;
    db.execute(query!("webhook_count"), &[&db.tenant()]).await?;
    // The event of the creation itself is not delivered.
    skip(db, &webhook.id).await?;
    Ok(true)
}

async fn skip(db: &Transaction, id: &str) -> Result<(), ServerStoreError> {
    db.execute(query!("webhook_skip"), &[&db.tenant(), &id])
        .await?;
    Ok(())
}

/// Returns all endpoints, in the order of their creation.
pub(super) async fn all(db: &Transaction) -> Result<Vec<Webhook>, ServerStoreError> {
    let rows = db.query(query!("webhook_all"), &[&db.tenant()]).await?;
    read_all(&rows, read)
}

/// Returns an endpoint.
pub(super) async fn get(db: &Transaction, id: &str) -> Result<Option<Webhook>, ServerStoreError> {
    let row = db
        .query_opt(query!("webhook_get"), &[&db.tenant(), &id])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Changes an endpoint.
pub(super) async fn change(
    db: &Transaction,
    id: &str,
    change: &WebhookChange,
    audit: &NewAuditEntry,
) -> Result<Option<Webhook>, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = get(db, id).await? else {
        return Ok(None);
    };
    let changed = change.apply(&former);
    put(db, &former, &changed, audit).await?;
    if former.disabled.is_some() && changed.disabled.is_none() {
        skip(db, id).await?;
    }
    Ok(Some(changed))
}

/// Stores the new state of an endpoint, and appends an audit entry with both states.
pub(super) async fn put(
    db: &Transaction,
    former: &Webhook,
    changed: &Webhook,
    audit: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let events = changed.events.to_string();
    let values: [&(dyn ToSql + Sync); 7] = [
        &db.tenant(),
        &changed.id,
        &changed.url.expose(),
        &events,
        &changed.description,
        &changed.disabled.map(DisabledReason::as_str),
        &changed.failing_since.map(millis),
    ];
    db.execute(query!("webhook_update"), &values).await?;
    if changed.disabled.is_some() {
        let values: [&(dyn ToSql + Sync); 4] =
            [&db.tenant(), &changed.id, &millis(audit.at), &CANCELED];
        db.execute(query!("delivery_cancel"), &values).await?;
    }
    audit::append(db, &audit.of_change(former, changed)).await
}

/// Deletes an endpoint with its deliveries.
pub(super) async fn delete(
    db: &Transaction,
    id: &str,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = get(db, id).await? else {
        return Ok(false);
    };
    db.execute(query!("webhook_delete"), &[&db.tenant(), &id])
        .await?;
    db.execute(query!("webhook_count"), &[&db.tenant()]).await?;
    audit::append(db, &audit.with_before(Some(former.audited()))).await?;
    Ok(true)
}

/// Replaces the secret of an endpoint.
pub(super) async fn rotate(
    db: &Transaction,
    id: &str,
    secret: &SealedSecret,
    until: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &id, &secret.0, &millis(until)];
    let is_found = db.execute(query!("webhook_rotate"), &values).await? > 0;
    if is_found {
        audit::append(db, audit).await?;
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

fn read(row: &Row) -> Result<Webhook, ServerStoreError> {
    let disabled: Option<&str> = row.try_get(4)?;
    let reason = |text: &str| DisabledReason::parse(text).ok_or_else(|| bad_row(TABLE, text));
    let (failing, until): (Option<i64>, Option<i64>) = (row.try_get(7)?, row.try_get(8)?);
    Ok(Webhook {
        id: row.try_get(0)?,
        url: parse_url(row.try_get(1)?)?,
        events: parse_filter(row.try_get(2)?)?,
        description: row.try_get(3)?,
        disabled: disabled.map(reason).transpose()?,
        created_at: time(row.try_get(5)?),
        created_by: row.try_get(6)?,
        failing_since: failing.map(time),
        previous_until: until.map(time),
    })
}
