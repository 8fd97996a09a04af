//! Backups of the database.

use std::io;
use std::path::Path;

use license_issuer::files;
use rusqlite::Connection;

use crate::store::StoreError;

/// Copies a consistent snapshot to a new file. The server can write meanwhile.
pub(super) fn back_up(db: &Connection, to: &Path) -> Result<(), StoreError> {
    let fill = |partial: &Path| {
        let not_text = || io::Error::other("expected a path in UTF-8");
        let name = partial
            .to_str()
            .ok_or_else(|| StoreError::io(to, not_text()))?;
        db.execute("VACUUM INTO ?1", [name])?;
        Ok(())
    };
    files::write_private_copy(to, fill, |error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::BackupExists {
            path: to.to_owned(),
        },
        _ => StoreError::io(to, error),
    })
}
