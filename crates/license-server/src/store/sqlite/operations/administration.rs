//! Administration: API tokens, the audit trail, events, and requests that may be repeated.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{
    Actor, ApiToken, AuditEntry, AuditFilter, AuditReport, EventRecord, IdempotencyKey,
    IdempotencyState, NewAuditEntry, Page, PageRequest, SecretDigest, StoredResponse, TenantId,
};
use crate::store::administration::revocation;
use crate::store::sqlite::writer::Batch;
use crate::store::sqlite::{SqliteStore, audit, events, requests, tokens};
use crate::store::{AdministrationStore, ServerStoreError};

#[async_trait]
impl AdministrationStore for SqliteStore {
    async fn begin_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            tokens::begin_setup(batch.db, tenant, secret, expires_at)
        })
        .await
    }

    async fn check_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        now: DateTime<Utc>,
    ) -> Result<bool, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            tokens::check_setup(db, tenant, secret, now)
        })
        .await
    }

    async fn complete_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let complete = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            if !tokens::end_setup(batch.db, tenant, secret, token.created_at)? {
                return Ok(false);
            }
            create_token(batch, tenant, &token, &audit)
        };
        self.write(tenant, complete).await
    }

    async fn create_token(
        &self,
        tenant: &TenantId,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            create_token(batch, tenant, &token, &audit)
        })
        .await
    }

    async fn find_token(
        &self,
        secret: SecretDigest,
    ) -> Result<Option<(TenantId, ApiToken)>, ServerStoreError> {
        self.readers.run(move |db| tokens::find(db, secret)).await
    }

    async fn record_token_use(
        &self,
        tenant: &TenantId,
        id: &str,
        on: NaiveDate,
    ) -> Result<(), ServerStoreError> {
        let id = id.to_owned();
        self.write(tenant, move |batch, tenant| {
            tokens::record_use(batch.db, tenant, &id, on)
        })
        .await
    }

    async fn tokens(&self, tenant: &TenantId) -> Result<Vec<ApiToken>, ServerStoreError> {
        self.read(tenant, tokens::all).await
    }

    async fn revoke_tokens(
        &self,
        tenant: &TenantId,
        of: &Actor,
        audit: NewAuditEntry,
    ) -> Result<Vec<String>, ServerStoreError> {
        let of = of.clone();
        let revoke = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = tokens::all(batch.db, tenant)?;
            let ids = tokens::revoke(batch.db, tenant, &of, audit.at)?;
            for id in &ids {
                audit::append(batch.db, tenant, &revocation(&audit, id, &former))?;
            }
            Ok(ids)
        };
        self.write(tenant, revoke).await
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ServerStoreError> {
        let (filter, page, tenant) = (filter.clone(), page.clone(), tenant.clone());
        let search = move |db: &rusqlite::Connection| audit::search(db, &tenant, &filter, &page);
        self.readers.run_long(search).await
    }

    async fn verify_audit(&self, tenant: &TenantId) -> Result<AuditReport, ServerStoreError> {
        let tenant = tenant.clone();
        let verify = move |db: &rusqlite::Connection| audit::verify(db, &tenant);
        self.readers.run_long(verify).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| events::page(db, tenant, &page))
            .await
    }

    async fn newest_events(
        &self,
        tenant: &TenantId,
        kind: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, ServerStoreError> {
        let (page, kind) = (page.clone(), kind.map(str::to_owned));
        self.read(tenant, move |db, tenant| {
            events::newest(db, tenant, kind.as_deref(), &page)
        })
        .await
    }

    async fn forget_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<usize, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            events::forget(batch.db, tenant, before, keep)
        })
        .await
    }

    async fn begin_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        body: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<IdempotencyState, ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::begin(batch.db, tenant, &key, &body, now)
        })
        .await
    }

    async fn finish_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        response: StoredResponse,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::finish(batch.db, tenant, &key, &response)
        })
        .await
    }

    async fn abandon_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::abandon(batch.db, tenant, &key)
        })
        .await
    }

    async fn forget_requests(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::forget(batch.db, tenant, before, keep)
        })
        .await
    }
}

fn create_token(
    batch: &mut Batch<'_>,
    tenant: &TenantId,
    token: &ApiToken,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let is_created = tokens::create(batch.db, tenant, token)?;
    if is_created {
        audit::append(batch.db, tenant, audit)?;
    }
    Ok(is_created)
}
