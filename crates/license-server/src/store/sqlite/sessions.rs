//! Sessions of people who have signed in.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::accounts;
use super::queries::query;
use super::values::{collect, column, millis, time};
use crate::domain::{
    AccountId, EndedSessions, SecondFactor, SecretDigest, SignInSession, SignedIn, TenantId,
};
use crate::store::ServerStoreError;

/// Uses up a second factor. Returns `false` if it was used before.
pub(super) fn use_factor(
    db: &Connection,
    account: &AccountId,
    factor: &SecondFactor,
) -> Result<bool, ServerStoreError> {
    let account = account.as_str();
    let changed = match factor {
        SecondFactor::NotNeeded => 1,
        SecondFactor::Code(step) => db
            .prepare_cached(query!("totp_use"))?
            .execute(params![account, column(*step)])?,
        SecondFactor::Recovery(digest) => db
            .prepare_cached(query!("recovery_use"))?
            .execute(params![account, digest.as_bytes()])?,
    };
    Ok(changed > 0)
}

/// Stores a session.
pub(super) fn create(db: &Connection, session: &SignInSession) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("session_insert"))?
        .execute(params![
            session.id,
            session.digest.as_bytes(),
            session.account.as_str(),
            session.organization.as_ref().map(TenantId::as_str),
            millis(session.created_at),
            millis(session.last_used_at),
            millis(session.expires_at),
            session.address,
            session.user_agent,
            session.provider,
        ])?;
    Ok(())
}

/// Returns the session with a secret.
pub(super) fn find(
    db: &Connection,
    secret: SecretDigest,
) -> Result<Option<SignedIn>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("session_find"))?;
    let found = collect(&mut statement, [secret.as_bytes()], |row| {
        Ok((read(row)?, accounts::read_at(row, 10)?))
    });
    let Some((session, account)) = found?.pop() else {
        return Ok(None);
    };
    let organization = session.organization.as_ref();
    let role = organization.map(|tenant| accounts::role_in(db, tenant, &account.id));
    Ok(Some(SignedIn {
        role: role.transpose()?.flatten(),
        session,
        account,
    }))
}

/// Records a use of a session.
pub(super) fn record_use(
    db: &Connection,
    id: &str,
    at: DateTime<Utc>,
    address: &str,
) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("session_used"))?;
    statement.execute(params![id, millis(at), address])?;
    Ok(())
}

/// Returns the sessions of an account, the newest first.
pub(super) fn all(
    db: &Connection,
    account: &AccountId,
) -> Result<Vec<SignInSession>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("session_all"))?;
    collect(&mut statement, [account.as_str()], read)
}

/// Changes the organization of a session, if its account is a member. The next session begins
/// there.
pub(super) fn choose(
    db: &Connection,
    session: &SignInSession,
    organization: &TenantId,
    at: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    if accounts::role_in(db, organization, &session.account)?.is_none() {
        return Ok(false);
    }
    let mut statement = db.prepare_cached(query!("session_choose"))?;
    if statement.execute([&session.id, organization.as_str()])? == 0 {
        return Ok(false);
    }
    let values = params![organization.as_str(), session.account.as_str(), millis(at)];
    db.prepare_cached(query!("member_entered"))?
        .execute(values)?;
    Ok(true)
}

/// Ends sessions, and returns their ids and organizations.
pub(super) fn end(
    db: &Connection,
    account: &AccountId,
    which: &EndedSessions,
) -> Result<Vec<(String, Option<TenantId>)>, ServerStoreError> {
    let (one, kept) = match which {
        EndedSessions::All => (None, None),
        EndedSessions::One(id) => (Some(id), None),
        EndedSessions::Others(id) => (None, Some(id)),
    };
    let mut statement = db.prepare_cached(query!("session_end"))?;
    let values = params![account.as_str(), one, kept];
    let mut ended = collect(&mut statement, values, |row| {
        let organization: Option<String> = row.get(1)?;
        let organization = organization.map(|id| TenantId::from_column(&id));
        Ok((row.get(0)?, organization))
    })?;
    ended.sort_unstable();
    Ok(ended)
}

/// Ends the sessions of an account in a tenant.
pub(super) fn end_in(
    db: &Connection,
    account: &AccountId,
    organization: &TenantId,
) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("session_end_in"))?;
    statement.execute([account.as_str(), organization.as_str()])?;
    Ok(())
}

/// Deletes sessions that have ended.
pub(super) fn forget(
    db: &Connection,
    now: DateTime<Utc>,
    idle_before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("session_forget"))?;
    Ok(statement.execute([millis(now), millis(idle_before)])?)
}

fn read(row: &Row<'_>) -> Result<SignInSession, ServerStoreError> {
    let organization: Option<String> = row.get(3)?;
    Ok(SignInSession {
        id: row.get(0)?,
        digest: SecretDigest::from_bytes(row.get(1)?),
        account: AccountId::from_column(row.get(2)?),
        organization: organization.map(|id| TenantId::from_column(&id)),
        created_at: time(row.get(4)?),
        last_used_at: time(row.get(5)?),
        expires_at: time(row.get(6)?),
        address: row.get(7)?,
        user_agent: row.get(8)?,
        provider: row.get(9)?,
    })
}
