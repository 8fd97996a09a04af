//! The deletion of a tenant.

use rusqlite::{Connection, params};

use super::queries::query;
use super::values::{collect, millis};
use super::writer::Batch;
use super::{accounts, audit, members, sessions, tokens};
use crate::domain::{
    AccountId, Actor, NewAuditEntry, SecondFactor, TenantDeletion, TenantId, audited_organization,
    may_delete,
};
use crate::store::ServerStoreError;
use crate::store::rows::TABLES;

/// Deletes all rows of a tenant, the sessions in it, and the accounts that only it lets in. The
/// audit entry is one of the trail of the server.
pub(super) fn delete(
    batch: &mut Batch<'_>,
    tenant: &TenantId,
    proof: Option<&(AccountId, SecondFactor)>,
    entry: &NewAuditEntry,
) -> Result<TenantDeletion, ServerStoreError> {
    let (db, id) = (batch.db, tenant.as_str());
    if !is_permitted(db, tenant, &entry.actor)? {
        return Ok(TenantDeletion::NotPermitted);
    }
    if let Some((account, factor)) = proof
        && !sessions::use_factor(db, account, factor)?
    {
        return Ok(TenantDeletion::CodeUsed);
    }
    // From here on, the audit trail can be deleted, and no row of the tenant can come back.
    let marked = db
        .prepare_cached(query!("tenant_delete"))?
        .execute(params![id, millis(entry.at)])?;
    if marked == 0 {
        return Ok(TenantDeletion::NotFound);
    }
    let (name, (entries, hash)) = (members::tenant_name(db, tenant)?, audit::head(db, tenant)?);
    let former = audited_organization(name.as_deref(), entries, &hash);
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
    let entry = entry.clone().with_before(Some(former));
    audit::append(db, &TenantId::site(), &entry)?;
    Ok(TenantDeletion::Deleted)
}

/// Returns whether a caller may still delete a tenant. Both can have ended while the request
/// waited.
fn is_permitted(
    db: &Connection,
    tenant: &TenantId,
    caller: &Actor,
) -> Result<bool, ServerStoreError> {
    match caller.identity() {
        Actor::Account(account) => {
            // An account has no role in a tenant that was deleted.
            let role = accounts::role_in(db, tenant, account)?;
            Ok(may_delete(role) || is_deleted(db, tenant)?)
        }
        token => Ok(!tokens::is_revoked(db, tenant, &token.to_string())?),
    }
}

/// Returns whether a tenant was deleted.
pub(super) fn is_deleted(db: &Connection, tenant: &TenantId) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("tenant_is_deleted"))?;
    Ok(statement.exists([tenant.as_str()])?)
}
