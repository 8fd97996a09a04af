//! The deletion of a tenant.

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::queries::query;
use super::sessions;
use super::values::{collect, millis};
use super::writer::Batch;
use crate::domain::{AccountId, SecondFactor, TenantDeletion, TenantId};
use crate::store::ServerStoreError;
use crate::store::rows::TABLES;

/// Deletes all rows of a tenant, the sessions in it, and the accounts that only it lets in.
pub(super) fn delete(
    batch: &mut Batch<'_>,
    tenant: &TenantId,
    proof: Option<&(AccountId, SecondFactor)>,
    at: DateTime<Utc>,
) -> Result<TenantDeletion, ServerStoreError> {
    let (db, id) = (batch.db, tenant.as_str());
    if let Some((account, factor)) = proof
        && !sessions::use_factor(db, account, factor)?
    {
        return Ok(TenantDeletion::CodeUsed);
    }
    // From here on, the audit trail can be deleted, and no row of the tenant can come back.
    let marked = db
        .prepare_cached(query!("tenant_delete"))?
        .execute(params![id, millis(at)])?;
    if marked == 0 {
        return Ok(TenantDeletion::NotFound);
    }
    let mut bound = db.prepare_cached(query!("member_bound"))?;
    let bound: Vec<String> = collect(&mut bound, [id], |row| Ok(row.get(0)?))?;
    if let Some(pools) = &mut batch.pools {
        pools.forget_tenant(tenant);
    }
    for table in TABLES.iter().rev() {
        // The name is one of a fixed list, so it needs no escape.
        db.execute(&format!("DELETE FROM {table} WHERE tenant = ?1"), [id])?;
    }
    db.prepare_cached(query!("session_end_of_tenant"))?
        .execute([id])?;
    let mut delete = db.prepare_cached(query!("account_delete"))?;
    for account in &bound {
        delete.execute([account])?;
    }
    Ok(TenantDeletion::Deleted)
}
