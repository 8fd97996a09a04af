//! Identity providers, and the people who sign in through them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccountId, IdentityProvider, NewAuditEntry, ProviderOutcome, ProviderSignIn, TenantId,
};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, identities, tenants};
use crate::store::{IdentityStore, ServerStoreError};

#[async_trait]
impl IdentityStore for PostgresStore {
    async fn create_provider(
        &self,
        tenant: &TenantId,
        provider: IdentityProvider,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = create(&db, &provider, most, &audit).await;
        db.end(result).await
    }

    async fn change_provider(
        &self,
        tenant: &TenantId,
        provider: IdentityProvider,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = match identities::change(&mut db, tenant, &provider).await {
            Ok(true) => audit::append(&db, &audit).await.map(|()| true),
            other => other,
        };
        db.end(result).await
    }

    async fn delete_provider(
        &self,
        tenant: &TenantId,
        id: &str,
        version: i64,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = delete(&mut db, tenant, (id, version), audit).await;
        db.end(result).await
    }

    async fn providers(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<IdentityProvider>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = identities::all(&db).await;
        db.end(result).await
    }

    async fn find_provider(
        &self,
        id: &str,
    ) -> Result<Option<(TenantId, IdentityProvider)>, ServerStoreError> {
        let db = self.database.begin_read_by_provider(id).await?;
        let result = identities::find(&db, id).await;
        db.end(result).await
    }

    async fn use_once(
        &self,
        tenant: &TenantId,
        value: [u8; 32],
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = identities::use_once(&db, &value, (expires_at, now)).await;
        db.end(result).await
    }

    async fn sign_in(
        &self,
        tenant: &TenantId,
        request: ProviderSignIn,
    ) -> Result<ProviderOutcome, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = identities::sign_in(&mut db, tenant, &request).await;
        let is_kept = |outcome: &ProviderOutcome| matches!(outcome, ProviderOutcome::SignedIn(_));
        db.end_if(result, is_kept).await
    }

    async fn withdraw_role(
        &self,
        tenant: &TenantId,
        request: ProviderSignIn,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = identities::withdraw_role(&mut db, tenant, &request).await;
        db.end(result).await
    }

    async fn end_provider_sessions(
        &self,
        tenant: &TenantId,
        provider: &IdentityProvider,
        subject: Option<&str>,
        session: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<Vec<AccountId>, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = end_person(&mut db, tenant, provider, (subject, session), &audit).await;
        db.end(result).await
    }
}

async fn create(
    db: &Transaction,
    provider: &IdentityProvider,
    most: u32,
    audit: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    identities::create(db, provider, most).await?;
    audit::append(db, audit).await
}

async fn delete(
    db: &mut Transaction,
    tenant: &TenantId,
    (id, version): (&str, i64),
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let mut former = identities::all(db).await?.into_iter();
    let former = former.find(|provider| provider.id == id);
    let is_deleted = identities::delete(db, tenant, id, version).await?;
    if is_deleted {
        let former = former.map(|provider| provider.audited());
        audit::append(db, &audit.with_before(former)).await?;
    }
    Ok(is_deleted)
}

async fn end_person(
    db: &mut Transaction,
    tenant: &TenantId,
    provider: &IdentityProvider,
    which: (Option<&str>, Option<&str>),
    audit: &NewAuditEntry,
) -> Result<Vec<AccountId>, ServerStoreError> {
    let accounts = identities::end_person(db, tenant, provider, which).await?;
    for account in &accounts {
        audit::append(db, &audit.with_subject(account.as_str())).await?;
    }
    Ok(accounts)
}
