//! What a vendor has minted: every key, license, check-in, activation and revocation, in a SQLite database that only grows.
//!
//! An artefact is stated as an intent, written under a passing name, entered, and given its own name, in this order. So nothing is handed
//! out that is not entered, and nothing is entered that was not written: who comes next finds the intents of whoever died, and finishes
//! or undoes them.

mod activations;
mod desk;
mod entry;
mod error;
mod history;
pub(crate) mod passing;
mod place;
mod query;
mod rehearsal;
mod revocations;
mod rotation;
mod schema;
mod verify;

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::Timestamp;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

pub(crate) use activations::Activated;
pub(crate) use desk::{Desk, Intent, Outlet, Sheet};
pub(crate) use entry::{Entry, Kind, Record, hex};
pub(crate) use error::LedgerError;
pub(crate) use place::{Place, default_place};
pub(crate) use query::{Filter, LicenseRow, Sort, Standing};
pub(crate) use verify::ChainFault;

use schema::Version;

/// For what SQLite itself locks, which is short.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the log grows before it is copied into the database, in pages of 4 KB: some batches' chunks.
const LOG_PAGES: i64 = 8 * 1024;

/// An open ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    db: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger at this path to write, and makes it if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder).map_err(LedgerError::Io)?;
        }
        make_private(path)?;
        let mut ledger = Self::connect(path)?;
        ledger.prepare()?;
        Ok(ledger)
    }

    /// Opens a ledger that is there already. One that can't be written can be read.
    pub(crate) fn open_existing(path: &Path) -> Result<Self, LedgerError> {
        let mut ledger = Self::connect(path)?;
        match schema::version(&ledger.db)? {
            Version::Empty => return Err(LedgerError::Missing),
            Version::Older => ledger.prepare()?,
            Version::Present => {}
        }
        Ok(ledger)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps 256 KiB of pages in memory instead of SQLite's 2 MB: for what is read once.
    pub(crate) fn forgetful(self) -> Result<Self, LedgerError> {
        self.db.pragma_update(None, "cache_size", -256)?;
        Ok(self)
    }

    /// Looks as of one moment, which is also faster than to look often: what others write meanwhile need not be read again each time.
    pub(crate) fn at_one_moment<T>(&self, look: impl FnOnce() -> T) -> Result<T, LedgerError> {
        let _read = self.db.unchecked_transaction()?;
        Ok(look())
    }

    /// A number that is another one when somebody else has written since (<https://sqlite.org/pragma.html#pragma_data_version>).
    pub(crate) fn others_version(&self) -> Result<i64, LedgerError> {
        Ok(self
            .db
            .pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    fn connect(path: &Path) -> Result<Self, LedgerError> {
        match fs::metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(LedgerError::NotALedger),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(LedgerError::Missing),
            Err(error) => return Err(LedgerError::Io(error)),
        }
        // SQLite takes some names for others than files, but no absolute path.
        let absolute = std::path::absolute(path).map_err(LedgerError::Io)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(absolute, flags)?;
        db.busy_timeout(PATIENCE)?;
        // What is committed is on the disk (https://sqlite.org/pragma.html#pragma_synchronous).
        db.pragma_update(None, "synchronous", "FULL")?;
        // What is written again and again meanwhile, such as indexes, is copied once.
        db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    /// Makes it a ledger of this version, with a log beside it, so that who reads and who writes do not wait for each other.
    fn prepare(&mut self) -> Result<(), LedgerError> {
        let mode = |db: &Connection| {
            db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))
        };
        if schema::version(&self.db)? == Version::Present && mode(&self.db)? == "wal" {
            return Ok(());
        }
        // Two that change the mode at once would refuse each other.
        let lock = self.lock_file()?;
        lock.lock().map_err(LedgerError::Io)?;
        schema::migrate(&mut self.db)?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        Ok(())
    }

    /// Waits to be the only one that mints, and settles what whoever died before had begun.
    pub(crate) fn desk(&mut self, now: Timestamp) -> Result<Desk<'_>, LedgerError> {
        let lock = self.lock_file()?;
        lock.lock().map_err(LedgerError::Io)?;
        Desk::open(self, now, lock)
    }

    /// Settles what whoever died before had begun, unless somebody mints, who has done so.
    pub(crate) fn settle(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        let any = "SELECT EXISTS (SELECT 1 FROM intents)";
        let any: bool = self.db.query_row(any, [], |row| row.get(0))?;
        if !any || self.db.is_readonly(MAIN_DB)? {
            return Ok(());
        }
        let lock = self.lock_file()?;
        match lock.try_lock() {
            Ok(()) => Desk::open(self, now, lock).map(drop),
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(LedgerError::Io(error)),
        }
    }

    /// Whoever holds its lock mints. It is beside the ledger itself, whatever links lead there.
    fn lock_file(&self) -> Result<File, LedgerError> {
        let path = self.path.canonicalize().map_err(LedgerError::Io)?;
        let path = with_suffix(&path, ".lock");
        make_private(&path)?;
        File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(LedgerError::Io)
    }

    /// Copies everything, as of one moment, to a new file, which is there when it is whole.
    pub(crate) fn back_up(&self, to: &Path) -> Result<(), LedgerError> {
        let to = std::path::absolute(to).map_err(LedgerError::Io)?;
        let partial = with_suffix(&to, ".partial");
        let copied = self.copy(&partial).and_then(|()| {
            let named = match fs::hard_link(&partial, &to) {
                // Where there are no hard links.
                Err(_) if !to.exists() => fs::rename(&partial, &to),
                linked => linked,
            };
            named.map_err(LedgerError::Io)
        });
        let _ = fs::remove_file(&partial);
        passing::sync(&to);
        copied
    }

    fn copy(&self, to: &Path) -> Result<(), LedgerError> {
        // What a backup that was killed left.
        let _ = fs::remove_file(to);
        make_private(to)?;
        let name = to.to_str().ok_or(LedgerError::NotText)?;
        self.db.execute("VACUUM INTO ?1", [name])?;
        // What is about to be handed out is not handed out by the copy too.
        Connection::open(to)?.execute("DELETE FROM intents", [])?;
        let copy = File::open(to).and_then(|copy| copy.sync_all());
        copy.map_err(LedgerError::Io)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// A ledger holds what customers were sent: it is nobody else's to read.
fn make_private(path: &Path) -> Result<(), LedgerError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(LedgerError::Io(error)),
        _ => Ok(()),
    }
}
