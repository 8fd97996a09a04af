//! Checks whether a ledger can be written, without creating or changing anything.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::errors::LedgerError;
use crate::files::with_suffix;
use crate::ledger::sqlite::schema::{self, Version};
use crate::ledger::sqlite::{LOCK_TIMEOUT, SqliteLedger, directory, open_database};

impl SqliteLedger {
    /// Checks that [`SqliteLedger::open`] and [`SqliteLedger::acquire`] will succeed, as far as
    /// possible without writing.
    ///
    /// Returns a view of the ledger, or `None` if the ledger does not exist yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be written or created.
    pub fn check(path: &Path) -> Result<Option<Self>, LedgerError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return directory::check(path).map(|()| None);
            }
            Err(error) => return Err(LedgerError::Io(error)),
            Ok(found) if !found.is_file() => return Err(LedgerError::NotALedger),
            Ok(_) => {}
        }
        let lock = with_suffix(&path.canonicalize().map_err(LedgerError::Io)?, ".lock");
        for file in [path, lock.as_path()] {
            check_writable(file).map_err(LedgerError::Io)?;
        }
        // Another process may be changing the database, for example because it creates the ledger.
        // A view without locks may then find a damaged database. A second view, with locks, fails
        // only if the database is really damaged.
        let view = view(path).and_then(|db| Self::checked(path, db));
        view.or_else(|_| Self::checked(path, view_with_locks(path)?))
    }

    /// Returns the ledger in this database, or `None` if the database is empty.
    fn checked(path: &Path, db: Connection) -> Result<Option<Self>, LedgerError> {
        // Older versions lack only indexes, which the first writer creates.
        if schema::version(&db)? == Version::Empty {
            return Ok(None);
        }
        // A damaged database causes the error here that it would cause at the start of writing.
        let read = "SELECT (SELECT serial FROM head), (SELECT count(*) FROM intents)";
        db.query_row(read, [], |row| row.get::<_, i64>(0))?;
        let path = path.to_owned();
        Ok(Some(Self {
            db,
            path,
            lock_timeout: LOCK_TIMEOUT,
        }))
    }
}

/// Opens a view of a database. The view takes no lock and leaves no file behind.
///
/// If another process has the database open, or crashed before it closed the database, the
/// write-ahead log exists and is read too. If a process crashed while it created the ledger, SQLite
/// rolls the creation back first, because the database cannot be read otherwise.
fn view(path: &Path) -> Result<Connection, LedgerError> {
    let absolute = std::path::absolute(path).map_err(LedgerError::Io)?;
    let has_content = |suffix| {
        let found = fs::metadata(with_suffix(&absolute, suffix));
        found.is_ok_and(|found| found.len() > 0)
    };
    match (has_content("-journal"), has_content("-wal")) {
        (true, _) => view_with_locks(path),
        (false, true) => open_database(absolute, OpenFlags::SQLITE_OPEN_READ_ONLY),
        (false, false) => open_database(
            immutable_uri(&absolute),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
}

/// Opens a view that waits for the locks of other processes.
fn view_with_locks(path: &Path) -> Result<Connection, LedgerError> {
    let absolute = std::path::absolute(path).map_err(LedgerError::Io)?;
    open_database(absolute, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Returns the URI that declares to SQLite that the file does not change
/// (<https://sqlite.org/uri.html>).
fn immutable_uri(path: &Path) -> OsString {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                uri.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    // SQLite would parse the letter of a drive as a host.
    if cfg!(windows) {
        uri = uri.replacen("file:", "file:///", 1);
    }
    uri.into()
}

/// Checks that an existing file can be opened for writing.
fn check_writable(path: &Path) -> io::Result<()> {
    match File::options().write(true).open(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
