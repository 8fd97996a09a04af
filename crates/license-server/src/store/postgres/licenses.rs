//! Licenses and signed lists.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;

use super::license_terms;
use super::queries::query;
use super::tenants;
use super::transaction::{Transaction, VisibleRows};
use super::values::{
    after_number, bad_row, column, digest, excess, license_id, millis, number, read_all, read_page,
    time,
};
use crate::domain::{
    LicenseRecord, Page, PageRequest, PoolId, RevocationRecord, StatementRecord, TenantId,
};
use crate::store::ServerStoreError;

/// The advisory lock of installations that check the licenses of other tenants.
const UNSHARED_LOCK: i64 = 0x4C69_6354;

/// Stores licenses, and ignores those that are stored already. Returns how many are new.
pub(super) async fn install(
    db: &Transaction,
    licenses: &[LicenseRecord],
) -> Result<usize, ServerStoreError> {
    let tenant = db.tenant();
    tenants::lock(db).await?;
    let mut count = 0;
    for license in licenses {
        if get(db, &license.id).await?.is_some() {
            continue;
        }
        db.execute(
            query!("license_insert"),
            &[
                &tenant,
                &license.id.as_str(),
                &license.pool.as_str(),
                &license.key,
                &license.short_key,
                &license.product,
                &license.customer,
                &license.token,
                &millis(license.installed_at),
            ],
        )
        .await?;
        for replaced in &license.supersedes {
            db.execute(
                query!("superseded_insert"),
                &[&tenant, &replaced.as_str(), &license.id.as_str()],
            )
            .await?;
        }
        license_terms::put(db, license).await?;
        count += 1;
    }
    if count > 0 {
        db.execute(query!("license_had"), &[&tenant]).await?;
    }
    Ok(count)
}

/// Waits until no other transaction checks and installs licenses that no other tenant may have.
pub(super) async fn lock_unshared(db: &Transaction) -> Result<(), ServerStoreError> {
    db.query(query!("schema_lock"), &[&UNSHARED_LOCK]).await?;
    Ok(())
}

/// Returns whether another tenant has a license with one of the names of these licenses.
pub(super) async fn is_elsewhere(
    db: &mut Transaction,
    tenant: &TenantId,
    licenses: &[LicenseRecord],
) -> Result<bool, ServerStoreError> {
    let mut is_elsewhere = false;
    for name in licenses.iter().flat_map(LicenseRecord::names) {
        db.see(VisibleRows::License(name)).await?;
        let found = db
            .query_opt(query!("license_elsewhere"), &[&tenant.as_str(), &name])
            .await?;
        is_elsewhere |= found.is_some();
    }
    db.set_tenant(tenant).await?;
    Ok(is_elsewhere)
}

/// Returns the tenant, other than that of the server, that has a license with a name. The
/// transaction sees the licenses with this name.
pub(super) async fn tenant_of(
    db: &Transaction,
    name: &str,
) -> Result<Option<TenantId>, ServerStoreError> {
    let row = db.query_opt(query!("license_tenant"), &[&name]).await?;
    row.as_ref().map(read_tenant).transpose()
}

/// Returns the tenants that have or had a license, in a transaction for all tenants.
pub(super) async fn tenants(db: &Transaction) -> Result<Vec<TenantId>, ServerStoreError> {
    let rows = db.query(query!("license_tenants"), &[]).await?;
    read_all(&rows, read_tenant)
}

fn read_tenant(row: &Row) -> Result<TenantId, ServerStoreError> {
    Ok(TenantId::from_column(row.try_get(0)?))
}

/// Returns whether a license was ever installed.
pub(super) async fn had_any(db: &Transaction) -> Result<bool, ServerStoreError> {
    let row = db
        .query_opt(query!("license_had_any"), &[&db.tenant()])
        .await?;
    let found: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(found == Some(1))
}

