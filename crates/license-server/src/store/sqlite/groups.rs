//! Groups of an organization.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queries::query;
use super::seat_rows;
use super::values::{bad_row, collect, collect_page, excess, millis, number, time};
use crate::domain::{
    AccountId, EmailAddress, Group, GroupId, GroupMember, GroupMembership, GroupOutcome,
    GroupShare, Page, PageRequest, PoolId, ShareChange, TenantId,
};
use crate::store::{SeatUser, ServerStoreError, limits};

/// Stores a new group.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    group: &Group,
    most: u32,
) -> Result<GroupOutcome, ServerStoreError> {
    let count = db
        .prepare_cached(query!("group_count"))?
        .query_row([tenant.as_str()], |row| row.get(0))?;
    limits::check_groups(number("groups", count)?, most)?;
    if id_of_name(db, tenant, &group.name)?.is_some() {
        return Ok(GroupOutcome::NameTaken);
    }
    db.prepare_cached(query!("group_insert"))?.execute(params![
        tenant.as_str(),
        group.id.as_str(),
        group.name,
        millis(group.created_at),
    ])?;
    Ok(GroupOutcome::Changed)
}

fn id_of_name(
    db: &Connection,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<String>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("group_named"))?;
    let found = statement.query_row([tenant.as_str(), name], |row| row.get(0));
    Ok(found.optional()?)
}

/// Returns groups, in the order of their ids.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<Group>, ServerStoreError> {
    let values = params![tenant.as_str(), page.after_key(), excess(page)];
    let mut statement = db.prepare_cached(query!("group_page"))?;
    collect_page(&mut statement, values, read, page, |group| {
        group.id.to_string()
    })
}

/// Returns a group.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
) -> Result<Option<Group>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("group_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), id.as_str()], read)?;
    Ok(found.into_iter().next())
}

fn read(row: &Row<'_>) -> Result<Group, ServerStoreError> {
    Ok(Group {
        id: group_id(&row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        created_at: time(row.get(2)?),
    })
}

/// Changes the name of a group.
pub(super) fn rename(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
    name: &str,
) -> Result<GroupOutcome, ServerStoreError> {
    match id_of_name(db, tenant, name)? {
        Some(found) if found == id.as_str() => return Ok(GroupOutcome::Unchanged),
        Some(_) if get(db, tenant, id)?.is_some() => return Ok(GroupOutcome::NameTaken),
        _ => {}
    }
    let mut rename = db.prepare_cached(query!("group_rename"))?;
    let count = rename.execute(params![tenant.as_str(), id.as_str(), name])?;
    Ok(if count > 0 {
        GroupOutcome::Changed
    } else {
        GroupOutcome::NoGroup
    })
}

/// Deletes a group, with its members and its shares. Returns whether there was one.
pub(super) fn delete(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
) -> Result<bool, ServerStoreError> {
    let mut delete = db.prepare_cached(query!("group_delete"))?;
    if delete.execute([tenant.as_str(), id.as_str()])? == 0 {
        return Ok(false);
    }
    for pool in shares(db, tenant, id)?.into_keys() {
        let policy = seat_rows::policy(db, tenant, &pool)?.unwrap_or_default();
        let policy = policy.with_share(id, GroupShare::NONE);
        seat_rows::set_policy(db, tenant, &pool, &policy)?;
    }
    Ok(true)
}

/// Returns the shares of a group, by pool.
pub(super) fn shares(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
) -> Result<BTreeMap<PoolId, GroupShare>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("group_policies"))?;
    let pools = collect(&mut statement, [tenant.as_str()], read_pool)?;
    let mut shares = BTreeMap::new();
    for pool in pools {
        let policy = seat_rows::policy(db, tenant, &pool)?.unwrap_or_default();
        if let Some(share) = policy.share(id) {
            shares.insert(pool, share);
        }
    }
    Ok(shares)
}

/// Changes the share of a group in a pool.
pub(super) fn set_share(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
    change: &ShareChange,
) -> Result<GroupOutcome, ServerStoreError> {
    if get(db, tenant, id)?.is_none() {
        return Ok(GroupOutcome::NoGroup);
    }
    let before = seat_rows::policy(db, tenant, &change.pool)?.unwrap_or_default();
    let after = before.clone().with_share(id, change.share);
    if after == before {
        return Ok(GroupOutcome::Unchanged);
    }
    let reserved = after.reserved();
    if reserved > before.reserved() && reserved > u64::from(change.capacity) {
        return Ok(GroupOutcome::TooManyReserved { reserved });
    }
    seat_rows::set_policy(db, tenant, &change.pool, &after)?;
    Ok(GroupOutcome::Changed)
}

