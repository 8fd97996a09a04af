//! Connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{self, ConnectionAccess};
use crate::store::ServerStoreError;

/// The maximum number of connections. A query takes much less time than opening another connection,
/// so further queries wait.
const MAX_CONNECTIONS: usize = 4;

/// A pool of connections that only read. A reader sees the last committed transaction, and does not
/// wait for the writer.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// A permit for each connection.
    turns: Arc<Semaphore>,
    /// The permit of a query that reads a whole table. The other connections stay free for short
    /// queries.
    long_turn: Arc<Semaphore>,
}

impl Readers {
    /// Creates a pool for the database at this path, with its first connection if that is open
    /// already.
    pub(super) fn new(path: &Path, first: Option<Connection>) -> Self {
        let inner = Inner {
            path: path.to_owned(),
            idle: Mutex::new(first.into_iter().collect()),
            turns: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            long_turn: Arc::new(Semaphore::new(1)),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Runs a query on another thread, in one snapshot.
    pub(super) async fn run<T, F>(&self, query: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.inner.turns).acquire_owned().await;
        let turn = turn.map_err(|_| ServerStoreError::Closed)?;
        let readers = self.clone();
        // The query continues if its caller goes away, so it keeps its turn.
        let task = tokio::task::spawn_blocking(move || {
            let result = readers.run_blocking(query);
            drop(turn);
            result
        });
        task.await.unwrap_or(Err(ServerStoreError::Closed))
    }

    /// Runs a query that reads a few rows by an index, on this thread if a connection is idle.
    ///
    /// Such a query takes about as long as handing it over to another thread and back, and much
    /// less than a signature. It must be one statement, which is a snapshot by itself.
    pub(super) async fn run_short<T, F>(&self, query: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let idle = self.inner.turns.try_acquire().ok();
        let idle = idle.and_then(|turn| Some((turn, self.lock().pop()?)));
        let Some((turn, db)) = idle else {
            return self.run(query).await;
        };
        let result = query(&db);
        self.put_back(db);
        drop(turn);
        result
    }

    /// Runs a query that can take long, as [`run`](Self::run) does. One of them runs at a time.
    pub(super) async fn run_long<T, F>(&self, query: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.inner.long_turn).acquire_owned().await;
        let turn = turn.map_err(|_| ServerStoreError::Closed)?;
        self.run(move |db| {
            let result = query(db);
            drop(turn);
            result
        })
        .await
    }

    fn run_blocking<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, ServerStoreError>,
    ) -> Result<T, ServerStoreError> {
        let db = self.take()?;
        let snapshot = db.unchecked_transaction()?;
        let result = query(&snapshot);
        drop(snapshot);
        self.put_back(db);
        result
    }

    /// Returns an idle connection, or opens one.
    pub(super) fn take(&self) -> Result<Connection, ServerStoreError> {
        let idle = self.lock().pop();
        idle.map_or_else(
            || connection::open(&self.inner.path, ConnectionAccess::Read),
            Ok,
        )
    }

    pub(super) fn put_back(&self, db: Connection) {
        self.lock().push(db);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.inner
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