/// Returns a license.
pub(super) async fn get(
    db: &Transaction,
    id: &LicenseId,
) -> Result<Option<LicenseRecord>, ServerStoreError> {
    let row = db
        .query_opt(query!("license_get"), &[&db.tenant(), &id.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Returns the licenses with a key.
pub(super) async fn by_key(
    db: &Transaction,
    key: &str,
) -> Result<Vec<LicenseRecord>, ServerStoreError> {
    let rows = db
        .query(query!("license_by_key"), &[&db.tenant(), &key])
        .await?;
    read_all(&rows, read)
}

/// Returns the licenses of a pool, in the order of their installation.
pub(super) async fn of_pool(
    db: &Transaction,
    pool: &PoolId,
) -> Result<Vec<LicenseRecord>, ServerStoreError> {
    let rows = db
        .query(query!("license_of_pool"), &[&db.tenant(), &pool.as_str()])
        .await?;
    read_all(&rows, read)
}

/// Returns the licenses that replace a license.
pub(super) async fn successors(
    db: &Transaction,
    id: &LicenseId,
) -> Result<Vec<LicenseRecord>, ServerStoreError> {
    let rows = db
        .query(query!("license_successors"), &[&db.tenant(), &id.as_str()])
        .await?;
    read_all(&rows, read)
}

/// Returns licenses, in the order of their installation.
pub(super) async fn page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<LicenseRecord>, ServerStoreError> {
    let rows = db
        .query(
            query!("license_page"),
            &[&db.tenant(), &after_number(page)?, &excess(page)],
        )
        .await?;
    read_page(&rows, read, page, |license| license.number.to_string())
}

/// Removes a license. Returns whether it was stored.
pub(super) async fn remove(db: &Transaction, id: &LicenseId) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let count = db
        .execute(query!("license_delete"), &[&db.tenant(), &id.as_str()])
        .await?;
    Ok(count > 0)
}

/// Reads a license.
pub(super) fn read(row: &Row) -> Result<LicenseRecord, ServerStoreError> {
    let (id, pool): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
    let supersedes: Vec<&str> = row.try_get(9)?;
    let supersedes = supersedes
        .into_iter()
        .map(|text| license_id("superseded_licenses", text));
    Ok(LicenseRecord {
        number: number("licenses", row.try_get(0)?)?,
        id: license_id("licenses", id)?,
        pool: PoolId::parse(pool).ok_or_else(|| bad_row("licenses", pool))?,
        key: row.try_get(3)?,
        short_key: row.try_get(4)?,
        product: row.try_get(5)?,
        customer: row.try_get(6)?,
        token: row.try_get(7)?,
        installed_at: time(row.try_get(8)?),
        supersedes: supersedes.collect::<Result<_, _>>()?,
        is_superseded: row.try_get(10)?,
    })
}

/// Stores a revocation list, unless the stored list is as new. Returns whether it was stored.
pub(super) async fn put_revocations(
    db: &Transaction,
    list: &RevocationRecord,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let count = db
        .execute(
            query!("revocations_put"),
            &[
                &db.tenant(),
                &list.product,
                &list.issuer,
                &column(list.seq),
                &list.armor,
                &list.digest.as_slice(),
                &millis(list.imported_at),
            ],
        )
        .await?;
    Ok(count > 0)
}

/// Returns the newest revocation lists.
pub(super) async fn revocations(
    db: &Transaction,
) -> Result<Vec<RevocationRecord>, ServerStoreError> {
    let rows = db.query(query!("revocations_all"), &[&db.tenant()]).await?;
    read_all(&rows, |row| {
        Ok(RevocationRecord {
            product: row.try_get(0)?,
            issuer: row.try_get(1)?,
            seq: number("revocation_lists", row.try_get(2)?)?,
            armor: row.try_get(3)?,
            digest: digest("revocation_lists", row, 4)?,
            imported_at: time(row.try_get(5)?),
        })
    })
}

/// Appends trust statements, and ignores those that are stored. Returns how many are new.
pub(super) async fn put_statements(
    db: &Transaction,
    armors: &[String],
    now: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let mut count = 0;
    for armor in armors {
        let stored = db
            .execute(
                query!("statement_insert"),
                &[&db.tenant(), armor, &millis(now)],
            )
            .await?;
        count += super::values::count(stored);
    }
    Ok(count)
}

/// Returns all trust statements, in the order of import.
pub(super) async fn statements(db: &Transaction) -> Result<Vec<StatementRecord>, ServerStoreError> {
    let rows = db.query(query!("statement_all"), &[&db.tenant()]).await?;
    read_all(&rows, |row| {
        Ok(StatementRecord {
            number: number("trust_statements", row.try_get(0)?)?,
            armor: row.try_get(1)?,
            imported_at: time(row.try_get(2)?),
        })
    })
}
