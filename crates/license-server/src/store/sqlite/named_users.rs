//! Named users.

use rusqlite::{Connection, Row, params};

use super::queries::query;
use super::seat_rows;
use super::values::{bad_row, collect, collect_page, column, excess, millis, number, time};
use crate::domain::{
    AssignOutcome, Assigning, EmailAddress, MachineRecord, NamedUser, NamedUserKey, NamedUserTerms,
    NewNamedUser, Page, PageRequest, PoolId, TenantId,
};
use crate::store::{ServerStoreError, named_users};

/// Assigns a user to a pool, if the terms permit it.
pub(super) fn assign(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    user: NewNamedUser,
    terms: &NamedUserTerms,
) -> Result<AssignOutcome, ServerStoreError> {
    let now = seat_rows::stored_clock(db)?;
    let users = all(db, tenant, pool)?;
    let (tenant, pool) = (tenant.as_str(), pool.as_str());
    Ok(match terms.decide(&users, &user.email, now) {
        Assigning::Known(user) => AssignOutcome::Known(user),
        Assigning::CoolDown { left } => AssignOutcome::CoolDown { left },
        Assigning::Full { assigned } => AssignOutcome::Full { assigned },
        Assigning::Restored(user) => {
            let mut restore = db.prepare_cached(query!("named_user_restore"))?;
            restore.execute(params![tenant, pool, user.id])?;
            AssignOutcome::Assigned(named_users::restored(user))
        }
        Assigning::Free => {
            if let Some(ended) = named_users::ended_before(terms, now) {
                let mut forget = db.prepare_cached(query!("named_user_forget"))?;
                forget.execute(params![tenant, pool, column(ended.as_millis())])?;
            }
            let user = user.assigned(now);
            let mut insert = db.prepare_cached(query!("named_user_insert"))?;
            insert.execute(params![
                tenant,
                pool,
                user.id,
                user.email.as_str(),
                millis(user.assigned_at),
                user.assigned_by,
                column(now.as_millis()),
            ])?;
            AssignOutcome::Assigned(user)
        }
    })
}

/// Ends the assignment of a user. Returns the user, if one is assigned with this key.
pub(super) fn unassign(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    key: &NamedUserKey,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<Option<NamedUser>, ServerStoreError> {
    let users = all(db, tenant, pool)?;
    let Some(user) = named_users::assigned(users, key) else {
        return Ok(None);
    };
    let mut remove = db.prepare_cached(query!("named_user_remove"))?;
    remove.execute(params![tenant.as_str(), pool.as_str(), user.id, millis(at)])?;
    Ok(Some(NamedUser {
        removed_at: Some(at),
        ..user
    }))
}

/// Returns the users of a pool in the order of their assignments.
pub(super) fn all(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
) -> Result<Vec<NamedUser>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("named_user_all"))?;
    collect(&mut statement, [tenant.as_str(), pool.as_str()], read)
}

/// Returns the assignments of a user, with their pools.
pub(super) fn of_email(
    db: &Connection,
    tenant: &TenantId,
    email: &EmailAddress,
) -> Result<Vec<(PoolId, NamedUser)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("named_user_of_email"))?;
    collect(&mut statement, [tenant.as_str(), email.as_str()], |row| {
        let pool: String = row.get(6)?;
        let pool = PoolId::parse(&pool).ok_or_else(|| bad_row("named_users", pool))?;
        Ok((pool, read(row)?))
    })
}

fn read(row: &Row<'_>) -> Result<NamedUser, ServerStoreError> {
    let removed_at: Option<i64> = row.get(5)?;
    let since = number("named_users", row.get(4)?)?;
    Ok(NamedUser {
        id: row.get(0)?,
        email: EmailAddress::from_column(row.get(1)?),
        assigned_at: time(row.get(2)?),
        assigned_by: row.get(3)?,
        since: license_seats::LeaseTime::from_millis(since),
        removed_at: removed_at.map(time),
    })
}

/// Returns the machines on which a user used licenses, by license and machine.
pub(super) fn machines(
    db: &Connection,
    tenant: &TenantId,
    email: &EmailAddress,
    page: &PageRequest,
) -> Result<Page<MachineRecord>, ServerStoreError> {
    let after = page.after_key();
    let (license, machine) = after.split_once('/').unwrap_or((after, ""));
    let values = params![
        tenant.as_str(),
        email.as_str(),
        license,
        machine,
        excess(page)
    ];
    let mut statement = db.prepare_cached(query!("machine_page_of_user"))?;
    collect_page(
        &mut statement,
        values,
        super::machines::read,
        page,
        |machine| format!("{}/{}", machine.license.as_str(), machine.machine),
    )
}
