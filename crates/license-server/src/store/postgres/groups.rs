//! Groups of an organization.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, excess, millis, number, read_all, read_page, time};
use super::{members, seat_rows, tenants};
use crate::domain::{
    AccountId, EmailAddress, Group, GroupId, GroupMember, GroupMembership, GroupOutcome,
    GroupShare, Page, PageRequest, PoolId, ShareChange,
};
use crate::store::{SeatUser, ServerStoreError, limits};

/// Stores a new group.
pub(super) async fn create(
    db: &Transaction,
    group: &Group,
    most: u32,
) -> Result<GroupOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    let count = db.query_one(query!("group_count"), &[&db.tenant()]).await?;
    limits::check_groups(number("groups", count.try_get(0)?)?, most)?;
    if id_of_name(db, &group.name).await?.is_some() {
        return Ok(GroupOutcome::NameTaken);
    }
    let created_at = millis(group.created_at);
    db.execute(
        query!("group_insert"),
        &[&db.tenant(), &group.id.as_str(), &group.name, &created_at],
    )
    .await?;
    Ok(GroupOutcome::Changed)
}

async fn id_of_name(db: &Transaction, name: &str) -> Result<Option<String>, ServerStoreError> {
    let row = db
        .query_opt(query!("group_named"), &[&db.tenant(), &name])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Returns groups, in the order of their ids.
pub(super) async fn page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<Group>, ServerStoreError> {
    let rows = db
        .query(
            query!("group_page"),
            &[&db.tenant(), &page.after_key(), &excess(page)],
        )
        .await?;
    read_page(&rows, read, page, |group| group.id.to_string())
}

/// Returns a group.
pub(super) async fn get(db: &Transaction, id: &GroupId) -> Result<Option<Group>, ServerStoreError> {
    let row = db
        .query_opt(query!("group_get"), &[&db.tenant(), &id.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Group, ServerStoreError> {
    Ok(Group {
        id: group_id(row.try_get(0)?)?,
        name: row.try_get(1)?,
        created_at: time(row.try_get(2)?),
    })
}

/// Changes the name of a group.
pub(super) async fn rename(
    db: &Transaction,
    id: &GroupId,
    name: &str,
) -> Result<GroupOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    match id_of_name(db, name).await? {
        Some(found) if found == id.as_str() => return Ok(GroupOutcome::Unchanged),
        Some(_) if get(db, id).await?.is_some() => return Ok(GroupOutcome::NameTaken),
        _ => {}
    }
    let count = db
        .execute(query!("group_rename"), &[&db.tenant(), &id.as_str(), &name])
        .await?;
    Ok(if count > 0 {
        GroupOutcome::Changed
    } else {
        GroupOutcome::NoGroup
    })
}

/// Deletes a group, with its members and its shares. Returns whether there was one.
pub(super) async fn delete(db: &Transaction, id: &GroupId) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let count = db
        .execute(query!("group_delete"), &[&db.tenant(), &id.as_str()])
        .await?;
    if count == 0 {
        return Ok(false);
    }
    for pool in shares(db, id).await?.into_keys() {
        let policy = seat_rows::policy(db, &pool).await?.unwrap_or_default();
        let policy = policy.with_share(id, GroupShare::NONE);
        seat_rows::set_policy(db, &pool, &policy).await?;
    }
    Ok(true)
}

/// Returns the shares of a group, by pool.
pub(super) async fn shares(
    db: &Transaction,
    id: &GroupId,
) -> Result<BTreeMap<PoolId, GroupShare>, ServerStoreError> {
    let rows = db.query(query!("group_policies"), &[&db.tenant()]).await?;
    let mut shares = BTreeMap::new();
    for pool in read_all(&rows, read_pool)? {
        let policy = seat_rows::policy(db, &pool).await?.unwrap_or_default();
        if let Some(share) = policy.share(id) {
            shares.insert(pool, share);
        }
    }
    Ok(shares)
}

/// Changes the share of a group in a pool.
pub(super) async fn set_share(
    db: &Transaction,
    id: &GroupId,
    change: &ShareChange,
) -> Result<GroupOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    if get(db, id).await?.is_none() {
        return Ok(GroupOutcome::NoGroup);
    }
    let before = seat_rows::policy(db, &change.pool).await?;
    let before = before.unwrap_or_default();
    let after = before.clone().with_share(id, change.share);
    if after == before {
        return Ok(GroupOutcome::Unchanged);
    }
    let reserved = after.reserved();
    if reserved > before.reserved() && reserved > u64::from(change.capacity) {
        return Ok(GroupOutcome::TooManyReserved { reserved });
    }
    seat_rows::set_policy(db, &change.pool, &after).await?;
    Ok(GroupOutcome::Changed)
}

/// Adds a member to a group, or changes whether the member administers it.
pub(super) async fn put_member(
    db: &Transaction,
    id: &GroupId,
    (account, is_administrator): (&AccountId, bool),
    at: DateTime<Utc>,
) -> Result<GroupOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    if get(db, id).await?.is_none() {
        return Ok(GroupOutcome::NoGroup);
    }
    if members::get(db, account).await?.is_none() {
        return Ok(GroupOutcome::NoMember);
    }
    if part(db, id, account).await? == Some(is_administrator) {
        return Ok(GroupOutcome::Unchanged);
    }
    let (tenant, id, account) = (db.tenant(), id.as_str(), account.as_str());
    let is_administrator = i64::from(is_administrator);
    db.execute(
        query!("group_member_put"),
        &[&tenant, &id, &account, &is_administrator, &millis(at)],
    )
    .await?;
    Ok(GroupOutcome::Changed)
}

