//! API tokens, and the secret of the one-time link.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::tenants;
use super::transaction::Transaction;
use super::values::{bad_row, digest, millis, read_all, time};
use crate::domain::{ApiToken, Scope, SecretDigest};
use crate::store::ServerStoreError;

/// Replaces the secret of the one-time link, unless an API token exists.
pub(super) async fn begin_setup(
    db: &Transaction,
    secret: SecretDigest,
    expires_at: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let values = (secret.as_bytes().as_slice(), millis(expires_at));
    let count = db
        .execute(query!("setup_put"), &[&db.tenant(), &values.0, &values.1])
        .await?;
    Ok(count > 0)
}

/// Returns whether this is the secret of the one-time link, and is valid.
pub(super) async fn check_setup(
    db: &Transaction,
    secret: SecretDigest,
    now: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    let digest = secret.as_bytes().as_slice();
    let row = db
        .query_opt(
            query!("setup_check"),
            &[&db.tenant(), &digest, &millis(now)],
        )
        .await?;
    Ok(row.is_some())
}

/// Deletes the secret of the one-time link. Returns `false` if the secret is wrong or has expired.
pub(super) async fn end_setup(
    db: &Transaction,
    secret: SecretDigest,
    now: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let digest = secret.as_bytes().as_slice();
    let count = db
        .execute(
            query!("setup_delete"),
            &[&db.tenant(), &digest, &millis(now)],
        )
        .await?;
    Ok(count > 0)
}

/// Stores an API token.
pub(super) async fn create(db: &Transaction, token: &ApiToken) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    db.execute(
        query!("token_insert"),
        &[
            &db.tenant(),
            &token.id,
            &token.name,
            &token.scope.as_str(),
            &token.digest.as_bytes().as_slice(),
            &millis(token.created_at),
            &token.expires_at.map(millis),
            &token.revoked_at.map(millis),
        ],
    )
    .await?;
    Ok(())
}

/// Returns the API token with a secret.
pub(super) async fn find(
    db: &Transaction,
    secret: SecretDigest,
) -> Result<Option<ApiToken>, ServerStoreError> {
    let digest = secret.as_bytes().as_slice();
    let row = db
        .query_opt(query!("token_find"), &[&db.tenant(), &digest])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Returns all API tokens, in the order of their creation.
pub(super) async fn all(db: &Transaction) -> Result<Vec<ApiToken>, ServerStoreError> {
    let rows = db.query(query!("token_all"), &[&db.tenant()]).await?;
    read_all(&rows, read)
}

/// The result of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revocation {
    /// The token is revoked now.
    Now,
    /// The token was revoked before.
    Before,
    /// No token has this id.
    Unknown,
}

/// Revokes an API token.
pub(super) async fn revoke(
    db: &Transaction,
    id: &str,
    now: DateTime<Utc>,
) -> Result<Revocation, ServerStoreError> {
    let revoked = db
        .execute(query!("token_revoke"), &[&db.tenant(), &id, &millis(now)])
        .await?;
    if revoked > 0 {
        return Ok(Revocation::Now);
    }
    let found = db
        .query_opt(query!("token_exists"), &[&db.tenant(), &id])
        .await?;
    Ok(if found.is_some() {
        Revocation::Before
    } else {
        Revocation::Unknown
    })
}

fn read(row: &Row) -> Result<ApiToken, ServerStoreError> {
    let scope: &str = row.try_get(2)?;
    let (expires_at, revoked_at): (Option<i64>, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
    Ok(ApiToken {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        scope: Scope::parse(scope).ok_or_else(|| bad_row("api_tokens", scope))?,
        digest: SecretDigest::from_bytes(digest("api_tokens", row, 3)?),
        created_at: time(row.try_get(4)?),
        expires_at: expires_at.map(time),
        revoked_at: revoked_at.map(time),
    })
}
