//! API tokens, and the secret of the one-time link.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, Row, params};

use super::accounts;
use super::queries::query;
use super::values::{bad_row, collect, day, millis, time};
use crate::domain::{Actor, ApiToken, Scopes, SecretDigest, TenantId, may_give};
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

/// Deletes the secret of the one-time link, whatever it is.
pub(super) fn delete_setup(db: &Connection, tenant: &TenantId) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("setup_forget"))?;
    statement.execute([tenant.as_str()])?;
    Ok(())
}

/// Stores an API token. Returns `false` if a revoked token creates it, or a person who has lost a
/// permission of it.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    token: &ApiToken,
) -> Result<bool, ServerStoreError> {
    if let Some(account) = Actor::account_in(&token.created_by) {
        let role = accounts::role_in(db, tenant, &account)?;
        if !may_give(role, token.scopes.permissions()) {
            return Ok(false);
        }
    }
    let mut statement = db.prepare_cached(query!("token_insert"))?;
    let inserted = statement.execute(params![
        tenant.as_str(),
        token.id,
        token.name,
        token.scopes.to_string(),
        token.digest.as_bytes(),
        millis(token.created_at),
        token.created_by,
        token.expires_at.map(millis),
    ])?;
    Ok(inserted > 0)
}

/// Returns the API token with a secret, and its tenant.
pub(super) fn find(
    db: &Connection,
    secret: SecretDigest,
) -> Result<Option<(TenantId, ApiToken)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_find"))?;
    let found = collect(&mut statement, [secret.as_bytes()], |row| {
        let tenant: String = row.get(9)?;
        Ok((TenantId::from_column(&tenant), read(row)?))
    });
    Ok(found?.into_iter().next())
}

/// Records that an API token was used on a day.
pub(super) fn record_use(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    on: NaiveDate,
) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_used"))?;
    statement.execute([tenant.as_str(), id, &on.to_string()])?;
    Ok(())
}

/// Returns all API tokens, in the order of their creation.
pub(super) fn all(db: &Connection, tenant: &TenantId) -> Result<Vec<ApiToken>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_all"))?;
    collect(&mut statement, [tenant.as_str()], read)
}

/// Revokes the API tokens of an actor: the token that the actor is, and the tokens that the actor
/// created, directly or with another token. The open invitations by all of them end. Returns the
/// ids of the tokens.
pub(super) fn revoke(
    db: &Connection,
    tenant: &TenantId,
    of: &Actor,
    now: DateTime<Utc>,
) -> Result<Vec<String>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_revoke"))?;
    let values = params![tenant.as_str(), of.to_string(), millis(now)];
    let mut ids: Vec<String> = collect(&mut statement, values, |row| Ok(row.get(0)?))?;
    ids.sort_unstable();
    let mut statement = db.prepare_cached(query!("invitation_revoke"))?;
    let tokens = ids.iter().cloned().map(Actor::ApiToken);
    for actor in std::iter::once(of.clone()).chain(tokens) {
        statement.execute([tenant.as_str(), &actor.to_string()])?;
    }
    Ok(ids)
}

/// Returns whether an actor is an API token that was revoked.
pub(super) fn is_revoked(
    db: &Connection,
    tenant: &TenantId,
    actor: &str,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("token_is_revoked"))?;
    Ok(statement.query_row([tenant.as_str(), actor], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> Result<ApiToken, ServerStoreError> {
    let (scopes, last_used): (String, Option<String>) = (row.get(2)?, row.get(8)?);
    let (expires_at, revoked_at): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    Ok(ApiToken {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes: Scopes::parse(&scopes).ok_or_else(|| bad_row("api_tokens", scopes))?,
        digest: SecretDigest::from_bytes(row.get(3)?),
        created_at: time(row.get(4)?),
        created_by: row.get(5)?,
        expires_at: expires_at.map(time),
        revoked_at: revoked_at.map(time),
        last_used_on: last_used.map(|text| day("api_tokens", &text)).transpose()?,
    })
}
