//! Groups of an organization.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::{
    AccountId, EmailAddress, Group, GroupId, GroupMember, GroupMembership, GroupOutcome,
    GroupShare, NewAuditEntry, Page, PageRequest, PoolId, ShareChange, TenantId,
};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, groups, tenants};
use crate::store::{GroupStore, SeatUser, ServerStoreError};

#[async_trait]
impl GroupStore for PostgresStore {
    async fn create_group(
        &self,
        tenant: &TenantId,
        group: Group,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = create(&db, &group, most, audit).await;
        db.end(result).await
    }

    async fn groups(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Group>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::page(&db, page).await;
        db.end(result).await
    }

    async fn group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
    ) -> Result<Option<Group>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::get(&db, id).await;
        db.end(result).await
    }

    async fn rename_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        name: String,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = rename(&db, id, &name, audit).await;
        db.end(result).await
    }

    async fn delete_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = delete(&db, id, audit).await;
        db.end(result).await
    }

    async fn set_group_share(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        change: ShareChange,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = set_share(&db, id, &change, audit).await;
        db.end(result).await
    }

    async fn put_group_member(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        (account, is_administrator): (AccountId, bool),
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = put_member(&db, id, (&account, is_administrator), audit).await;
        db.end(result).await
    }

    async fn remove_group_member(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = remove_member(&db, id, account, audit).await;
        db.end(result).await
    }

    async fn group_members(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        page: &PageRequest,
    ) -> Result<Page<GroupMember>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::members(&db, id, page).await;
        db.end(result).await
    }

    async fn groups_of(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<GroupMembership>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::of_account(&db, account).await;
        db.end(result).await
    }

    async fn groups_of_user(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<GroupId>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::of_user(&db, email).await;
        db.end(result).await
    }

    async fn group_shares(
        &self,
        tenant: &TenantId,
        id: &GroupId,
    ) -> Result<BTreeMap<PoolId, GroupShare>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::shares(&db, id).await;
        db.end(result).await
    }

    async fn pools_in_use(
        &self,
        tenant: &TenantId,
        by: SeatUser,
    ) -> Result<Vec<PoolId>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = groups::pools_in_use(&db, &by).await;
        db.end(result).await
    }
}

async fn create(
    db: &Transaction,
    group: &Group,
    most: u32,
    audit: NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    let outcome = groups::create(db, group, most).await?;
    changed(db, outcome, &audit).await
}

async fn rename(
    db: &Transaction,
    id: &GroupId,
    name: &str,
    audit: NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    let former = former_group(db, id).await?;
    let outcome = groups::rename(db, id, name).await?;
    changed(db, outcome, &audit.with_before(former)).await
}

async fn delete(
    db: &Transaction,
    id: &GroupId,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let former = former_group(db, id).await?;
    let is_deleted = groups::delete(db, id).await?;
    record(db, is_deleted, &audit.with_before(former)).await
}

async fn set_share(
    db: &Transaction,
    id: &GroupId,
    change: &ShareChange,
    audit: NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    let former = groups::shares(db, id).await?.remove(&change.pool);
    let former = former.map(|share| share.audited(&change.pool));
    let outcome = groups::set_share(db, id, change).await?;
    changed(db, outcome, &audit.with_before(former)).await
}

async fn put_member(
    db: &Transaction,
    id: &GroupId,
    member: (&AccountId, bool),
    audit: NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    let former = former_member(db, id, member.0).await?;
    let outcome = groups::put_member(db, id, member, audit.at).await?;
    changed(db, outcome, &audit.with_before(former)).await
}

async fn remove_member(
    db: &Transaction,
    id: &GroupId,
    account: &AccountId,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let former = former_member(db, id, account).await?;
    let is_removed = groups::remove_member(db, id, account).await?;
    record(db, is_removed, &audit.with_before(former)).await
}

/// Returns a group for the audit trail, and locks the row of the tenant.
async fn former_group(db: &Transaction, id: &GroupId) -> Result<Option<Value>, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(group) = groups::get(db, id).await? else {
        return Ok(None);
    };
    Ok(Some(group.audited(&groups::shares(db, id).await?)))
}

/// Returns a member of a group for the audit trail, and locks the row of the tenant.
async fn former_member(
    db: &Transaction,
    id: &GroupId,
    account: &AccountId,
) -> Result<Option<Value>, ServerStoreError> {
    tenants::lock(db).await?;
    let part = groups::part(db, id, account).await?;
    Ok(part.map(|is_administrator| Group::audited_member(account, is_administrator)))
}

/// Records a change of the groups, which servers cache.
async fn changed(
    db: &Transaction,
    outcome: GroupOutcome,
    audit: &NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    record(db, outcome == GroupOutcome::Changed, audit).await?;
    Ok(outcome)
}

async fn record(
    db: &Transaction,
    is_changed: bool,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    if is_changed {
        tenants::content_changed(db).await?;
        audit::append(db, audit).await?;
    }
    Ok(is_changed)
}
