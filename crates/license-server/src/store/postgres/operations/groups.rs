//! Groups of an organization.

use std::collections::BTreeMap;

use async_trait::async_trait;

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
        let outcome = groups::create(&db, &group, most).await;
        let result = changed(&db, outcome, &audit).await;
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
        let outcome = groups::rename(&db, id, &name).await;
        let result = changed(&db, outcome, &audit).await;
        db.end(result).await
    }

    async fn delete_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let deleted = groups::delete(&db, id).await;
        let result = record(&db, deleted, &audit).await;
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
        let outcome = groups::set_share(&db, id, &change).await;
        let result = changed(&db, outcome, &audit).await;
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
        let member = (&account, is_administrator);
        let outcome = groups::put_member(&db, id, member, audit.at).await;
        let result = changed(&db, outcome, &audit).await;
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
        let removed = groups::remove_member(&db, id, account).await;
        let result = record(&db, removed, &audit).await;
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

/// Records a change of the groups, which servers cache.
async fn changed(
    db: &Transaction,
    outcome: Result<GroupOutcome, ServerStoreError>,
    audit: &NewAuditEntry,
) -> Result<GroupOutcome, ServerStoreError> {
    let outcome = outcome?;
    record(db, Ok(outcome == GroupOutcome::Changed), audit).await?;
    Ok(outcome)
}

async fn record(
    db: &Transaction,
    is_changed: Result<bool, ServerStoreError>,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let is_changed = is_changed?;
    if is_changed {
        tenants::content_changed(db).await?;
        audit::append(db, audit).await?;
    }
    Ok(is_changed)
}
