//! Administration: API tokens, the audit trail, events, and requests that may be repeated.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{
    Actor, ApiToken, AuditEntry, AuditFilter, AuditReport, EventRecord, IdempotencyKey,
    IdempotencyState, NewAuditEntry, Page, PageRequest, SecretDigest, StoredResponse, TenantId,
};
use crate::store::administration::revocation;
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, events, requests, tenants, tokens};
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
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = create_token(&db, &token, &audit).await;
        db.end(result).await
    }

    async fn find_token(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<(TenantId, ApiToken)>, ServerStoreError> {
        let db = self.database.begin_read_by_secret(secret).await?;
        let result = tokens::find(&db, secret).await;
        db.end(result).await
    }

    async fn record_token_use(
        &self,
        tenant: &TenantId,
        id: &str,
        on: NaiveDate,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = tokens::record_use(&db, id, on).await;
        db.end(result).await
    }

    async fn tokens(&self, tenant: &TenantId) -> Result<Vec<ApiToken>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = tokens::all(&db).await;
        db.end(result).await
    }

    async fn revoke_tokens(
        &self,
        tenant: &TenantId,
        of: &Actor,
        audit: NewAuditEntry,
    ) -> Result<Vec<String>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = revoke_tokens(&db, of, &audit).await;
        db.end(result).await
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = audit::search(&db, filter, page).await;
        db.end(result).await
    }

    async fn verify_audit(&self, tenant: &TenantId) -> Result<AuditReport, ServerStoreError> {
        // A verification reads the whole trail, so it takes one of the connections at a time.
        let turn = self.long_turn.acquire().await;
        let _turn = turn.map_err(|_| ServerStoreError::Closed)?;
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

    async fn newest_events(
        &self,
        tenant: &TenantId,
        kind: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = events::newest(&db, kind, page).await;
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
    create_token(db, token, audit).await
}

async fn create_token(
    db: &Transaction,
    token: &ApiToken,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let is_created = tokens::create(db, token).await?;
    if is_created {
        audit::append(db, audit).await?;
    }
    Ok(is_created)
}

async fn revoke_tokens(
    db: &Transaction,
    of: &Actor,
    audit: &NewAuditEntry,
) -> Result<Vec<String>, ServerStoreError> {
    tenants::lock(db).await?;
    let former = tokens::all(db).await?;
    let ids = tokens::revoke(db, of, audit.at).await?;
    for id in &ids {
        audit::append(db, &revocation(audit, id, &former)).await?;
    }
    Ok(ids)
}
