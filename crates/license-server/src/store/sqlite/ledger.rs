//! Copies of the vendor's ledger.

use rusqlite::{Connection, OptionalExtension, params};

use super::queries::query;
use super::{audit, licenses, metering, trials};
use crate::domain::{LedgerCopy, LedgerPosition, TenantId};
use crate::store::ServerStoreError;

/// Returns the last entry of the ledger whose content is stored.
pub(super) fn position(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Option<LedgerPosition>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("ledger_position_get"))?;
    let found = statement.query_row([tenant.as_str()], |row| {
        Ok(LedgerPosition {
            seq: row.get(0)?,
            hash: row.get(1)?,
        })
    });
    Ok(found.optional()?)
}

/// Stores the content of ledger entries and the new position. Returns the number of new licenses.
pub(super) fn copy(
    db: &Connection,
    tenant: &TenantId,
    copy: &LedgerCopy,
) -> Result<usize, ServerStoreError> {
    let mut count = 0;
    for (license, entry) in &copy.licenses {
        let new = licenses::install(db, tenant, std::slice::from_ref(license))?;
        if let Some(entry) = entry.as_ref().filter(|_| new > 0) {
            audit::append(db, tenant, entry)?;
        }
        count += new;
    }
    for trial in &copy.trials {
        trials::copy(db, tenant, trial)?;
    }
    for entry in &copy.audits {
        audit::append(db, tenant, entry)?;
    }
    if count > 0 {
        licenses::content_changed(db, tenant)?;
    }
    metering::record(db, tenant, &copy.facts)?;
    let LedgerPosition { seq, hash } = &copy.position;
    db.prepare_cached(query!("ledger_position_put"))?
        .execute(params![tenant.as_str(), seq, hash])?;
    Ok(count)
}
