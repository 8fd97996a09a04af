//! The ledger in a SQLite database.

mod backup;
mod chain;
mod check;
mod condition;
mod directory;
mod location;
mod names;
mod pending;
mod reader;
mod schema;
mod writer;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::chrono::{DateTime, Utc};
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use crate::errors::LedgerError;
use crate::files::{self, LockedFile};
use crate::ledger::reader::LedgerReader;
use crate::ledger::writer::{Ledger, LedgerWriter};

pub use location::LedgerLocation;
pub use writer::SqliteWriter;

use schema::Version;

/// How long a process waits for a lock of the ledger: that of writers, and those of SQLite, which
/// are held only briefly.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The size of the write-ahead log, in pages of 4 KiB, at which SQLite copies the log into the
/// database. Several chunks of a batch fit into this size.
const LOG_PAGES: i64 = 8 * 1024;

/// An open ledger.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let directory = tempfile::tempdir()?;
/// # fixture::issue(directory.path())?;
/// use license_issuer::ledger::sqlite::SqliteLedger;
///
/// // Another program has issued licenses with this ledger.
/// let ledger = SqliteLedger::open_read_only(&directory.path().join("ledger.db"))?;
/// let report = ledger.verify_chain(None)?;
/// assert!(report.fault.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteLedger {
    db: Connection,
    path: PathBuf,
    lock_timeout: Duration,
}

/// The file of a ledger, which [`Ledger::prepare`] opens or creates.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// use license_issuer::ledger::sqlite::LedgerFile;
///
/// // The file is not opened or created before the first use of the ledger.
/// let ledger = LedgerFile::new(&directory.path().join("ledger.db"));
/// assert!(!ledger.path().exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    lock_timeout: Duration,
    open: Option<SqliteLedger>,
}

impl LedgerFile {
    /// Creates a handle, and does not access the ledger.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            lock_timeout: LOCK_TIMEOUT,
            open: None,
        }
    }

    /// Sets how long to wait for another process that writes to the ledger. The default is one
    /// minute.
    #[must_use]
    pub fn with_lock_timeout(self, lock_timeout: Duration) -> Self {
        Self {
            lock_timeout,
            ..self
        }
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns read access, if the ledger is open.
    pub fn reader(&self) -> Option<&SqliteLedger> {
        self.open.as_ref()
    }

    /// Returns the open ledger, and opens or creates it first if necessary.
    fn opened(&mut self) -> Result<&mut SqliteLedger, LedgerError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => SqliteLedger::open_within(&self.path, self.lock_timeout)?,
        };
        Ok(self.open.insert(open))
    }
}

impl Ledger for LedgerFile {
    fn check(&self) -> Result<Option<Box<dyn LedgerReader>>, LedgerError> {
        let Some(view) = SqliteLedger::check(&self.path)? else {
            return Ok(None);
        };
        Ok(Some(Box::new(view)))
    }

    fn prepare(&mut self) -> Result<(), LedgerError> {
        self.opened().map(drop)
    }

    fn second_reader(&self) -> Result<Box<dyn LedgerReader + Send>, LedgerError> {
        let reader = SqliteLedger::open_read_only(&self.path)?;
        // A cache of 256 KiB suffices, because each page is read once. SQLite's default is 2 MB.
        reader.db.pragma_update(None, "cache_size", -256)?;
        Ok(Box::new(reader))
    }

    fn acquire(&mut self, now: DateTime<Utc>) -> Result<Box<dyn LedgerWriter + '_>, LedgerError> {
        Ok(Box::new(self.opened()?.acquire(now)?))
    }
}

