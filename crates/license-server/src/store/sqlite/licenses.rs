//! Licenses and signed lists.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::license_terms;
use super::queries::query;
use super::values::{
    after_number, bad_row, collect, collect_page, column, excess, license_id, millis, number, time,
};
use crate::domain::{
    LicenseRecord, Page, PageRequest, PoolId, RevocationRecord, StatementRecord, TenantId,
};
use crate::store::ServerStoreError;

/// Stores licenses, and ignores those that are stored already. Returns how many are new.
pub(super) fn install(
    db: &Connection,
    tenant: &TenantId,
    licenses: &[LicenseRecord],
) -> Result<usize, ServerStoreError> {
    let mut count = 0;
    for license in licenses {
        if get(db, tenant, &license.id)?.is_some() {
            continue;
        }
        db.prepare_cached(query!("license_insert"))?
            .execute(params![
                tenant.as_str(),
                license.id.as_str(),
                license.pool.as_str(),
                license.key,
                license.short_key,
                license.product,
                license.customer,
                license.token,
                millis(license.installed_at),
            ])?;
        for replaced in &license.supersedes {
            db.prepare_cached(query!("superseded_insert"))?.execute([
                tenant.as_str(),
                replaced.as_str(),
                license.id.as_str(),
            ])?;
        }
        license_terms::put(db, tenant, license)?;
        count += 1;
    }
    if count > 0 {
        db.prepare_cached(query!("license_had"))?
            .execute([tenant.as_str()])?;
    }
    Ok(count)
}

/// Returns whether another tenant has a license with one of the names of these licenses.
pub(super) fn is_elsewhere(
    db: &Connection,
    tenant: &TenantId,
    licenses: &[LicenseRecord],
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_elsewhere"))?;
    for name in licenses.iter().flat_map(LicenseRecord::names) {
        if statement.exists([tenant.as_str(), name])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the tenant, other than that of the server, that has a license with a name.
pub(super) fn tenant_of(db: &Connection, name: &str) -> Result<Option<TenantId>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_tenant"))?;
    Ok(collect(&mut statement, [name], read_tenant)?
        .into_iter()
        .next())
}

/// Returns the tenants that have or had a license.
pub(super) fn tenants(db: &Connection) -> Result<Vec<TenantId>, ServerStoreError> {
    collect(
        &mut db.prepare_cached(query!("license_tenants"))?,
        [],
        read_tenant,
    )
}

fn read_tenant(row: &Row<'_>) -> Result<TenantId, ServerStoreError> {
    let id: String = row.get(0)?;
    Ok(TenantId::from_column(&id))
}

/// Returns whether a license was ever installed.
pub(super) fn had_any(db: &Connection, tenant: &TenantId) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_had_any"))?;
    let found = statement
        .query_row([tenant.as_str()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

/// Changes the number of the content, so that servers read the content again.
pub(super) fn content_changed(db: &Connection, tenant: &TenantId) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("content_changed"))?;
    statement.execute([tenant.as_str()])?;
    Ok(())
}

/// Returns the number of the content.
pub(super) fn content_version(db: &Connection, tenant: &TenantId) -> Result<u64, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("content_version"))?;
    let version = statement
        .query_row([tenant.as_str()], |row| row.get(0))
        .optional()?;
    number("tenants", version.unwrap_or(0))
}

/// Returns a license.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &LicenseId,
) -> Result<Option<LicenseRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), id.as_str()], read)?;
    Ok(found.into_iter().next())
}

/// Returns the licenses with a key.
pub(super) fn by_key(
    db: &Connection,
    tenant: &TenantId,
    key: &str,
) -> Result<Vec<LicenseRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_by_key"))?;
    collect(&mut statement, [tenant.as_str(), key], read)
}

/// Returns the licenses of a pool, in the order of their installation.
pub(super) fn of_pool(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
) -> Result<Vec<LicenseRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_of_pool"))?;
    collect(&mut statement, [tenant.as_str(), pool.as_str()], read)
}

/// Returns the licenses that replace a license.
pub(super) fn successors(
    db: &Connection,
    tenant: &TenantId,
    id: &LicenseId,
) -> Result<Vec<LicenseRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_successors"))?;
    collect(&mut statement, [tenant.as_str(), id.as_str()], read)
}

/// Returns licenses, in the order of their installation.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<LicenseRecord>, ServerStoreError> {
    let values = params![tenant.as_str(), after_number(page)?, excess(page)];
    let mut statement = db.prepare_cached(query!("license_page"))?;
    collect_page(&mut statement, values, read, page, |license| {
        license.number.to_string()
    })
}

/// Removes a license. Returns whether it was stored.
pub(super) fn remove(
    db: &Connection,
    tenant: &TenantId,
    id: &LicenseId,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_delete"))?;
    Ok(statement.execute([tenant.as_str(), id.as_str()])? > 0)
}

/// Reads a license.
pub(super) fn read(row: &Row<'_>) -> Result<LicenseRecord, ServerStoreError> {
    let (id, pool): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(LicenseRecord {
        number: number("licenses", row.get(0)?)?,
        id: license_id("licenses", &id)?,
        pool: PoolId::parse(&pool).ok_or_else(|| bad_row("licenses", &pool))?,
        key: row.get(3)?,
        short_key: row.get(4)?,
        product: row.get(5)?,
        customer: row.get(6)?,
        token: row.get(7)?,
        installed_at: time(row.get(8)?),
        supersedes: license_ids(&row.get::<_, String>(9)?)?,
        is_superseded: row.get(10)?,
    })
}

/// Reads a JSON array of license ids.
fn license_ids(json: &str) -> Result<Vec<LicenseId>, ServerStoreError> {
    let texts: Vec<String> =
        serde_json::from_str(json).map_err(|error| bad_row("superseded_licenses", error))?;
    let ids = texts
        .iter()
        .map(|text| license_id("superseded_licenses", text));
    ids.collect()
}

/// Stores a revocation list, unless the stored list is as new. Returns whether it was stored.
pub(super) fn put_revocations(
    db: &Connection,
    tenant: &TenantId,
    list: &RevocationRecord,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("revocations_put"))?;
    let count = statement.execute(params![
        tenant.as_str(),
        list.product,
        list.issuer,
        column(list.seq),
        list.armor,
        list.digest,
        millis(list.imported_at),
    ])?;
    Ok(count > 0)
}

/// Returns the newest revocation lists.
pub(super) fn revocations(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Vec<RevocationRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("revocations_all"))?;
    collect(&mut statement, [tenant.as_str()], |row| {
        Ok(RevocationRecord {
            product: row.get(0)?,
            issuer: row.get(1)?,
            seq: number("revocation_lists", row.get(2)?)?,
            armor: row.get(3)?,
            digest: row.get(4)?,
            imported_at: time(row.get(5)?),
        })
    })
}

/// Appends trust statements, and ignores those that are stored. Returns how many are new.
pub(super) fn put_statements(
    db: &Connection,
    tenant: &TenantId,
    armors: &[String],
    now: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("statement_insert"))?;
    let mut count = 0;
    for armor in armors {
        count += statement.execute(params![tenant.as_str(), armor, millis(now)])?;
    }
    Ok(count)
}

/// Returns all trust statements, in the order of import.
pub(super) fn statements(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Vec<StatementRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("statement_all"))?;
    collect(&mut statement, [tenant.as_str()], |row| {
        Ok(StatementRecord {
            number: number("trust_statements", row.get(0)?)?,
            armor: row.get(1)?,
            imported_at: time(row.get(2)?),
        })
    })
}
