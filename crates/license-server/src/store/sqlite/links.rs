//! Links that people get by mail.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::queries::query;
use super::values::{collect, millis, number, purpose, time};
use crate::domain::{AccountId, AccountLink, EmailAddress, LinkPurpose, SecretDigest};
use crate::store::ServerStoreError;

/// Stores a link, unless the address has `most` valid links of its purpose.
pub(super) fn create(
    db: &Connection,
    link: &AccountLink,
    most: u32,
) -> Result<bool, ServerStoreError> {
    let (email, purpose) = (link.email.as_str(), link.purpose.as_str());
    let mut statement = db.prepare_cached(query!("link_count"))?;
    let values = params![email, purpose, millis(link.created_at)];
    let found = statement.query_row(values, |row| row.get(0))?;
    if number("account_links", found)? >= u64::from(most) {
        return Ok(false);
    }
    db.prepare_cached(query!("link_insert"))?.execute(params![
        link.digest.as_bytes(),
        purpose,
        email,
        link.account.as_ref().map(AccountId::as_str),
        millis(link.created_at),
        millis(link.expires_at),
    ])?;
    Ok(true)
}

/// Returns the link with a secret.
pub(super) fn find(
    db: &Connection,
    secret: SecretDigest,
    purpose: LinkPurpose,
) -> Result<Option<AccountLink>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("link_get"))?;
    let values = params![secret.as_bytes(), purpose.as_str()];
    Ok(collect(&mut statement, values, read)?.pop())
}

/// Deletes the link with a secret. Returns `None` if there is none, or if it has ended.
pub(super) fn take(
    db: &Connection,
    secret: SecretDigest,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<AccountLink>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("link_use"))?;
    let values = params![secret.as_bytes(), purpose.as_str(), millis(now)];
    Ok(collect(&mut statement, values, read)?.pop())
}

/// Ends all links of an address with a purpose.
pub(super) fn end_all(
    db: &Connection,
    email: &EmailAddress,
    purpose: LinkPurpose,
) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("link_end"))?;
    statement.execute([email.as_str(), purpose.as_str()])?;
    Ok(())
}

/// Deletes links that have ended.
pub(super) fn forget(db: &Connection, now: DateTime<Utc>) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("link_forget"))?;
    Ok(statement.execute([millis(now)])?)
}

fn read(row: &Row<'_>) -> Result<AccountLink, ServerStoreError> {
    let (found, account): (String, Option<String>) = (row.get(1)?, row.get(3)?);
    Ok(AccountLink {
        digest: SecretDigest::from_bytes(row.get(0)?),
        purpose: purpose(&found)?,
        email: EmailAddress::from_column(row.get(2)?),
        account: account.map(AccountId::from_column),
        created_at: time(row.get(4)?),
        expires_at: time(row.get(5)?),
    })
}