impl SqliteLedger {
    /// Opens the ledger at this path for writing, and creates it if it does not exist. A new ledger
    /// gets the owner of its directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is not a ledger or cannot be opened or created. Root does not
    /// create the directory below a directory of another user.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_within(path, LOCK_TIMEOUT)
    }

    /// Opens the ledger like [`open`](Self::open), and waits at most `lock_timeout` for each lock.
    fn open_within(path: &Path, lock_timeout: Duration) -> Result<Self, LedgerError> {
        directory::create(path)?;
        create_private(path)?;
        let mut ledger = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        ledger.lock_timeout = lock_timeout;
        ledger.db.busy_timeout(lock_timeout)?;
        ledger.upgrade()?;
        Ok(ledger)
    }

    /// Opens an existing ledger for reading. Changes neither the ledger nor the files that its
    /// pending artifacts name, so the ledger may come from someone who is not trusted.
    ///
    /// A ledger of an older version is not migrated. It lacks only indexes.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::Missing`] if there is no ledger, and other errors if the file is not
    /// a ledger or cannot be opened.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let ledger = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        match schema::version(&ledger.db)? {
            Version::Empty => Err(LedgerError::Missing),
            Version::Older | Version::Current => Ok(ledger),
        }
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the writer lock, acquires it, and recovers the artifacts of crashed processes.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::ReadOnly`] if the ledger was opened for reading or its file cannot be
    /// written, [`LedgerError::Lock`] if another process keeps the writer lock, and other errors if
    /// the ledger cannot be locked or written.
    pub fn acquire(&mut self, now: DateTime<Utc>) -> Result<SqliteWriter<'_>, LedgerError> {
        // The recovery changes files before it changes the ledger.
        if self.db.is_readonly(MAIN_DB)? {
            return Err(LedgerError::ReadOnly);
        }
        let lock = self.lock()?;
        SqliteWriter::with_recovery(self, now, lock)
    }

    fn connect(path: &Path, access: OpenFlags) -> Result<Self, LedgerError> {
        match fs::metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(LedgerError::NotALedger),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(LedgerError::Missing),
            Err(error) => return Err(LedgerError::Io(error)),
        }
        // SQLite gives some relative names, such as `:memory:`, a special meaning.
        let absolute = std::path::absolute(path).map_err(LedgerError::Io)?;
        let db = open_database(&absolute, access)?;
        // With this setting, a committed transaction is on the disk
        // (https://sqlite.org/pragma.html#pragma_synchronous).
        db.pragma_update(None, "synchronous", "FULL")?;
        // With a large log, SQLite copies pages that change often, such as index pages, into the
        // database less often.
        db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        Ok(Self {
            db,
            path: path.to_owned(),
            lock_timeout: LOCK_TIMEOUT,
        })
    }

    /// Migrates the database to the current version of the schema, and enables the write-ahead log,
    /// so that readers and writers do not wait for each other.
    fn upgrade(&mut self) -> Result<(), LedgerError> {
        let mode = |db: &Connection| {
            db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))
        };
        if schema::version(&self.db)? == Version::Current && mode(&self.db)? == "wal" {
            return Ok(());
        }
        // If two processes change the journal mode at the same time, SQLite refuses one of them.
        let _lock = self.lock()?;
        schema::migrate(&mut self.db)?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        Ok(())
    }

    /// Waits for the writer lock. Symbolic links are resolved, so that a ledger has only one lock
    /// file.
    fn lock(&self) -> Result<LockedFile, LedgerError> {
        let path = self.path.canonicalize().map_err(LedgerError::Io)?;
        Ok(files::lock(
            &files::with_suffix(&path, ".lock"),
            self.lock_timeout,
        )?)
    }
}

/// Opens a connection.
fn open_database(name: impl AsRef<Path>, access: OpenFlags) -> Result<Connection, LedgerError> {
    let db = Connection::open_with_flags(name, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(LOCK_TIMEOUT)?;
    names::register(&db)?;
    Ok(db)
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotALedger,
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged,
            Some(rusqlite::ErrorCode::DatabaseBusy) => Self::Busy,
            Some(rusqlite::ErrorCode::ReadOnly) if needs_rollback(&error) => Self::Interrupted,
            _ => Self::Database(Box::new(error)),
        }
    }
}

/// Returns whether a reader found a change that a crashed process left unfinished.
fn needs_rollback(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// Creates a file that only its owner can read, unless the file exists. A ledger contains the
/// licenses of all customers.
fn create_private(path: &Path) -> Result<(), LedgerError> {
    match files::create_private(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(LedgerError::Io(error)),
        _ => Ok(()),
    }
}
