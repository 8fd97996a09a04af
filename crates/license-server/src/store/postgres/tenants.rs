//! The row of a tenant, which a change locks before it takes a number or counts rows.

use super::queries::query;
use super::transaction::Transaction;
use super::values::number;
use crate::domain::TenantId;
use crate::store::ServerStoreError;

/// Locks the row of the tenant until the end of the transaction, so that other changes of the
/// tenant wait. A change that takes numbers, counts rows or changes several rows begins with this
/// lock, so that two changes neither exceed a limit nor wait for each other in a circle.
pub(super) async fn lock(db: &Transaction) -> Result<(), ServerStoreError> {
    db.execute(query!("tenant_lock"), &[&db.tenant()]).await?;
    Ok(())
}

/// Returns all tenants, in a transaction for all tenants.
pub(super) async fn all(db: &Transaction) -> Result<Vec<TenantId>, ServerStoreError> {
    let rows = db.query(query!("tenant_all"), &[]).await?;
    let ids = rows.iter().map(|row| {
        let id: &str = row.try_get(0)?;
        Ok(TenantId::from_column(id))
    });
    ids.collect()
}

/// Changes the number of the content, so that servers read the content again.
pub(super) async fn content_changed(db: &Transaction) -> Result<(), ServerStoreError> {
    db.execute(query!("content_changed"), &[&db.tenant()])
        .await?;
    Ok(())
}

/// Returns the number of the content.
pub(super) async fn content_version(db: &Transaction) -> Result<u64, ServerStoreError> {
    let row = db
        .query_opt(query!("content_version"), &[&db.tenant()])
        .await?;
    let version = row.map(|row| row.try_get(0)).transpose()?;
    number("tenants", version.unwrap_or(0))
}
