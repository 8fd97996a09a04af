//! Named users.

use async_trait::async_trait;

use crate::domain::{
    AssignOutcome, EmailAddress, MachineRecord, NamedUser, NamedUserKey, NamedUserTerms,
    NewAuditEntry, NewNamedUser, Page, PageRequest, PoolId, TenantId,
};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, named_users, tenants};
use crate::store::{NamedUserStore, ServerStoreError};

#[async_trait]
impl NamedUserStore for PostgresStore {
    async fn assign_user(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        user: NewNamedUser,
        terms: NamedUserTerms,
        audit: NewAuditEntry,
    ) -> Result<AssignOutcome, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = assign(&db, pool, user, &terms, &audit).await;
        db.end(result).await
    }

    async fn unassign_user(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        key: NamedUserKey,
        audit: NewAuditEntry,
    ) -> Result<Option<NamedUser>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = unassign(&db, pool, &key, &audit).await;
        db.end(result).await
    }

    async fn named_users(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<NamedUser>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = named_users::all(&db, pool).await;
        db.end(result).await
    }

    async fn assignments_of(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<(PoolId, NamedUser)>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = named_users::of_email(&db, email).await;
        db.end(result).await
    }

    async fn machines_of_user(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = named_users::machines(&db, email, page).await;
        db.end(result).await
    }
}

async fn assign(
    db: &Transaction,
    pool: &PoolId,
    user: NewNamedUser,
    terms: &NamedUserTerms,
    audit: &NewAuditEntry,
) -> Result<AssignOutcome, ServerStoreError> {
    let outcome = named_users::assign(db, pool, user, terms).await?;
    if let AssignOutcome::Assigned(user) = &outcome {
        tenants::content_changed(db).await?;
        audit::append(db, &user.audited(audit)).await?;
    }
    Ok(outcome)
}

async fn unassign(
    db: &Transaction,
    pool: &PoolId,
    key: &NamedUserKey,
    audit: &NewAuditEntry,
) -> Result<Option<NamedUser>, ServerStoreError> {
    let removed = named_users::unassign(db, pool, key, audit.at).await?;
    if let Some(user) = &removed {
        tenants::content_changed(db).await?;
        audit::append(db, &user.unassigned(audit)).await?;
    }
    Ok(removed)
}
