//! The operations of the store.

use std::path::Path;
use std::sync::PoisonError;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_seats::LeaseTime;

use super::tokens::TokenRevocation;
use super::writer::Batch;
use super::{
    SqliteStore, audit, backup, events, licenses, machines, pools, requests, seat_rows, tokens,
};
use crate::domain::{
    ActivationRecord, ActivationState, ApiToken, AuditEntry, AuditReport, EventRecord,
    IdempotencyKey, IdempotencyState, LicenseRecord, MachineRecord, MachineSighting, NewAuditEntry,
    NewEvent, Page, PageRequest, PoolId, RevocationRecord, SeatPolicy, SecretDigest,
    StatementRecord, StoredResponse, TenantId, UsageRecord,
};
use crate::store::{LeaseRow, PoolReply, PoolRequest, PoolView, Store, StoreError, TicketRow};

impl SqliteStore {
    /// Runs a change in the next batch.
    async fn write<T, F>(&self, tenant: &TenantId, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>, &TenantId) -> Result<T, StoreError> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.writer.run(move |batch| change(batch, &tenant)).await
    }

    /// Runs a query on a connection that only reads.
    async fn read<T, F>(&self, tenant: &TenantId, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection, &TenantId) -> Result<T, StoreError> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.readers.run(move |db| query(db, &tenant)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn install_licenses(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<usize, StoreError> {
        let install = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let count = licenses::install(batch.db, tenant, &records)?;
            if count > 0 {
                licenses::content_changed(batch.db, tenant)?;
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(count)
        };
        self.write(tenant, install).await
    }

    async fn licenses(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, StoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| licenses::page(db, tenant, &page))
            .await
    }

    async fn license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Option<LicenseRecord>, StoreError> {
        let id = id.clone();
        self.read(tenant, move |db, tenant| licenses::get(db, tenant, &id))
            .await
    }

    async fn licenses_by_key(
        &self,
        tenant: &TenantId,
        key: &str,
    ) -> Result<Vec<LicenseRecord>, StoreError> {
        let key = key.to_owned();
        self.read(tenant, move |db, tenant| licenses::by_key(db, tenant, &key))
            .await
    }

    async fn licenses_of_pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<LicenseRecord>, StoreError> {
        let pool = pool.clone();
        self.read(tenant, move |db, tenant| {
            licenses::of_pool(db, tenant, &pool)
        })
        .await
    }

    async fn successors(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Vec<LicenseRecord>, StoreError> {
        let id = id.clone();
        self.read(tenant, move |db, tenant| {
            licenses::successors(db, tenant, &id)
        })
        .await
    }

    async fn content_version(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        self.read(tenant, licenses::content_version).await
    }

    async fn remove_license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let id = id.clone();
        let remove = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let is_removed = licenses::remove(batch.db, tenant, &id)?;
            if is_removed {
                licenses::content_changed(batch.db, tenant)?;
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(is_removed)
        };
        self.write(tenant, remove).await
    }

    async fn import_revocations(
        &self,
        tenant: &TenantId,
        list: RevocationRecord,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let import = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let is_new = licenses::put_revocations(batch.db, tenant, &list)?;
            if is_new {
                licenses::content_changed(batch.db, tenant)?;
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(is_new)
        };
        self.write(tenant, import).await
    }

    async fn revocations(&self, tenant: &TenantId) -> Result<Vec<RevocationRecord>, StoreError> {
        self.read(tenant, licenses::revocations).await
    }

    async fn import_statements(
        &self,
        tenant: &TenantId,
        armors: Vec<String>,
        audit: NewAuditEntry,
    ) -> Result<usize, StoreError> {
        let import = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let count = licenses::put_statements(batch.db, tenant, &armors, batch.wall)?;
            if count > 0 {
                licenses::content_changed(batch.db, tenant)?;
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(count)
        };
        self.write(tenant, import).await
    }

    async fn statements(&self, tenant: &TenantId) -> Result<Vec<StatementRecord>, StoreError> {
        self.read(tenant, licenses::statements).await
    }

    async fn record_machines(
        &self,
        tenant: &TenantId,
        sightings: Vec<MachineSighting>,
    ) -> Result<(), StoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::record(batch.db, tenant, &sightings)
        })
        .await
    }

    async fn machines(
        &self,
        tenant: &TenantId,
        license: Option<&LicenseId>,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, StoreError> {
        let (license, page) = (license.cloned(), page.clone());
        self.read(tenant, move |db, tenant| {
            machines::page(db, tenant, license.as_ref(), &page)
        })
        .await
    }

    async fn store_activation(
        &self,
        tenant: &TenantId,
        activation: ActivationRecord,
    ) -> Result<ActivationRecord, StoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::store_activation(batch.db, tenant, activation)
        })
        .await
    }

    async fn activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
    ) -> Result<Option<ActivationRecord>, StoreError> {
        let nonce = nonce.to_owned();
        self.read(tenant, move |db, tenant| {
            machines::activation(db, tenant, &nonce)
        })
        .await
    }

    async fn activations(
        &self,
        tenant: &TenantId,
        state: Option<ActivationState>,
        page: &PageRequest,
    ) -> Result<Page<ActivationRecord>, StoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            machines::activation_page(db, tenant, state, &page)
        })
        .await
    }

    async fn answer_activation(
        &self,
        tenant: &TenantId,
        nonce: &str,
        answer: String,
        audit: NewAuditEntry,
    ) -> Result<Option<ActivationRecord>, StoreError> {
        let nonce = nonce.to_owned();
        let change = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let answered = machines::answer(batch.db, tenant, &nonce, &answer, batch.wall)?;
            if answered.is_some() {
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(answered)
        };
        self.write(tenant, change).await
    }

    async fn deactivate(
        &self,
        tenant: &TenantId,
        nonce: &str,
        receipt: String,
    ) -> Result<Option<ActivationRecord>, StoreError> {
        let nonce = nonce.to_owned();
        self.write(tenant, move |batch, tenant| {
            machines::deactivate(batch.db, tenant, &nonce, &receipt)
        })
        .await
    }

    async fn store_usage(
        &self,
        tenant: &TenantId,
        reports: Vec<UsageRecord>,
    ) -> Result<usize, StoreError> {
        self.write(tenant, move |batch, tenant| {
            machines::store_usage(batch.db, tenant, &reports)
        })
        .await
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<UsageRecord>, StoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            machines::usage_page(db, tenant, &page)
        })
        .await
    }

    async fn apply(
        &self,
        tenant: &TenantId,
        request: PoolRequest,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, StoreError> {
        let apply = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let (db, now) = (batch.db, batch.now);
            let pools = batch.pools.as_mut().ok_or(StoreError::NotOwner)?;
            let pool = request.pool.clone();
            let reply = pools.apply(db, tenant, request, now)?;
            events::append_seat_events(db, tenant, batch.wall, &pool, &reply.outcome.events)?;
            if let Some(audit) = audit.filter(|_| reply.outcome.reply.is_ok()) {
                audit::append(db, tenant, &audit)?;
            }
            Ok(reply)
        };
        self.write(tenant, apply).await
    }

    async fn lease_clock(&self, tenant: &TenantId) -> Result<LeaseTime, StoreError> {
        self.read(tenant, |db, _| seat_rows::stored_clock(db)).await
    }

    async fn pools(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<PoolId>, StoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            seat_rows::pool_page(db, tenant, &page)
        })
        .await
    }

    async fn due_pools(&self, tenant: &TenantId) -> Result<Vec<PoolId>, StoreError> {
        self.write(tenant, |batch, tenant| {
            let pools = batch.pools.as_mut().ok_or(StoreError::NotOwner)?;
            pools.due(batch.db, tenant, batch.now)
        })
        .await
    }

    async fn pool(&self, tenant: &TenantId, pool: &PoolId) -> Result<Option<PoolView>, StoreError> {
        let pool = pool.clone();
        if self.is_owner {
            let view = move |batch: &mut Batch<'_>, tenant: &TenantId| {
                let pools = batch.pools.as_mut().ok_or(StoreError::NotOwner)?;
                pools.view(batch.db, tenant, &pool, batch.now)
            };
            return self.write(tenant, view).await;
        }
        self.read(tenant, move |db, tenant| {
            pools::stored_view(db, tenant, &pool)
        })
        .await
    }

    async fn leases(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<LeaseRow>, StoreError> {
        let (pool, page) = (pool.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            seat_rows::lease_page(db, tenant, &pool, &page)
        })
        .await
    }

    async fn tickets(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        page: &PageRequest,
    ) -> Result<Page<TicketRow>, StoreError> {
        let (pool, page) = (pool.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            seat_rows::ticket_page(db, tenant, &pool, &page)
        })
        .await
    }

    async fn seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Option<SeatPolicy>, StoreError> {
        let pool = pool.clone();
        self.read(tenant, move |db, tenant| {
            seat_rows::policy(db, tenant, &pool)
        })
        .await
    }

    async fn set_seat_policy(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        policy: SeatPolicy,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let pool = pool.clone();
        self.write(tenant, move |batch, tenant| {
            seat_rows::set_policy(batch.db, tenant, &pool, &policy)?;
            licenses::content_changed(batch.db, tenant)?;
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }

    async fn begin_setup(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
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
    ) -> Result<bool, StoreError> {
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
    ) -> Result<bool, StoreError> {
        let complete = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            if !tokens::end_setup(batch.db, tenant, secret, token.created_at)? {
                return Ok(false);
            }
            tokens::create(batch.db, tenant, &token)?;
            audit::append(batch.db, tenant, &audit)?;
            Ok(true)
        };
        self.write(tenant, complete).await
    }

    async fn create_token(
        &self,
        tenant: &TenantId,
        token: ApiToken,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        self.write(tenant, move |batch, tenant| {
            tokens::create(batch.db, tenant, &token)?;
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }

    async fn find_token(
        &self,
        tenant: &TenantId,
        secret: SecretDigest,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.read(tenant, move |db, tenant| tokens::find(db, tenant, secret))
            .await
    }

    async fn tokens(&self, tenant: &TenantId) -> Result<Vec<ApiToken>, StoreError> {
        self.read(tenant, tokens::all).await
    }

    async fn revoke_token(
        &self,
        tenant: &TenantId,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let revoke = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let revocation = tokens::revoke(batch.db, tenant, &id, audit.at)?;
            if revocation == TokenRevocation::Revoked {
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(revocation != TokenRevocation::Unknown)
        };
        self.write(tenant, revoke).await
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| audit::page(db, tenant, &page))
            .await
    }

    async fn verify_audit(&self, tenant: &TenantId) -> Result<AuditReport, StoreError> {
        self.read(tenant, audit::verify).await
    }

    async fn append_events(
        &self,
        tenant: &TenantId,
        at: DateTime<Utc>,
        new: Vec<NewEvent>,
    ) -> Result<(), StoreError> {
        self.write(tenant, move |batch, tenant| {
            events::append(batch.db, tenant, at, &new)
        })
        .await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, StoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| events::page(db, tenant, &page))
            .await
    }

    async fn forget_events(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        self.write(tenant, move |batch, tenant| {
            events::forget(batch.db, tenant, before)
        })
        .await
    }

    async fn begin_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
        body: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<IdempotencyState, StoreError> {
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
    ) -> Result<(), StoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::finish(batch.db, tenant, &key, &response)
        })
        .await
    }

    async fn abandon_request(
        &self,
        tenant: &TenantId,
        key: IdempotencyKey,
    ) -> Result<(), StoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::abandon(batch.db, tenant, &key)
        })
        .await
    }

    async fn forget_requests(
        &self,
        tenant: &TenantId,
        before: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(tenant, move |batch, tenant| {
            requests::forget(batch.db, tenant, before)
        })
        .await
    }

    async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let (readers, to) = (self.readers.clone(), to.to_owned());
        // `VACUUM INTO` cannot run in a transaction.
        let task = tokio::task::spawn_blocking(move || {
            let db = readers.take()?;
            backup::back_up(&db, &to)
        });
        task.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn check(&self) -> Result<(), StoreError> {
        let tenant = TenantId::site();
        self.read(&tenant, |db, _| seat_rows::stored_clock(db))
            .await?;
        self.write(&tenant, |_, _| Ok(())).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.writer.close().await;
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(lock.take());
        Ok(())
    }
}
