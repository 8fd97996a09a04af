//! Licenses and the lists that the vendor signs.

use async_trait::async_trait;
use license_core::LicenseId;
use rusqlite::Connection;

use crate::domain::{
    LicenseRecord, LicenseSelection, NewAuditEntry, Page, PageRequest, PoolId, RevocationRecord,
    RevokedLicenseIds, StatementRecord, TenantId,
};
use crate::store::sqlite::writer::Batch;
use crate::store::sqlite::{SqliteStore, audit, license_terms, licenses};
use crate::store::{LicenseStore, ServerStoreError};

/// The largest page of licenses that is read on the thread of its caller.
const FEW: usize = 10;

#[async_trait]
impl LicenseStore for SqliteStore {
    async fn install_licenses(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError> {
        let install = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            install(batch, tenant, &records, &audit)
        };
        self.write(tenant, install).await
    }

    async fn install_unshared_licenses(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<Option<usize>, ServerStoreError> {
        let install = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            if licenses::is_elsewhere(batch.db, tenant, &records)? {
                return Ok(None);
            }
            install(batch, tenant, &records, &audit).map(Some)
        };
        self.write(tenant, install).await
    }

    async fn is_license_elsewhere(
        &self,
        tenant: &TenantId,
        records: Vec<LicenseRecord>,
    ) -> Result<bool, ServerStoreError> {
        self.read(tenant, move |db, tenant| {
            licenses::is_elsewhere(db, tenant, &records)
        })
        .await
    }

    async fn tenant_of_license(&self, name: &str) -> Result<Option<TenantId>, ServerStoreError> {
        let name = name.to_owned();
        self.readers
            .run_short(move |db| licenses::tenant_of(db, &name))
            .await
    }

    async fn licensed_tenants(&self) -> Result<Vec<TenantId>, ServerStoreError> {
        self.readers.run(licenses::tenants).await
    }

    async fn licenses(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, ServerStoreError> {
        let few = page.limit() <= FEW;
        let page = page.clone();
        let query = move |db: &Connection, tenant: &TenantId| licenses::page(db, tenant, &page);
        if few {
            return self.read_short(tenant, query).await;
        }
        self.read(tenant, query).await
    }

    async fn search_licenses(
        &self,
        tenant: &TenantId,
        selection: &LicenseSelection,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, ServerStoreError> {
        let (selection, page) = (selection.clone(), page.clone());
        self.read(tenant, move |db, tenant| {
            license_terms::search(db, tenant, &selection, &page)
        })
        .await
    }

    async fn is_indexed(
        &self,
        tenant: &TenantId,
        has_lists: bool,
    ) -> Result<bool, ServerStoreError> {
        let state = self.read_short(tenant, license_terms::index_state).await?;
        Ok(state.0 && (state.1 || !has_lists))
    }

    async fn index_licenses(
        &self,
        tenant: &TenantId,
        lists: Vec<RevokedLicenseIds>,
    ) -> Result<usize, ServerStoreError> {
        let put = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let mut lists = lists.iter();
            lists.try_for_each(|list| license_terms::put_revoked(batch.db, tenant, list))
        };
        self.write(tenant, put).await?;
        let mut count = 0;
        loop {
            let index =
                |batch: &mut Batch<'_>, tenant: &TenantId| license_terms::index(batch.db, tenant);
            match self.write(tenant, index).await? {
                0 => return Ok(count),
                indexed => count += indexed,
            }
        }
    }

    async fn had_license(&self, tenant: &TenantId) -> Result<bool, ServerStoreError> {
        self.read(tenant, licenses::had_any).await
    }

    async fn license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Option<LicenseRecord>, ServerStoreError> {
        let id = id.clone();
        self.read_short(tenant, move |db, tenant| licenses::get(db, tenant, &id))
            .await
    }

    async fn licenses_by_key(
        &self,
        tenant: &TenantId,
        key: &str,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError> {
        let key = key.to_owned();
        self.read_short(tenant, move |db, tenant| licenses::by_key(db, tenant, &key))
            .await
    }

    async fn licenses_of_pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError> {
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
    ) -> Result<Vec<LicenseRecord>, ServerStoreError> {
        let id = id.clone();
        self.read_short(tenant, move |db, tenant| {
            licenses::successors(db, tenant, &id)
        })
        .await
    }

    async fn content_version(&self, tenant: &TenantId) -> Result<u64, ServerStoreError> {
        self.read_short(tenant, licenses::content_version).await
    }

    async fn remove_license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.clone();
        let remove = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = licenses::get(batch.db, tenant, &id)?;
            let is_removed = licenses::remove(batch.db, tenant, &id)?;
            if is_removed {
                licenses::content_changed(batch.db, tenant)?;
                let replaced = former.as_ref().map(|former| former.supersedes.as_slice());
                license_terms::update_replaced(batch.db, tenant, replaced.unwrap_or_default())?;
                let audit = audit.with_before(former.map(|former| former.audited()));
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
        revoked: Vec<LicenseId>,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let revoked = RevokedLicenseIds {
            product: list.product.clone(),
            issuer: list.issuer.clone(),
            ids: revoked,
        };
        let import = move |batch: &mut Batch<'_>, tenant: &TenantId| {
            let former = licenses::revocations(batch.db, tenant)?;
            let is_new = licenses::put_revocations(batch.db, tenant, &list)?;
            if is_new {
                license_terms::put_revoked(batch.db, tenant, &revoked)?;
                licenses::content_changed(batch.db, tenant)?;
                let audit = audit.with_before(list.former(&former));
                audit::append(batch.db, tenant, &audit)?;
            }
            Ok(is_new)
        };
        self.write(tenant, import).await
    }

    async fn revocations(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<RevocationRecord>, ServerStoreError> {
        self.read(tenant, licenses::revocations).await
    }

    async fn import_statements(
        &self,
        tenant: &TenantId,
        armors: Vec<String>,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError> {
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

    async fn trust_changed(
        &self,
        tenant: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            licenses::content_changed(batch.db, tenant)?;
            audit::append(batch.db, tenant, &audit)
        })
        .await
    }

    async fn statements(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<StatementRecord>, ServerStoreError> {
        self.read_short(tenant, licenses::statements).await
    }
}

fn install(
    batch: &Batch<'_>,
    tenant: &TenantId,
    records: &[LicenseRecord],
    audit: &NewAuditEntry,
) -> Result<usize, ServerStoreError> {
    let count = licenses::install(batch.db, tenant, records)?;
    if count > 0 {
        licenses::content_changed(batch.db, tenant)?;
        audit::append(batch.db, tenant, audit)?;
    }
    Ok(count)
}