/// Adds a member to a group, or changes whether the member administers it.
pub(super) fn put_member(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
    (account, is_administrator): (&AccountId, bool),
    at: chrono::DateTime<chrono::Utc>,
) -> Result<GroupOutcome, ServerStoreError> {
    if get(db, tenant, id)?.is_none() {
        return Ok(GroupOutcome::NoGroup);
    }
    if super::members::get(db, tenant, account)?.is_none() {
        return Ok(GroupOutcome::NoMember);
    }
    if part(db, tenant, id, account)? == Some(is_administrator) {
        return Ok(GroupOutcome::Unchanged);
    }
    let (tenant, id, account) = (tenant.as_str(), id.as_str(), account.as_str());
    let values = params![tenant, id, account, is_administrator, millis(at)];
    db.prepare_cached(query!("group_member_put"))?
        .execute(values)?;
    Ok(GroupOutcome::Changed)
}

/// Returns whether a member of a group administers it. `None`: the group has no such member.
pub(super) fn part(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
    account: &AccountId,
) -> Result<Option<bool>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("group_member_get"))?;
    let values = [tenant.as_str(), id.as_str(), account.as_str()];
    Ok(statement.query_row(values, |row| row.get(0)).optional()?)
}

/// Removes a member from a group. Returns whether the group had the member.
pub(super) fn remove_member(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
    account: &AccountId,
) -> Result<bool, ServerStoreError> {
    let mut delete = db.prepare_cached(query!("group_member_delete"))?;
    Ok(delete.execute([tenant.as_str(), id.as_str(), account.as_str()])? > 0)
}

/// Returns the members of a group, in the order of the ids of their accounts.
pub(super) fn members(
    db: &Connection,
    tenant: &TenantId,
    id: &GroupId,
    page: &PageRequest,
) -> Result<Page<GroupMember>, ServerStoreError> {
    let values = params![tenant.as_str(), id.as_str(), page.after_key(), excess(page)];
    let mut statement = db.prepare_cached(query!("group_member_page"))?;
    collect_page(&mut statement, values, read_member, page, |member| {
        member.account.to_string()
    })
}

fn read_member(row: &Row<'_>) -> Result<GroupMember, ServerStoreError> {
    let email: Option<String> = row.get(1)?;
    Ok(GroupMember {
        account: AccountId::from_column(row.get(0)?),
        email: email.map(EmailAddress::from_column),
        name: row.get(2)?,
        is_administrator: row.get(3)?,
        added_at: time(row.get(4)?),
    })
}

/// Returns the groups of a member, in the order of their ids.
pub(super) fn of_account(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<Vec<GroupMembership>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("group_of_account"))?;
    let values = [tenant.as_str(), account.as_str()];
    collect(&mut statement, values, |row| {
        Ok(GroupMembership {
            group: group_id(&row.get::<_, String>(0)?)?,
            is_administrator: row.get(1)?,
        })
    })
}

/// Returns the groups of the member with an address, in the order of their ids.
pub(super) fn of_user(
    db: &Connection,
    tenant: &TenantId,
    email: &EmailAddress,
) -> Result<Vec<GroupId>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("group_of_user"))?;
    collect(&mut statement, [tenant.as_str(), email.as_str()], |row| {
        group_id(&row.get::<_, String>(0)?)
    })
}

/// Returns the pools with open leases of a group or of a user.
pub(super) fn pools_in_use(
    db: &Connection,
    tenant: &TenantId,
    by: &SeatUser,
) -> Result<Vec<PoolId>, ServerStoreError> {
    let (sql, name) = match by {
        SeatUser::Group(group) => (query!("lease_pool_of_group"), group.as_str()),
        SeatUser::User(email) => (query!("lease_pool_of_user"), email.as_str()),
    };
    let mut statement = db.prepare_cached(sql)?;
    collect(&mut statement, [tenant.as_str(), name], read_pool)
}

fn read_pool(row: &Row<'_>) -> Result<PoolId, ServerStoreError> {
    let text: String = row.get(0)?;
    PoolId::parse(&text).ok_or_else(|| bad_row("pools", text))
}

fn group_id(text: &str) -> Result<GroupId, ServerStoreError> {
    GroupId::parse(text).ok_or_else(|| bad_row("groups", text))
}
