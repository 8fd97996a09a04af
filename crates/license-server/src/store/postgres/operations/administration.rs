//! Administration: API tokens, the audit trail, events, and requests that may be repeated.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    ApiToken, AuditEntry, AuditReport, EventRecord, IdempotencyKey, IdempotencyState,
    NewAuditEntry, Page, PageRequest, SecretDigest, StoredResponse, TenantId,
};
use crate::store::postgres::tokens::Revocation;
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, events, requests, tokens};
use crate::store::{AdministrationStore, ServerStoreError};

#[async_trait]
impl AdministrationStore for PostgresStore {
    async fn begin_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = tokens::begin_setup(&db, secret, expires_at).await;
        db.end(result).await
    }

    async fn check_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        now: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = tokens::check_setup(&db, secret, now).await;
        db.end(result).await
    }

    async fn complete_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = complete_setup(&db, secret, &token, &audit).await;
        db.end(result).await
    }

    async fn create_token(
        &self,
        tenant: &TenantId,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = create_token(&db, &token, &audit).await;
        db.end(result).await
    }

    async fn find_token(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
    ) -> Result<Option<ApiToken>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = tokens::find(&db, secret).await;
        db.end(result).await
    }

    async fn tokens(&self, tenant: &TenantId) -> Result<Vec<ApiToken>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = tokens::all(&db).await;
        db.end(result).await
    }

    async fn revoke_token(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = revoke_token(&db, id, &audit).await;
        db.end(result).await
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = audit::page(&db, page).await;
        db.end(result).await
    }

    async fn verify_audit(&self, tenant: &TenantId) -> Result<AuditReport, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = audit::verify(&db).await;
        db.end(result).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = events::page(&db, page).await;
        db.end(result).await
    }

    async fn forget_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = events::forget(&db, before, keep).await;
        db.end(result).await
    }

    async fn begin_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        body: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<IdempotencyState, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = requests::begin(&db, &self.node, &key, &body, now).await;
        db.end(result).await
    }

    async fn finish_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        response: StoredResponse,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = requests::finish(&db, &self.node, &key, &response).await;
        db.end(result).await
    }

    async fn abandon_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = requests::abandon(&db, &self.node, &key).await;
        db.end(result).await
    }

    async fn forget_requests(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = requests::forget(&db, before, keep).await;
        db.end(result).await
    }
}

async fn complete_setup(
    db: &Transaction,
    secret: SecretDigest,
    token: &ApiToken,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    if !tokens::end_setup(db, secret, token.created_at).await? {
        return Ok(false);
    }
    create_token(db, token, audit).await?;
    Ok(true)
}

async fn create_token(
    db: &Transaction,
    token: &ApiToken,
    audit: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    tokens::create(db, token).await?;
    audit::append(db, audit).await
}

async fn revoke_token(
    db: &Transaction,
    id: &str,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let revocation = tokens::revoke(db, id, audit.at).await?;
    if revocation == Revocation::Now {
        audit::append(db, audit).await?;
    }
    Ok(revocation != Revocation::Unknown)
}
