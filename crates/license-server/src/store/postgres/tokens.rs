//! API tokens, and the secret of the one-time link.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

use super::accounts;
use super::queries::query;
use super::tenants;
use super::transaction::Transaction;
use super::values::{bad_row, day, digest, millis, read_all, time};
use crate::domain::{Actor, ApiToken, Scopes, SecretDigest, TenantId, may_give};
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

/// Stores an API token. Returns `false` if a revoked token creates it, or a person who has lost a
/// permission of it.
pub(super) async fn create(db: &Transaction, token: &ApiToken) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    if let Some(account) = Actor::account_in(&token.created_by) {
        let role = accounts::role_of(db, &account).await?;
        if !may_give(role, token.scopes.permissions()) {
            return Ok(false);
        }
    }
    let count = db
        .execute(
            query!("token_insert"),
            &[
                &db.tenant(),
                &token.id,
                &token.name,
                &token.scopes.to_string(),
                &token.digest.as_bytes().as_slice(),
                &millis(token.created_at),
                &token.created_by,
                &token.expires_at.map(millis),
            ],
        )
        .await?;
    Ok(count > 0)
}

/// Returns the API token with a secret, and its tenant, in a transaction for the secret.
pub(super) async fn find(
    db: &Transaction,
    secret: SecretDigest,
) -> Result<Option<(TenantId, ApiToken)>, ServerStoreError> {
    let digest = secret.as_bytes().as_slice();
    let row = db.query_opt(query!("token_find"), &[&digest]).await?;
    let found = row.as_ref().map(|row| {
        let tenant = TenantId::from_column(row.try_get(9)?);
        Ok((tenant, read(row)?))
    });
    found.transpose()
}

/// Records that an API token was used on a day.
pub(super) async fn record_use(
    db: &Transaction,
    id: &str,
    on: NaiveDate,
) -> Result<(), ServerStoreError> {
    let values = (id, on.to_string());
    db.execute(query!("token_used"), &[&db.tenant(), &values.0, &values.1])
        .await?;
    Ok(())
}

/// Returns all API tokens, in the order of their creation.
pub(super) async fn all(db: &Transaction) -> Result<Vec<ApiToken>, ServerStoreError> {
    let rows = db.query(query!("token_all"), &[&db.tenant()]).await?;
    read_all(&rows, read)
}

/// Revokes the API tokens of an actor: the token that the actor is, and the tokens that the actor
/// created, directly or with another token. The open invitations by all of them end. Returns the
/// ids of the tokens.
pub(super) async fn revoke(
    db: &Transaction,
    of: &Actor,
    now: DateTime<Utc>,
) -> Result<Vec<String>, ServerStoreError> {
    tenants::lock(db).await?;
    let values = (of.to_string(), millis(now));
    let rows = db
        .query(
            query!("token_revoke"),
            &[&db.tenant(), &values.0, &values.1],
        )
        .await?;
    let mut ids: Vec<String> = read_all(&rows, |row| Ok(row.try_get(0)?))?;
    ids.sort_unstable();
    let tokens = ids.iter().cloned().map(Actor::ApiToken);
    for actor in std::iter::once(of.clone()).chain(tokens) {
        let actor = actor.to_string();
        db.execute(query!("invitation_revoke"), &[&db.tenant(), &actor])
            .await?;
    }
    Ok(ids)
}

/// Returns whether an actor is an API token that was revoked.
pub(super) async fn is_revoked(db: &Transaction, actor: &str) -> Result<bool, ServerStoreError> {
    let row = db
        .query_one(query!("token_is_revoked"), &[&db.tenant(), &actor])
        .await?;
    Ok(row.try_get(0)?)
}

fn read(row: &Row) -> Result<ApiToken, ServerStoreError> {
    let (scopes, last_used): (&str, Option<&str>) = (row.try_get(2)?, row.try_get(8)?);
    let (expires_at, revoked_at): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    Ok(ApiToken {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        scopes: Scopes::parse(scopes).ok_or_else(|| bad_row("api_tokens", scopes))?,
        digest: SecretDigest::from_bytes(digest("api_tokens", row, 3)?),
        created_at: time(row.try_get(4)?),
        created_by: row.try_get(5)?,
        expires_at: expires_at.map(time),
        revoked_at: revoked_at.map(time),
        last_used_on: last_used.map(|text| day("api_tokens", text)).transpose()?,
    })
}
