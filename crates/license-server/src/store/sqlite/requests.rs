//! Requests with an idempotency key.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::queries::query;
use super::values::millis;
use crate::domain::{IdempotencyKey, IdempotencyState, StoredResponse, TenantId};
use crate::store::ServerStoreError;

/// Looks up a request, and marks a new request as running.
pub(super) fn begin(
    db: &Connection,
    tenant: &TenantId,
    key: &IdempotencyKey,
    body: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<IdempotencyState, ServerStoreError> {
    let found = db
        .prepare_cached(query!("request_get"))?
        .query_row(identity(tenant, key), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((stored, status, content_type, response)) = found else {
        let [tenant, caller, route, key] = identity(tenant, key);
        db.prepare_cached(query!("request_insert"))?
            .execute(params![tenant, caller, route, key, body, millis(now)])?;
        return Ok(IdempotencyState::New);
    };
    let (stored, status): ([u8; 32], Option<u16>) = (stored, status);
    Ok(match status {
        _ if stored != *body => IdempotencyState::Conflict,
        None => IdempotencyState::Running,
        Some(status) => IdempotencyState::Answered(StoredResponse {
            status,
            content_type: Option::unwrap_or_default(content_type),
            body: Option::unwrap_or_default(response),
        }),
    })
}

/// Stores the response of a running request.
pub(super) fn finish(
    db: &Connection,
    tenant: &TenantId,
    key: &IdempotencyKey,
    response: &StoredResponse,
) -> Result<(), ServerStoreError> {
    let [tenant, caller, route, key] = identity(tenant, key);
    let StoredResponse {
        status,
        content_type,
        body,
    } = response;
    db.prepare_cached(query!("request_finish"))?
        .execute(params![
            tenant,
            caller,
            route,
            key,
            status,
            content_type,
            body
        ])?;
    Ok(())
}

/// Forgets a running request.
pub(super) fn abandon(
    db: &Connection,
    tenant: &TenantId,
    key: &IdempotencyKey,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("request_abandon"))?
        .execute(identity(tenant, key))?;
    Ok(())
}

/// Deletes the records of requests that began before `before`, and all but the newest `keep`.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: DateTime<Utc>,
    keep: u32,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("request_forget"))?
        .execute(params![tenant.as_str(), millis(before)])?;
    db.prepare_cached(query!("request_forget_excess"))?
        .execute(params![tenant.as_str(), keep])?;
    Ok(())
}

/// Deletes the records of requests that a killed server was running.
pub(super) fn forget_interrupted(db: &Connection) -> Result<(), ServerStoreError> {
    db.execute(query!("request_interrupted"), [])?;
    Ok(())
}

fn identity<'a>(tenant: &'a TenantId, key: &'a IdempotencyKey) -> [&'a str; 4] {
    [tenant.as_str(), &key.caller, &key.route, &key.key]
}
