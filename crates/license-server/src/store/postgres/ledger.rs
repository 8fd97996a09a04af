//! Copies of the vendor's ledger.

use super::queries::query;
use super::transaction::Transaction;
use super::{audit, licenses, metering, tenants, trials};
use crate::domain::{LedgerCopy, LedgerPosition};
use crate::store::ServerStoreError;

/// Returns the last entry of the ledger whose content is stored.
pub(super) async fn position(db: &Transaction) -> Result<Option<LedgerPosition>, ServerStoreError> {
    let row = db
        .query_opt(query!("ledger_position_get"), &[&db.tenant()])
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(LedgerPosition {
        seq: row.try_get(0)?,
        hash: row.try_get(1)?,
    }))
}

/// Stores the content of ledger entries and the new position. Returns the number of new licenses.
pub(super) async fn copy(db: &Transaction, copy: &LedgerCopy) -> Result<usize, ServerStoreError> {
    let mut count = 0;
    for (license, entry) in &copy.licenses {
        let new = licenses::install(db, std::slice::from_ref(license)).await?;
        if let Some(entry) = entry.as_ref().filter(|_| new > 0) {
            audit::append(db, entry).await?;
        }
        count += new;
    }
    for trial in &copy.trials {
        trials::copy(db, trial).await?;
    }
    for entry in &copy.audits {
        audit::append(db, entry).await?;
    }
    if count > 0 {
        tenants::content_changed(db).await?;
    }
    metering::record(db, &copy.facts).await?;
    let LedgerPosition { seq, hash } = &copy.position;
    db.execute(query!("ledger_position_put"), &[&db.tenant(), seq, hash])
        .await?;
    Ok(count)
}
