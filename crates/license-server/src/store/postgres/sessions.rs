//! Sessions of people who have signed in, in a transaction for all tenants.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::{Transaction, VisibleRows};
use super::values::{column, count, digest, millis, read_all, time};
use super::{accounts, audit};
use crate::domain::{
    AccountId, EndedSessions, NewAuditEntry, SecondFactor, SecretDigest, SignInSession, SignedIn,
    TenantId,
};
use crate::store::ServerStoreError;

/// Uses up a second factor. Returns `false` if it was used before.
pub(super) async fn use_factor(
    db: &Transaction,
    account: &AccountId,
    factor: &SecondFactor,
) -> Result<bool, ServerStoreError> {
    let account = account.as_str();
    let changed = match factor {
        SecondFactor::NotNeeded => 1,
        SecondFactor::Code(step) => {
            db.execute(query!("totp_use"), &[&account, &column(*step)])
                .await?
        }
        SecondFactor::Recovery(digest) => {
            let digest = digest.as_bytes().as_slice();
            db.execute(query!("recovery_use"), &[&account, &digest])
                .await?
        }
    };
    Ok(changed > 0)
}

/// Stores a session.
pub(super) async fn create(
    db: &Transaction,
    session: &SignInSession,
) -> Result<(), ServerStoreError> {
    db.execute(
        query!("session_insert"),
        &[
            &session.id,
            &session.digest.as_bytes().as_slice(),
            &session.account.as_str(),
            &session.organization.as_ref().map(TenantId::as_str),
            &millis(session.created_at),
            &millis(session.last_used_at),
            &millis(session.expires_at),
            &session.address,
            &session.user_agent,
            &session.provider,
        ],
    )
    .await?;
    Ok(())
}

/// Returns the session with a secret. The transaction then sees the rows of its organization.
pub(super) async fn find(
    db: &mut Transaction,
    secret: SecretDigest,
) -> Result<Option<SignedIn>, ServerStoreError> {
    let digest = secret.as_bytes().as_slice();
    let row = db.query_opt(query!("session_find"), &[&digest]).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (session, account) = (read(&row)?, accounts::read_at(&row, 10)?);
    let role = match &session.organization {
        None => None,
        Some(tenant) => {
            db.set_tenant(tenant).await?;
            accounts::role_of(db, &account.id).await?
        }
    };
    Ok(Some(SignedIn {
        session,
        account,
        role,
    }))
}

/// Records a use of a session.
pub(super) async fn record_use(
    db: &Transaction,
    id: &str,
    at: DateTime<Utc>,
    address: &str,
) -> Result<(), ServerStoreError> {
    db.execute(query!("session_used"), &[&id, &millis(at), &address])
        .await?;
    Ok(())
}

/// Returns the sessions of an account, the newest first.
pub(super) async fn all(
    db: &Transaction,
    account: &AccountId,
) -> Result<Vec<SignInSession>, ServerStoreError> {
    let rows = db
        .query(query!("session_all"), &[&account.as_str()])
        .await?;
    read_all(&rows, read)
}

/// Changes the organization of a session, in a transaction of the organization, if its account is a
/// member. The next session begins there. The caller rolls the transaction back if the session does
/// not exist.
pub(super) async fn choose(
    db: &mut Transaction,
    session: &SignInSession,
    organization: &TenantId,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    if accounts::role_of(db, &session.account).await?.is_none() {
        return Ok(false);
    }
    audit::append(db, audit).await?;
    let account = session.account.as_str();
    db.execute(
        query!("member_entered"),
        &[&organization.as_str(), &account, &millis(audit.at)],
    )
    .await?;
    db.see(VisibleRows::AllTenants).await?;
    let values = (session.id.as_str(), organization.as_str());
    let count = db
        .execute(query!("session_choose"), &[&values.0, &values.1])
        .await?;
    Ok(count > 0)
}

/// Ends sessions, and returns their ids and organizations.
pub(super) async fn end(
    db: &Transaction,
    account: &AccountId,
    which: &EndedSessions,
) -> Result<Vec<(String, Option<TenantId>)>, ServerStoreError> {
    let (one, kept) = match which {
        EndedSessions::All => (None, None),
        EndedSessions::One(id) => (Some(id.as_str()), None),
        EndedSessions::Others(id) => (None, Some(id.as_str())),
    };
    let rows = db
        .query(query!("session_end"), &[&account.as_str(), &one, &kept])
        .await?;
    let mut ended = read_all(&rows, |row| {
        let organization: Option<&str> = row.try_get(1)?;
        Ok((row.try_get(0)?, organization.map(TenantId::from_column)))
    })?;
    ended.sort_unstable();
    Ok(ended)
}

/// Ends the sessions of an account in a tenant.
pub(super) async fn end_in(
    db: &Transaction,
    account: &AccountId,
    organization: &TenantId,
) -> Result<(), ServerStoreError> {
    let values = (account.as_str(), organization.as_str());
    db.execute(query!("session_end_in"), &[&values.0, &values.1])
        .await?;
    Ok(())
}

/// Deletes sessions that have ended.
pub(super) async fn forget(
    db: &Transaction,
    now: DateTime<Utc>,
    idle_before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let deleted = db
        .execute(
            query!("session_forget"),
            &[&millis(now), &millis(idle_before)],
        )
        .await?;
    Ok(count(deleted))
}

fn read(row: &Row) -> Result<SignInSession, ServerStoreError> {
    let organization: Option<&str> = row.try_get(3)?;
    Ok(SignInSession {
        id: row.try_get(0)?,
        digest: SecretDigest::from_bytes(digest("sessions", row, 1)?),
        account: AccountId::from_column(row.try_get(2)?),
        organization: organization.map(TenantId::from_column),
        created_at: time(row.try_get(4)?),
        last_used_at: time(row.try_get(5)?),
        expires_at: time(row.try_get(6)?),
        address: row.try_get(7)?,
        user_agent: row.try_get(8)?,
        provider: row.try_get(9)?,
    })
}
