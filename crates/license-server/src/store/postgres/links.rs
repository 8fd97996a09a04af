//! Links that people get by mail, in a transaction for all tenants.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{count, digest, millis, number, purpose, time};
use crate::domain::{AccountId, AccountLink, EmailAddress, LinkPurpose, SecretDigest};
use crate::store::ServerStoreError;

/// Stores a link, unless the address has `most` valid links of its purpose.
pub(super) async fn create(
    db: &Transaction,
    link: &AccountLink,
    most: u32,
) -> Result<bool, ServerStoreError> {
    let (email, purpose) = (link.email.as_str(), link.purpose.as_str());
    let row = db
        .query_one(
            query!("link_count"),
            &[&email, &purpose, &millis(link.created_at)],
        )
        .await?;
    if number("account_links", row.try_get(0)?)? >= u64::from(most) {
        return Ok(false);
    }
    db.execute(
        query!("link_insert"),
        &[
            &link.digest.as_bytes().as_slice(),
            &purpose,
            &email,
            &link.account.as_ref().map(AccountId::as_str),
            &millis(link.created_at),
            &millis(link.expires_at),
        ],
    )
    .await?;
    Ok(true)
}

/// Returns the link with a secret.
pub(super) async fn find(
    db: &Transaction,
    secret: SecretDigest,
    purpose: LinkPurpose,
) -> Result<Option<AccountLink>, ServerStoreError> {
    let values = (secret.as_bytes().as_slice(), purpose.as_str());
    let row = db
        .query_opt(query!("link_get"), &[&values.0, &values.1])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Deletes the link with a secret. Returns `None` if there is none, or if it has ended.
pub(super) async fn take(
    db: &Transaction,
    secret: SecretDigest,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<AccountLink>, ServerStoreError> {
    let values = (secret.as_bytes().as_slice(), purpose.as_str());
    let row = db
        .query_opt(query!("link_use"), &[&values.0, &values.1, &millis(now)])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Ends all links of an address with a purpose.
pub(super) async fn end_all(
    db: &Transaction,
    email: &EmailAddress,
    purpose: LinkPurpose,
) -> Result<(), ServerStoreError> {
    db.execute(query!("link_end"), &[&email.as_str(), &purpose.as_str()])
        .await?;
    Ok(())
}

/// Deletes links that have ended.
pub(super) async fn forget(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let deleted = db.execute(query!("link_forget"), &[&millis(now)]).await?;
    Ok(count(deleted))
}

fn read(row: &Row) -> Result<AccountLink, ServerStoreError> {
    let account: Option<String> = row.try_get(3)?;
    Ok(AccountLink {
        digest: SecretDigest::from_bytes(digest("account_links", row, 0)?),
        purpose: purpose(row.try_get(1)?)?,
        email: EmailAddress::from_column(row.try_get(2)?),
        account: account.map(AccountId::from_column),
        created_at: time(row.try_get(4)?),
        expires_at: time(row.try_get(5)?),
    })
}
