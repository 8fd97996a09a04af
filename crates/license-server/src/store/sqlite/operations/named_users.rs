//! Named users.

use async_trait::async_trait;

use crate::domain::{
    AssignOutcome, EmailAddress, MachineRecord, NamedUser, NamedUserKey, NamedUserTerms,
    NewAuditEntry, NewNamedUser, Page, PageRequest, PoolId, TenantId,
};
use crate::store::sqlite::writer::Batch;
use crate::store::sqlite::{SqliteStore, audit, licenses, named_users};
use crate::store::{NamedUserStore, ServerStoreError};

#[async_trait]
impl NamedUserStore for SqliteStore {
    async fn assign_user(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        user: NewNamedUser,
        terms: NamedUserTerms,
        audit: NewAuditEntry,
    ) -> Result<AssignOutcome, ServerStoreError> {
        let pool = pool.clone();
        let assign = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let outcome = named_users::assign(batch.db, tenant, &pool, user, &terms)?;
            if let AssignOutcome::Assigned(user) = &outcome {
                licenses::content_changed(batch.db, tenant)?;
                audit::append(batch.db, tenant, &user.audited(&audit))?;
            }
            Ok(outcome)
        };
        self.write(tenant, assign).await
    }

    async fn unassign_user(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        key: NamedUserKey,
        audit: NewAuditEntry,
    ) -> Result<Option<NamedUser>, ServerStoreError> {
        let pool = pool.clone();
        let unassign = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let removed = named_users::unassign(batch.db, tenant, &pool, &key, audit.at)?;
            if let Some(user) = &removed {
                licenses::content_changed(batch.db, tenant)?;
                audit::append(batch.db, tenant, &user.unassigned(&audit))?;
            }
            Ok(removed)
        };
        self.write(tenant, unassign).await
    }

    async fn named_users(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<NamedUser>, ServerStoreError> {
        let pool = pool.clone();
        self.read(tenant, move |db, tenant| {
            named_users::all(db, tenant, &pool)
        })
        .await
    }

    async fn assignments_of(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<(PoolId, NamedUser)>, ServerStoreError> {
        let email = email.clone();
        self.read(tenant, move |db, tenant| {
            named_users::of_email(db, tenant, &email)
        })
        .await
    }

    async fn machines_of_user(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError> {
        let (email, page) = (email.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            named_users::machines(db, tenant, &email, &page)
        })
        .await
    }
}