/// Returns whether a member of a group administers it. `None`: the group has no such member.
pub(super) async fn part(
    db: &Transaction,
    id: &GroupId,
    account: &AccountId,
) -> Result<Option<bool>, ServerStoreError> {
    let values = (db.tenant(), id.as_str(), account.as_str());
    let row = db
        .query_opt(
            query!("group_member_get"),
            &[&values.0, &values.1, &values.2],
        )
        .await?;
    let found: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(found.map(|found| found != 0))
}

/// Removes a member from a group. Returns whether the group had the member.
pub(super) async fn remove_member(
    db: &Transaction,
    id: &GroupId,
    account: &AccountId,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let count = db
        .execute(
            query!("group_member_delete"),
            &[&db.tenant(), &id.as_str(), &account.as_str()],
        )
        .await?;
    Ok(count > 0)
}

/// Returns the members of a group, in the order of the ids of their accounts.
pub(super) async fn members(
    db: &Transaction,
    id: &GroupId,
    page: &PageRequest,
) -> Result<Page<GroupMember>, ServerStoreError> {
    let rows = db
        .query(
            query!("group_member_page"),
            &[&db.tenant(), &id.as_str(), &page.after_key(), &excess(page)],
        )
        .await?;
    read_page(&rows, read_member, page, |member| {
        member.account.to_string()
    })
}

fn read_member(row: &Row) -> Result<GroupMember, ServerStoreError> {
    let email: Option<String> = row.try_get(1)?;
    Ok(GroupMember {
        account: AccountId::from_column(row.try_get(0)?),
        email: email.map(EmailAddress::from_column),
        name: row.try_get(2)?,
        is_administrator: row.try_get::<_, i64>(3)? != 0,
        added_at: time(row.try_get(4)?),
    })
}

/// Returns the groups of a member, in the order of their ids.
pub(super) async fn of_account(
    db: &Transaction,
    account: &AccountId,
) -> Result<Vec<GroupMembership>, ServerStoreError> {
    let rows = db
        .query(
            query!("group_of_account"),
            &[&db.tenant(), &account.as_str()],
        )
        .await?;
    read_all(&rows, |row| {
        Ok(GroupMembership {
            group: group_id(row.try_get(0)?)?,
            is_administrator: row.try_get::<_, i64>(1)? != 0,
        })
    })
}

/// Returns the groups of the member with an address, in the order of their ids.
pub(super) async fn of_user(
    db: &Transaction,
    email: &EmailAddress,
) -> Result<Vec<GroupId>, ServerStoreError> {
    let rows = db
        .query(query!("group_of_user"), &[&db.tenant(), &email.as_str()])
        .await?;
    read_all(&rows, |row| group_id(row.try_get(0)?))
}

/// Returns the pools with open leases of a group or of a user.
pub(super) async fn pools_in_use(
    db: &Transaction,
    by: &SeatUser,
) -> Result<Vec<PoolId>, ServerStoreError> {
    let (sql, name) = match by {
        SeatUser::Group(group) => (query!("lease_pool_of_group"), group.as_str()),
        SeatUser::User(email) => (query!("lease_pool_of_user"), email.as_str()),
    };
    let rows = db.query(sql, &[&db.tenant(), &name]).await?;
    read_all(&rows, read_pool)
}

fn read_pool(row: &Row) -> Result<PoolId, ServerStoreError> {
    let text: &str = row.try_get(0)?;
    PoolId::parse(text).ok_or_else(|| bad_row("pools", text))
}

fn group_id(text: &str) -> Result<GroupId, ServerStoreError> {
    GroupId::parse(text).ok_or_else(|| bad_row("groups", text))
}
