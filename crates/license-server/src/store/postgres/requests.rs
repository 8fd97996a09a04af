//! Requests with an idempotency key.

use chrono::{DateTime, Utc};

use super::queries::query;
use super::tenants;
use super::transaction::Transaction;
use super::values::{bad_row, digest, millis};
use crate::domain::{IdempotencyKey, IdempotencyState, NodeId, StoredResponse};
use crate::store::ServerStoreError;

/// Looks up a request, and marks a new request as running on this node. A request that was running
/// on a node that is gone counts as new.
pub(super) async fn begin(
    db: &Transaction,
    node: &NodeId,
    key: &IdempotencyKey,
    body: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<IdempotencyState, ServerStoreError> {
    let [tenant, caller, route, key] = identity(db, key);
    let (node, body, began_at) = (node.as_str(), body.as_slice(), millis(now));
    let inserted = db
        .execute(
            query!("request_insert"),
            &[&tenant, &caller, &route, &key, &body, &began_at, &node],
        )
        .await?;
    if inserted > 0 {
        return Ok(IdempotencyState::New);
    }
    let found = db
        .query_opt(
            query!("request_get"),
            &[&tenant, &caller, &route, &key, &node],
        )
        .await?;
    // The other request was abandoned in this moment.
    let Some(row) = found else {
        return Ok(IdempotencyState::RunningElsewhere);
    };
    let status: Option<i64> = row.try_get(1)?;
    let (is_own, is_known): (bool, bool) = (row.try_get(4)?, row.try_get(5)?);
    if status.is_none() && !is_own && !is_known {
        db.execute(
            query!("request_take_over"),
            &[&tenant, &caller, &route, &key, &body, &began_at, &node],
        )
        .await?;
        return Ok(IdempotencyState::New);
    }
    let is_same = digest("idempotent_requests", &row, 0)?.as_slice() == body;
    Ok(match status {
        _ if !is_same => IdempotencyState::Conflict,
        None if is_own => IdempotencyState::Running,
        None => IdempotencyState::RunningElsewhere,
        Some(status) => {
            let content_type: Option<String> = row.try_get(2)?;
            let response: Option<Vec<u8>> = row.try_get(3)?;
            IdempotencyState::Answered(StoredResponse {
                status: u16::try_from(status)
                    .map_err(|_| bad_row("idempotent_requests", status))?,
                content_type: content_type.unwrap_or_default(),
                body: response.unwrap_or_default(),
            })
        }
    })
}

/// Stores the response of a request that runs on this node.
pub(super) async fn finish(
    db: &Transaction,
    node: &NodeId,
    key: &IdempotencyKey,
    response: &StoredResponse,
) -> Result<(), ServerStoreError> {
    let [tenant, caller, route, key] = identity(db, key);
    let StoredResponse {
        status,
        content_type,
        body,
    } = response;
    db.execute(
        query!("request_finish"),
        &[
            &tenant,
            &caller,
            &route,
            &key,
            &i64::from(*status),
            content_type,
            body,
            &node.as_str(),
        ],
    )
    .await?;
    Ok(())
}

/// Forgets a request that runs on this node.
pub(super) async fn abandon(
    db: &Transaction,
    node: &NodeId,
    key: &IdempotencyKey,
) -> Result<(), ServerStoreError> {
    let [tenant, caller, route, key] = identity(db, key);
    db.execute(
        query!("request_abandon"),
        &[&tenant, &caller, &route, &key, &node.as_str()],
    )
    .await?;
    Ok(())
}

/// Deletes the records of requests that began before `before`, and all but the newest `keep`.
pub(super) async fn forget(
    db: &Transaction,
    before: DateTime<Utc>,
    keep: u32,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    db.execute(query!("request_forget"), &[&db.tenant(), &millis(before)])
        .await?;
    db.execute(
        query!("request_forget_excess"),
        &[&db.tenant(), &i64::from(keep)],
    )
    .await?;
    Ok(())
}

fn identity<'a>(db: &'a Transaction, key: &'a IdempotencyKey) -> [&'a str; 4] {
    [db.tenant(), &key.caller, &key.route, &key.key]
}
