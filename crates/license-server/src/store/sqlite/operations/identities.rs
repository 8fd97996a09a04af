//! Identity providers, and the people who sign in through them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccountId, IdentityProvider, NewAuditEntry, ProviderOutcome, ProviderSignIn, TenantId,
};
use crate::store::sqlite::{SqliteStore, audit, identities};
use crate::store::{IdentityStore, ServerStoreError};

#[async_trait]
impl IdentityStore for SqliteStore {
    async fn create_provider(
        &self,
        tenant: &TenantId,
        provider: IdentityProvider,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            identities::create(batch.db, tenant, &provider, most)?;
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }

    async fn change_provider(
        &self,
        tenant: &TenantId,
        provider: IdentityProvider,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            let is_changed = identities::change(batch.db, tenant, &provider)?;
            if is_changed {
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(is_changed)
        })
        .await
    }

    async fn delete_provider(
        &self,
        tenant: &TenantId,
        id: &str,
        version: i64,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            let mut former = identities::all(batch.db, tenant)?.into_iter();
            let former = former.find(|provider| provider.id == id);
            let is_deleted = identities::delete(batch.db, tenant, &id, version)?;
            if is_deleted {
                let former = former.map(|provider| provider.audited());
                audit::append(batch.db, tenant, &audit.with_before(former))?;
            }
            Ok(is_deleted)
        })
        .await
    }

    async fn providers(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<IdentityProvider>, ServerStoreError> {
        self.read(tenant, identities::all).await
    }

    async fn find_provider(
        &self,
        id: &str,
    ) -> Result<Option<(TenantId, IdentityProvider)>, ServerStoreError> {
        let id = id.to_owned();
        self.readers.run(move |db| identities::find(db, &id)).await
    }

    async fn use_once(
        &self,
        tenant: &TenantId,
        value: [u8; 32],
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            identities::use_once(batch.db, tenant, &value, (expires_at, now))
        })
        .await
    }

    async fn sign_in(
        &self,
        tenant: &TenantId,
        request: ProviderSignIn,
    ) -> Result<ProviderOutcome, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            identities::sign_in(batch.db, tenant, &request)
        })
        .await
    }

    async fn withdraw_role(
        &self,
        tenant: &TenantId,
        request: ProviderSignIn,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            identities::withdraw_role(batch.db, tenant, &request)
        })
        .await
    }

    async fn end_provider_sessions(
        &self,
        tenant: &TenantId,
        provider: &IdentityProvider,
        subject: Option<&str>,
        session: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<Vec<AccountId>, ServerStoreError> {
        let provider = provider.clone();
        let (subject, session) = (subject.map(str::to_owned), session.map(str::to_owned));
        self.write(tenant, move |batch, tenant| {
            let which = (subject.as_deref(), session.as_deref());
            let accounts = identities::end_person(batch.db, tenant, &provider, which)?;
            for account in &accounts {
                audit::append(batch.db, tenant, &audit.with_subject(account.as_str()))?;
            }
            Ok(accounts)
        })
        .await
    }
}
