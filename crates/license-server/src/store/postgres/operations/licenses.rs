//! Licenses and the lists that the vendor signs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use license_core::LicenseId;

use crate::domain::{
    LicenseRecord, LicenseSelection, NewAuditEntry, Page, PageRequest, PoolId, RevocationRecord,
    RevokedLicenseIds, StatementRecord, TenantId,
};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{PostgresStore, audit, license_terms, licenses, tenants};
use crate::store::{LicenseStore, ServerStoreError};

#[async_trait]
impl LicenseStore for PostgresStore {
    async fn install_licenses(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = install(&db, &records, &audit).await;
        db.end(result).await
    }

    async fn install_unshared_licenses(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<Option<usize>, ServerStoreError> {
        let mut db = self.database.begin(tenant).await?;
        let result = install_unshared(&mut db, tenant, &records, &audit).await;
        db.end(result).await
    }

    async fn is_license_elsewhere(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
    ) -> Result<bool, ServerStoreError> {
        let mut db = self.database.begin_read(tenant).await?;
        let result = licenses::is_elsewhere(&mut db, tenant, &records).await;
        db.end(result).await
    }

    async fn tenant_of_license(&self, name: &str) -> Result<Option<TenantId>, ServerStoreError> {
        let db = self.database.begin_read_by_license(name).await?;
        let result = licenses::tenant_of(&db, name).await;
        db.end(result).await
    }

    async fn licensed_tenants(&self) -> Result<Vec<TenantId>, ServerStoreError> {
        let db = self.database.begin_read_for_all().await?;
        let result = licenses::tenants(&db).await;
        db.end(result).await
    }

    async fn licenses(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::page(&db, page).await;
        db.end(result).await
    }

    async fn search_licenses(
        &self,
        tenant: &TenantId,
        selection: &LicenseSelection,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = license_terms::search(&db, selection, page).await;
        db.end(result).await
    }

    async fn is_indexed(
        &self,
        tenant: &TenantId,
        has_lists: bool,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = license_terms::index_state(&db).await;
        let state = db.end(result).await?;
        Ok(state.0 && (state.1 || !has_lists))
    }

    async fn index_licenses(
        &self,
        tenant: &TenantId,
        lists: Vec<RevokedLicenseIds>,
    ) -> Result<usize, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = put_revoked(&db, &lists).await;
        db.end(result).await?;
        let mut count = 0;
        loop {
            let db = self.database.begin(tenant).await?;
            let result = license_terms::index(&db).await;
            match db.end(result).await? {
                0 => return Ok(count),
                indexed => count += indexed,
            }
        }
    }

    async fn had_license(&self, tenant: &TenantId) -> Result<bool, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::had_any(&db).await;
        db.end(result).await
    }

    async fn license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Option<LicenseRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::get(&db, id).await;
        db.end(result).await
    }

    async fn licenses_by_key(
        &self,
        tenant: &TenantId,
        key: &str,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::by_key(&db, key).await;
        db.end(result).await
    }

    async fn licenses_of_pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::of_pool(&db, pool).await;
        db.end(result).await
    }

    async fn successors(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::successors(&db, id).await;
        db.end(result).await
    }

    async fn content_version(&self, tenant: &TenantId) -> Result<u64, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = tenants::content_version(&db).await;
        db.end(result).await
    }

    async fn remove_license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = remove(&db, id, &audit).await;
        db.end(result).await
    }

    async fn import_revocations(
        &self,
        tenant: &TenantId,
        list: RevocationRecord,
        revoked: Vec<LicenseId>,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = import_revocations(&db, &list, revoked, &audit).await;
        db.end(result).await
    }

    async fn revocations(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<RevocationRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::revocations(&db).await;
        db.end(result).await
    }

    async fn import_statements(
        &self,
        tenant: &TenantId,
        armors: Vec<String>,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError> {
        let now = self.clock.wall();
        let db = self.database.begin(tenant).await?;
        let result = import_statements(&db, &armors, now, &audit).await;
        db.end(result).await
    }

    async fn trust_changed(
        &self,
        tenant: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = content_changed(&db, &audit).await;
        db.end(result).await
    }

    async fn statements(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<StatementRecord>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = licenses::statements(&db).await;
        db.end(result).await
    }
}

async fn install(
    db: &Transaction,
    records: &[LicenseRecord],
    audit: &NewAuditEntry,
) -> Result<usize, ServerStoreError> {
    let count = licenses::install(db, records).await?;
    if count > 0 {
        content_changed(db, audit).await?;
    }
    Ok(count)
}

async fn install_unshared(
    db: &mut Transaction,
    tenant: &TenantId,
    records: &[LicenseRecord],
    audit: &NewAuditEntry,
) -> Result<Option<usize>, ServerStoreError> {
    licenses::lock_unshared(db).await?;
    if licenses::is_elsewhere(db, tenant, records).await? {
        return Ok(None);
    }
    install(db, records, audit).await.map(Some)
}

async fn remove(
    db: &Transaction,
    id: &LicenseId,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let former = licenses::get(db, id).await?;
    let is_removed = licenses::remove(db, id).await?;
    if is_removed {
        let replaced = former.as_ref().map(|former| former.supersedes.as_slice());
        license_terms::update_replaced(db, replaced.unwrap_or_default()).await?;
        let former = former.map(|former| former.audited());
        content_changed(db, &audit.clone().with_before(former)).await?;
    }
    Ok(is_removed)
}

async fn import_revocations(
    db: &Transaction,
    list: &RevocationRecord,
    revoked: Vec<LicenseId>,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let former = licenses::revocations(db).await?;
    let is_new = licenses::put_revocations(db, list).await?;
    if is_new {
        let revoked = RevokedLicenseIds {
            product: list.product.clone(),
            issuer: list.issuer.clone(),
            ids: revoked,
        };
        license_terms::put_revoked(db, &revoked).await?;
        let former = list.former(&former);
        content_changed(db, &audit.clone().with_before(former)).await?;
    }
    Ok(is_new)
}

async fn put_revoked(
    db: &Transaction,
    lists: &[RevokedLicenseIds],
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    for list in lists {
        license_terms::put_revoked(db, list).await?;
    }
    Ok(())
}

async fn import_statements(
    db: &Transaction,
    armors: &[String],
    now: DateTime<Utc>,
    audit: &NewAuditEntry,
) -> Result<usize, ServerStoreError> {
    let count = licenses::put_statements(db, armors, now).await?;
    if count > 0 {
        content_changed(db, audit).await?;
    }
    Ok(count)
}

/// Records a change of the content that servers cache.
async fn content_changed(db: &Transaction, audit: &NewAuditEntry) -> Result<(), ServerStoreError> {
    tenants::content_changed(db).await?;
    audit::append(db, audit).await
}
