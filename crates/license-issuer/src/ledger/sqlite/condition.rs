//! The condition of a SQLite ledger.

use std::path::Path;

use crate::errors::LedgerError;
use crate::files::ExposedFile;
use crate::ledger::condition::{LedgerCondition, LowSerial};
use crate::ledger::sqlite::SqliteLedger;

/// Selects the serial counter and the highest serial of a recorded license.
const SERIALS: &str = "
SELECT serial, (SELECT coalesce(max(json_extract(body, '$.serial')), 0) FROM entries
  WHERE kind = 'license' AND json_type(body, '$.serial') = 'integer')
FROM head";

impl SqliteLedger {
    /// Returns the condition of the ledger, apart from its entries.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn condition(&self) -> Result<LedgerCondition, LedgerError> {
        let serials = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (counter, recorded): (i64, i64) = self.db.query_row(SERIALS, [], serials)?;
        Ok(LedgerCondition {
            pending: self.pending()?,
            low_serial: (counter < recorded).then_some(LowSerial { counter, recorded }),
            exposed: exposed_files(&self.path)?,
        })
    }
}

/// Returns the files of the ledger that other users can read, write or replace.
#[cfg(unix)]
fn exposed_files(path: &Path) -> Result<Vec<ExposedFile>, LedgerError> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use crate::files::with_suffix;
    use crate::files::{self, Exposure};

    /// The bits of a mode that allow others to read or write a file.
    const OTHERS: u32 = 0o066;

    let path = path.canonicalize().map_err(LedgerError::Io)?;
    let mut exposed = Vec::new();
    let mut add = |path: &Path, exposure| {
        exposed.push(ExposedFile {
            path: path.to_owned(),
            exposure,
        });
    };
    for file in ["", "-wal", "-shm", ".lock"].map(|suffix| with_suffix(&path, suffix)) {
        let Ok(found) = fs::symlink_metadata(&file) else {
            continue;
        };
        let mode = found.mode() & 0o777;
        if mode & OTHERS != 0 {
            add(&file, Exposure::FileMode(mode));
        }
        if let Some(exposure) = files::owner_exposure(&found) {
            add(&file, exposure);
        }
    }
    let directory = files::directory_of(&path);
    let found = fs::metadata(directory).map_err(LedgerError::Io)?;
    if let Some(exposure) = files::directory_exposure(&found) {
        add(directory, exposure);
    }
    Ok(exposed)
}

/// Returns nothing, because access rules on other platforms are not examined.
#[cfg(not(unix))]
fn exposed_files(_: &Path) -> Result<Vec<ExposedFile>, LedgerError> {
    Ok(Vec::new())
}
