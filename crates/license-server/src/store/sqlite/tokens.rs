//! API tokens, and the secret of the one-time link.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::queries::query;
use super::values::{bad_row, collect, millis, time};
use crate::domain::{ApiToken, Scope, SecretDigest, TenantId};
use crate::store::ServerStoreError;

/// Replaces the secret of the one-time link, unless an API token exists.
pub(super) fn begin_setup(
    db: &Connection,
    tenant: &TenantId,
    secret: SecretDigest,
    expires_at: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("setup_put"))?;
    let values = params![tenant.as_str(), secret.as_bytes(), millis(expires_at)];
    Ok(statement.execute(values)? > 0)
}

/// Returns whether this is the secret of the one-time link, and is valid.
pub(super) fn check_setup(
    db: &Connection,
    tenant: &TenantId,
    secret: SecretDigest,
    now: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("setup_check"))?;
    Ok(statement.exists(params![tenant.as_str(), secret.as_bytes(), millis(now)])?)
}

/// Deletes the secret of the one-time link. Returns `false` if the secret is wrong or has expired.
pub(super) fn end_setup(
    db: &Connection,
    tenant: &TenantId,
    secret: SecretDigest,
    now: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("setup_delete"))?;
    let values = params![tenant.as_str(), secret.as_bytes(), millis(now)];
    Ok(statement.execute(values)? > 0)
}

/// Stores an API token.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    token: &ApiToken,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("token_insert"))?.execute(params![
        tenant.as_str(),
        token.id,
        token.name,
        token.scope.as_str(),
        token.digest.as_bytes(),
        millis(token.created_at),
        token.expires_at.map(millis),
        token.revoked_at.map(millis),
    ])?;
    Ok(())
}

/// Returns the API token with a secret.
pub(super) fn find(
    db: &Connection,
    tenant: &TenantId,
    secret: SecretDigest,
) -> Result<Option<ApiToken>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_find"))?;
    let values = params![tenant.as_str(), secret.as_bytes()];
    Ok(collect(&mut statement, values, read)?.into_iter().next())
}

/// Returns all API tokens, in the order of their creation.
pub(super) fn all(db: &Connection, tenant: &TenantId) -> Result<Vec<ApiToken>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_all"))?;
    collect(&mut statement, [tenant.as_str()], read)
}

/// The result of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenRevocation {
    /// The token is revoked now.
    Revoked,
    /// The token was revoked before.
    RevokedBefore,
    /// No token has this id.
    Unknown,
}

/// Revokes an API token.
pub(super) fn revoke(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    now: DateTime<Utc>,
) -> Result<TokenRevocation, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_revoke"))?;
    if statement.execute(params![tenant.as_str(), id, millis(now)])? > 0 {
        return Ok(TokenRevocation::Revoked);
    }
    let exists = db
        .prepare_cached(query!("token_exists"))?
        .exists([tenant.as_str(), id])?;
    Ok(if exists {
        TokenRevocation::RevokedBefore
    } else {
        TokenRevocation::Unknown
    })
}

fn read(row: &Row<'_>) -> Result<ApiToken, ServerStoreError> {
    let scope: String = row.get(2)?;
    let (expires_at, revoked_at): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
    Ok(ApiToken {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: Scope::parse(&scope).ok_or_else(|| bad_row("api_tokens", scope))?,
        digest: SecretDigest::from_bytes(row.get(3)?),
        created_at: time(row.get(4)?),
        expires_at: expires_at.map(time),
        revoked_at: revoked_at.map(time),
    })
}
