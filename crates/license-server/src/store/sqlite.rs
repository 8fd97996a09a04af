//! The store in a SQLite database.

mod accounts;
mod anomalies;
mod audit;
mod backup;
mod billing;
mod connection;
mod deletion;
mod deliveries;
mod events;
mod groups;
mod identities;
mod invoices;
mod ledger;
mod license_terms;
mod licenses;
mod links;
mod location;
mod machines;
mod members;
mod metering;
mod moves;
mod named_users;
mod operations;
mod pools;
mod queries;
mod readers;
mod requests;
mod schema;
mod seat_history;
mod seat_rows;
mod sendings;
mod sessions;
mod telemetry;
mod tokens;
mod trials;
mod values;
mod webhooks;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use license_issuer::files::LockedFile;

use self::connection::ConnectionAccess;
pub(in crate::store) use self::moves::MovingBlocks;
pub use self::moves::MovingDatabase;
use self::readers::Readers;
use self::writer::Writer;
use crate::clock::ServerClock;
use crate::observer::Observer;
use crate::store::ServerStoreError;

/// How long a server that starts waits for the lock, which commands hold for a moment.
const START_PATIENCE: Duration = Duration::from_millis(200);

/// A store in a SQLite database, in a data directory.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    /// The lock of the data directory, if this process owns the pools.
    lock: Mutex<Option<LockedFile>>,
    is_owner: bool,
    observer: Arc<dyn Observer>,
}

impl SqliteStore {
    /// Opens the database for the server, and creates the directory and the database if they do not
    /// exist. The process owns the pools and the lease clock until the store is closed.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Moved`] if the database was moved to another one,
    /// [`ServerStoreError::Locked`] if another server uses the directory, and
    /// [`ServerStoreError::NetworkFileSystem`] if the directory is not on a local disk. Returns
    /// other errors if the database cannot be opened or was written by another program.
    pub fn open(directory: &Path, clock: Arc<dyn ServerClock>) -> Result<Self, ServerStoreError> {
        Self::open_observed(directory, clock, Arc::new(()))
    }

    /// Opens the database like [`open`](Self::open), and reports measurements.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`open`](Self::open).
    pub fn open_observed(
        directory: &Path,
        clock: Arc<dyn ServerClock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServerStoreError> {
        location::create(directory)?;
        location::refuse_network(directory)?;
        let lock = location::lock(directory, START_PATIENCE)?;
        let path = location::database(directory);
        location::create_private(&path)?;
        let mut db = connection::open(&path, ConnectionAccess::Create)?;
        schema::migrate(&mut db)?;
        moves::forget(&db)?;
        requests::forget_interrupted(&db)?;
        backup::resume(&mut db, clock.wall())?;
        // The server reads before it writes, so a connection that reads is opened at once.
        let reader = connection::open(&path, ConnectionAccess::Read)?;
        Ok(Self {
            writer: Writer::start(db, clock, true, Arc::clone(&observer))?,
            readers: Readers::new(&path, Some(reader)),
            path,
            lock: Mutex::new(Some(lock)),
            is_owner: true,
            observer,
        })
    }

    /// Opens an existing database for a command of an administrator, whether a server is running or
    /// not. Commands for seats are refused, because the pools belong to the running server.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Missing`] if there is no database, [`ServerStoreError::Older`]
    /// if the database needs a migration while a server is running, and other errors if the
    /// database cannot be opened.
    pub fn open_beside(
        directory: &Path,
        clock: Arc<dyn ServerClock>,
    ) -> Result<Self, ServerStoreError> {
        let path = location::database(directory);
        location::refuse_network(directory)?;
        let mut db = connection::open(&path, ConnectionAccess::Write)?;
        let found = schema::version(&db, &path)?;
        if found < schema::SUPPORTED {
            let supported = schema::SUPPORTED;
            let _lock = location::lock(directory, Duration::ZERO)
                .map_err(|_| ServerStoreError::Older { found, supported })?;
            schema::migrate(&mut db)?;
        }
        moves::refuse_moved(&db)?;
        Ok(Self {
            writer: Writer::start(db, clock, false, Arc::new(()))?,
            readers: Readers::new(&path, None),
            path,
            lock: Mutex::new(None),
            is_owner: false,
            observer: Arc::new(()),
        })
    }

    /// Takes the lock of a data directory, which a running server holds.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Locked`] if a server runs, and other errors if the lock file
    /// cannot be used.
    pub fn lock_directory(directory: &Path) -> Result<LockedFile, ServerStoreError> {
        location::lock(directory, START_PATIENCE)
    }

    /// Refuses a data directory that a running server uses.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Locked`] if a server runs, and other errors if the lock file
    /// cannot be used.
    pub fn refuse_running(directory: &Path) -> Result<(), ServerStoreError> {
        location::lock(directory, Duration::ZERO).map(drop)
    }

    /// Returns the path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("is_owner", &self.is_owner)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
