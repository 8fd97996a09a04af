//! The deletion of a tenant.

use super::queries::query;
use super::seat_rows::pool_id;
use super::transaction::{Transaction, VisibleRows};
use super::values::millis;
use super::{accounts, audit, members, sessions, tokens};
use crate::domain::{
    AccountId, Actor, NewAuditEntry, PoolId, SecondFactor, TenantDeletion, TenantId,
    audited_organization, may_delete,
};
use crate::store::ServerStoreError;
use crate::store::rows::TABLES;

/// The tables with a tenant that only this store has. No other table refers to them.
pub(super) const OWN_TABLES: [&str; 1] = ["pool_changes"];

/// Deletes all rows of the tenant of the transaction, the sessions in it, and the accounts that
/// only it lets in. The audit entry is one of the trail of the server.
pub(super) async fn delete(
    db: &mut Transaction,
    proof: Option<&(AccountId, SecondFactor)>,
    entry: &NewAuditEntry,
) -> Result<TenantDeletion, ServerStoreError> {
    // The rows of an organization can be many.
    db.batch("SET LOCAL statement_timeout = '10min'").await?;
    let tenant = db.tenant().to_owned();
    // From here on, the audit trail can be deleted, and no row of the tenant can come back.
    let marked = db
        .execute(query!("tenant_delete"), &[&tenant, &millis(entry.at)])
        .await?;
    if marked == 0 {
        return Ok(TenantDeletion::NotFound);
    }
    db.query(query!("tenant_hold"), &[&tenant]).await?;
    if !is_permitted(db, &entry.actor).await? {
        return Ok(TenantDeletion::NotPermitted);
    }
    let name = members::tenant_name(db).await?;
    let (entries, hash) = audit::head(db).await?;
    let former = audited_organization(name.as_deref(), entries, &hash);
    let bound = db.query(query!("member_bound"), &[&tenant]).await?;
    for table in OWN_TABLES.iter().chain(TABLES.iter().rev()) {
        // The name is one of a fixed list, so it needs no escape.
        let sql = format!("DELETE FROM {table} WHERE tenant = $1");
        db.execute_text(&sql, &[&tenant]).await?;
    }
    // The row of a tenant is locked before those of accounts.
    db.set_tenant(&TenantId::site()).await?;
    audit::append(db, &entry.clone().with_before(Some(former))).await?;
    db.see(VisibleRows::AllTenants).await?;
    if let Some((account, factor)) = proof
        && !sessions::use_factor(db, account, factor).await?
    {
        return Ok(TenantDeletion::CodeUsed);
    }
    db.execute(query!("session_end_of_tenant"), &[&tenant])
        .await?;
    for row in &bound {
        let account: &str = row.try_get(0)?;
        db.execute(query!("account_delete"), &[&account]).await?;
    }
    Ok(TenantDeletion::Deleted)
}

/// Returns whether a caller may still delete the tenant. Both can have ended while the request
/// waited. The row of the tenant is locked.
async fn is_permitted(db: &Transaction, caller: &Actor) -> Result<bool, ServerStoreError> {
    match caller.identity() {
        Actor::Account(account) => Ok(may_delete(accounts::role_of(db, account).await?)),
        token => Ok(!tokens::is_revoked(db, &token.to_string()).await?),
    }
}

/// Returns whether the tenant of the transaction was deleted.
pub(super) async fn is_deleted(db: &Transaction) -> Result<bool, ServerStoreError> {
    let found = db
        .query_opt(query!("tenant_is_deleted"), &[&db.tenant()])
        .await?;
    Ok(found.is_some())
}

/// Returns the pools of the tenant of the transaction.
pub(super) async fn pools(db: &Transaction) -> Result<Vec<PoolId>, ServerStoreError> {
    let rows = db.query(query!("tenant_pools"), &[&db.tenant()]).await?;
    rows.iter().map(pool_id).collect()
}
