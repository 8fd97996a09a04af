//! Groups of an organization.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::{
    AccountId, EmailAddress, Group, GroupId, GroupMember, GroupMembership, GroupOutcome,
    GroupShare, NewAuditEntry, Page, PageRequest, PoolId, ShareChange, TenantId,
};
use crate::store::sqlite::writer::Batch;
use crate::store::sqlite::{SqliteStore, audit, groups, licenses};
use crate::store::{GroupStore, SeatUser, ServerStoreError};

#[async_trait]
impl GroupStore for SqliteStore {
    async fn create_group(
        &self,
        tenant: &TenantId,
        group: Group,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let create = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let outcome = groups::create(batch.db, tenant, &group, most)?;
            changed(batch, tenant, outcome, &audit)
        };
        self.write(tenant, create).await
    }

    async fn groups(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Group>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| groups::page(db, tenant, &page))
            .await
    }

    async fn group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
    ) -> Result<Option<Group>, ServerStoreError> {
        let id = id.clone();
        self.read(tenant, move |db, tenant| groups::get(db, tenant, &id))
            .await
    }

    async fn rename_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        name: String,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let id = id.clone();
        let rename = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = former_group(batch, tenant, &id)?;
            let outcome = groups::rename(batch.db, tenant, &id, &name)?;
            changed(batch, tenant, outcome, &audit.with_before(former))
        };
        self.write(tenant, rename).await
    }

    async fn delete_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.clone();
        let delete = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = former_group(batch, tenant, &id)?;
            let is_deleted = groups::delete(batch.db, tenant, &id)?;
            record(batch, tenant, is_deleted, &audit.with_before(former))
        };
        self.write(tenant, delete).await
    }

    async fn set_group_share(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        change: ShareChange,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let id = id.clone();
        let set = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = groups::shares(batch.db, tenant, &id)?.remove(&change.pool);
            let former = former.map(|share| share.audited(&change.pool));
            let outcome = groups::set_share(batch.db, tenant, &id, &change)?;
            changed(batch, tenant, outcome, &audit.with_before(former))
        };
        self.write(tenant, set).await
    }

    async fn put_group_member(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        (account, is_administrator): (AccountId, bool),
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError> {
        let id = id.clone();
        let put = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = former_member(batch, tenant, &id, &account)?;
            let member = (&account, is_administrator);
            let outcome = groups::put_member(batch.db, tenant, &id, member, audit.at)?;
            changed(batch, tenant, outcome, &audit.with_before(former))
        };
        self.write(tenant, put).await
    }

    async fn remove_group_member(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let (id, account) = (id.clone(), account.clone());
        let remove = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = former_member(batch, tenant, &id, &account)?;
            let is_removed = groups::remove_member(batch.db, tenant, &id, &account)?;
            record(batch, tenant, is_removed, &audit.with_before(former))
        };
        self.write(tenant, remove).await
    }

    async fn group_members(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        page: &PageRequest,
    ) -> Result<Page<GroupMember>, ServerStoreError> {
        let (id, page) = (id.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            groups::members(db, tenant, &id, &page)
        })
        .await
    }

    async fn groups_of(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<GroupMembership>, ServerStoreError> {
        let account = account.clone();
        self.read(tenant, move |db, tenant| {
            groups::of_account(db, tenant, &account)
        })
        .await
    }

    async fn groups_of_user(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<GroupId>, ServerStoreError> {
        let email = email.clone();
        self.read(tenant, move |db, tenant| {
            groups::of_user(db, tenant, &email)
        })
        .await
    }

    async fn group_shares(
        &self,
        tenant: &TenantId,
        id: &GroupId,
    ) -> Result<BTreeMap<PoolId, GroupShare>, ServerStoreError> {
        let id = id.clone();
        self.read(tenant, move |db, tenant| groups::shares(db, tenant, &id))
            .await
    }

    async fn pools_in_use(
        &self,
        tenant: &TenantId,
        by: SeatUser,
    ) -> Result<Vec<PoolId>, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            groups::pools_in_use(db, tenant, &by)
        })
        .await
    }
}

/// Returns a group for the audit trail.
fn former_group(
    batch: &Batch<'_>,
    tenant: &TenantId,
    id: &GroupId,
) -> Result<Option<Value>, ServerStoreError> {
    let Some(group) = groups::get(batch.db, tenant, id)? else {
        return Ok(None);
    };
    Ok(Some(group.audited(&groups::shares(batch.db, tenant, id)?)))
}

/// Returns a member of a group for the audit trail.
fn former_member(
    batch: &Batch<'_>,
    tenant: &TenantId,
    id: &GroupId,
    account: &AccountId,
) -> Result<Option<Value>, ServerStoreError> {
    let part = groups::part(batch.db, tenant, id, account)?;
    Ok(part.map(|is_administrator| Group::audited_member(account, is_administrator)))
}

/// Records a change of the groups, which servers cache.
fn changed(
    batch: &mut Batch<'_>,
    tenant: &TenantId,
    outcome: GroupOutcome,
    audit: &NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    record(batch, tenant, outcome == GroupOutcome::Changed, audit)?;
    Ok(outcome)
}

fn record(
    batch: &mut Batch<'_>,
    tenant: &TenantId,
    is_changed: bool,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    if is_changed {
        licenses::content_changed(batch.db, tenant)?;
        audit::append(batch.db, tenant, audit)?;
    }
    Ok(is_changed)
}
