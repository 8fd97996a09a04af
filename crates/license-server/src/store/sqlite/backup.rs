//! Backups of the database.

use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use license_issuer::files;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde_json::json;

use super::audit;
use super::queries::query;
use crate::domain::{Actor, NewAuditEntry, TenantId};
use crate::store::ServerStoreError;

/// The largest fencing number that a restore gives. JSON numbers are exact below 2^53, and the rest
/// remains for leases.
const MAX_FIRST_SEQ: i64 = (1 << 53) - (1 << 40);

/// Copies a consistent snapshot to a new file, and marks the copy as a backup. The server can write
/// meanwhile.
pub(super) fn back_up(db: &Connection, to: &Path) -> Result<(), ServerStoreError> {
    let fill = |partial: &Path| {
        let not_text = || io::Error::other("expected a path in UTF-8");
        let name = partial
            .to_str()
            .ok_or_else(|| ServerStoreError::io(to, not_text()))?;
        db.execute("VACUUM INTO ?1", [name])?;
        // The copy has no write-ahead log, so it is one file before and after the mark.
        let copy = Connection::open(partial)?;
        copy.execute(query!("backup_mark"), [])?;
        copy.close().map_err(|(_, error)| error.into())
    };
    files::write_private_copy(to, fill, |error| match error.kind() {
        io::ErrorKind::AlreadyExists => ServerStoreError::BackupExists {
            path: to.to_owned(),
        },
        _ => ServerStoreError::io(to, error),
    })
}

/// Raises the fencing numbers if the database is a backup that no server has used yet.
///
/// The server that wrote the database may have granted seats after the backup. Their numbers are
/// unknown, but it cannot have granted a million seats a second. The microseconds since 1970 are
/// therefore above all of its numbers. A backup from the future of a wrong clock counts with the
/// time of the backup.
pub(super) fn resume(db: &mut Connection, now: DateTime<Utc>) -> Result<(), ServerStoreError> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let made_at: Option<i64> = change
        .query_row(query!("backup_mark_get"), [], |row| row.get(0))
        .optional()?;
    let Some(made_at) = made_at else {
        return Ok(());
    };
    let latest = now.timestamp_micros().max(made_at.saturating_mul(1000));
    let first = latest.clamp(1, MAX_FIRST_SEQ);
    change.execute(query!("pool_lift"), [first])?;
    change.execute(query!("fencing_lift"), [first])?;
    change.execute(query!("backup_mark_delete"), [])?;
    // The trail of the backup continues here, although entries after the backup are missing.
    let details = json!({ "first_seq": first, "made_at_ms": made_at });
    let entry = NewAuditEntry {
        actor: Actor::Console,
        action: "backup.restore",
        subject: "database".to_owned(),
        before: None,
        details,
        at: now,
    };
    audit::append(&change, &TenantId::site(), &entry)?;
    change.commit()?;
    tracing::info!(
        first,
        "the database is a backup; new fencing numbers start here"
    );
    Ok(())
}
