//! Named users.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, column, excess, millis, number, read_all, read_page, time};
use super::{lease_clock, tenants};
use crate::domain::{
    AssignOutcome, Assigning, EmailAddress, MachineRecord, NamedUser, NamedUserKey, NamedUserTerms,
    NewNamedUser, Page, PageRequest, PoolId,
};
use crate::store::{ServerStoreError, named_users};

/// Assigns a user to a pool, if the terms permit it. The row of the tenant is locked, so that
/// assignments of other nodes wait.
pub(super) async fn assign(
    db: &Transaction,
    pool: &PoolId,
    user: NewNamedUser,
    terms: &NamedUserTerms,
) -> Result<AssignOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    let now = lease_clock::stored(db).await?;
    let users = all(db, pool).await?;
    let (tenant, pool) = (db.tenant(), pool.as_str());
    Ok(match terms.decide(&users, &user.email, now) {
        Assigning::Known(user) => AssignOutcome::Known(user),
        Assigning::CoolDown { left } => AssignOutcome::CoolDown { left },
        Assigning::Full { assigned } => AssignOutcome::Full { assigned },
        Assigning::Restored(user) => {
            db.execute(query!("named_user_restore"), &[&tenant, &pool, &user.id])
                .await?;
            AssignOutcome::Assigned(named_users::restored(user))
        }
        Assigning::Free => {
            if let Some(ended) = named_users::ended_before(terms, now) {
                let ended = column(ended.as_millis());
                db.execute(query!("named_user_forget"), &[&tenant, &pool, &ended])
                    .await?;
            }
            let user = user.assigned(now);
            db.execute(
                query!("named_user_insert"),
                &[
                    &tenant,
                    &pool,
                    &user.id,
                    &user.email.as_str(),
                    &millis(user.assigned_at),
                    &user.assigned_by,
                    &column(now.as_millis()),
                ],
            )
            .await?;
            AssignOutcome::Assigned(user)
        }
    })
}

/// Ends the assignment of a user. Returns the user, if one is assigned with this key.
pub(super) async fn unassign(
    db: &Transaction,
    pool: &PoolId,
    key: &NamedUserKey,
    at: DateTime<Utc>,
) -> Result<Option<NamedUser>, ServerStoreError> {
    tenants::lock(db).await?;
    let users = all(db, pool).await?;
    let Some(user) = named_users::assigned(users, key) else {
        return Ok(None);
    };
    db.execute(
        query!("named_user_remove"),
        &[&db.tenant(), &pool.as_str(), &user.id, &millis(at)],
    )
    .await?;
    Ok(Some(NamedUser {
        removed_at: Some(at),
        ..user
    }))
}

/// Returns the users of a pool in the order of their assignments.
pub(super) async fn all(
    db: &Transaction,
    pool: &PoolId,
) -> Result<Vec<NamedUser>, ServerStoreError> {
    let values = (db.tenant(), pool.as_str());
    let rows = db
        .query(query!("named_user_all"), &[&values.0, &values.1])
        .await?;
    read_all(&rows, read)
}

/// Returns the assignments of a user, with their pools.
pub(super) async fn of_email(
    db: &Transaction,
    email: &EmailAddress,
) -> Result<Vec<(PoolId, NamedUser)>, ServerStoreError> {
    let values = (db.tenant(), email.as_str());
    let rows = db
        .query(query!("named_user_of_email"), &[&values.0, &values.1])
        .await?;
    read_all(&rows, |row| {
        let pool: &str = row.try_get(6)?;
        let pool = PoolId::parse(pool).ok_or_else(|| bad_row("named_users", pool))?;
        Ok((pool, read(row)?))
    })
}

fn read(row: &Row) -> Result<NamedUser, ServerStoreError> {
    let removed_at: Option<i64> = row.try_get(5)?;
    let since = number("named_users", row.try_get(4)?)?;
    Ok(NamedUser {
        id: row.try_get(0)?,
        email: EmailAddress::from_column(row.try_get(1)?),
        assigned_at: time(row.try_get(2)?),
        assigned_by: row.try_get(3)?,
        since: license_seats::LeaseTime::from_millis(since),
        removed_at: removed_at.map(time),
    })
}

/// Returns the machines on which a user used licenses, by license and machine.
pub(super) async fn machines(
    db: &Transaction,
    email: &EmailAddress,
    page: &PageRequest,
) -> Result<Page<MachineRecord>, ServerStoreError> {
    let after = page.after_key();
    let (license, machine) = after.split_once('/').unwrap_or((after, ""));
    let rows = db
        .query(
            query!("machine_page_of_user"),
            &[
                &db.tenant(),
                &email.as_str(),
                &license,
                &machine,
                &excess(page),
            ],
        )
        .await?;
    read_page(&rows, super::machines::read, page, |machine| {
        format!("{}/{}", machine.license.as_str(), machine.machine)
    })
}
