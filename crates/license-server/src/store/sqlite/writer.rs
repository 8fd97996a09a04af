//! The writer: one thread that owns the only connection that writes.
//!
//! The thread commits all waiting requests together, and sends replies only after the commit. A
//! request that fails does not affect the others, because it has a savepoint. SQLite copies each
//! page that changes after a savepoint. Therefore, a request that is alone has none, and most commands
//! for pools have none either: see [`FailureScope`].

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use license_seats::LeaseTime;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::pools::Pools;
use super::queries::query;
use super::values::{column, number};
use crate::clock::{LeaseClock, ServerClock};
use crate::log_limit;
use crate::observer::Observer;
use crate::store::ServerStoreError;

/// The maximum number of requests that are committed together.
const MAX_BATCH: usize = 512;

/// How long the writer waits for a request before it advances the lease clock. A step of the lease
/// clock is at most one second, so a longer wait would lose time.
const STEP: Duration = Duration::from_millis(250);

/// After how many milliseconds the lease clock is stored without a request.
const STORE_CLOCK_MS: u64 = 1000;

/// The context of a request: the open transaction, the pools and the time.
pub(super) struct Batch<'a> {
    /// The connection, in a transaction.
    pub(super) db: &'a Connection,
    /// The pools in memory. `None` if another process owns the pools.
    pub(super) pools: Option<&'a mut Pools>,
    /// The reading of the lease clock.
    pub(super) now: LeaseTime,
    /// The wall-clock time.
    pub(super) wall: DateTime<Utc>,
}

/// How the work of a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkEnd {
    Succeeded,
    Failed,
    DiskFull,
}

/// The part of a batch that is rolled back if a request fails after it has changed rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureScope {
    /// The request.
    Request,
    /// The batch of the request. Only for requests that check everything before they change rows,
    /// and then fail only if the database does.
    Batch,
}

/// How long each request has a savepoint after a batch was rolled back. Requests for a damaged pool
/// therefore fail those of other pools once a minute at most.
const CAREFUL_FOR: Duration = Duration::from_secs(60);

/// A request for the writer.
trait Job: Send {
    /// Returns the part of the batch that is rolled back if the request fails.
    fn failure_scope(&self) -> FailureScope;

    /// Does the work of the request, and keeps the result.
    fn run(&mut self, batch: &mut Batch<'_>) -> WorkEnd;

    /// Sends the result, or the error of the commit.
    fn finish(self: Box<Self>, committed: Result<(), ServerStoreError>);
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A request with its work, result and reply.
struct Request<T, F> {
    failure_scope: FailureScope,
    work: Option<F>,
    result: Option<Result<T, ServerStoreError>>,
    reply: oneshot::Sender<Result<T, ServerStoreError>>,
}

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnOnce(&mut Batch<'_>) -> Result<T, ServerStoreError> + Send,
{
    fn failure_scope(&self) -> FailureScope {
        self.failure_scope
    }

    fn run(&mut self, batch: &mut Batch<'_>) -> WorkEnd {
        self.result = self.work.take().map(|work| work(batch));
        match &self.result {
            Some(Ok(_)) => WorkEnd::Succeeded,
            Some(Err(error)) if error.is_disk_full() => WorkEnd::DiskFull,
            _ => WorkEnd::Failed,
        }
    }

    fn finish(self: Box<Self>, committed: Result<(), ServerStoreError>) {
        let result = match (committed, self.result) {
            // The work failed before the commit did.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(ServerStoreError::Closed),
        };
        // The caller may have gone away. Its change is committed nevertheless.
        let _ = self.reply.send(result);
    }
}

/// The handle of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    sender: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    last_full: Arc<Mutex<Option<Instant>>>,
}

/// For how long after a full disk the store counts as not working. A small change can succeed
/// meanwhile, although larger ones fail.
const FULL_FOR: Duration = Duration::from_secs(60);

impl Writer {
    /// Starts the thread. With `is_owner`, this process owns the pools and the lease clock.
    pub(super) fn start(
        db: Connection,
        clock: Arc<dyn ServerClock>,
        is_owner: bool,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServerStoreError> {
        let stored = db.query_row(query!("clock_read"), [], |row| row.get(0))?;
        let stored = number("lease_clock", stored)?;
        let (sender, receiver) = channel();
        let last_full = Arc::new(Mutex::new(None));
        let worker = Worker {
            last_full: Arc::clone(&last_full),
            db,
            // The start counts as a millisecond. The first commit therefore changes the stored
            // clock, and a server that has lost its lock cannot commit any more.
            lease_clock: LeaseClock::resume(stored.saturating_add(1), clock.boot_ms()),
            clock,
            pools: is_owner.then(Pools::default),
            stored_ms: stored,
            careful_until: None,
            receiver,
            observer,
        };
        let builder = thread::Builder::new().name("store-writer".to_owned());
        let thread = builder
            .spawn(move || worker.run())
            .map_err(|error| ServerStoreError::io("the writer thread", error))?;
        Ok(Self {
            sender,
            thread: Mutex::new(Some(thread)),
            last_full,
        })
    }

    /// Returns whether the disk was full in the last minute.
    pub(super) fn was_full(&self) -> bool {
        let last = self.last_full.lock();
        let last = last.unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < FULL_FOR)
    }

    /// Runs a request in the next batch, and returns its result after the commit.
    pub(super) async fn run<T, F>(
        &self,
        failure_scope: FailureScope,
        work: F,
    ) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let request = Request {
            failure_scope,
            work: Some(work),
            result: None,
            reply,
        };
        let sent = self.sender.send(Message::Job(Box::new(request)));
        sent.map_err(|_| ServerStoreError::Closed)?;
        result.await.unwrap_or(Err(ServerStoreError::Closed))
    }

    /// Commits the requests that wait, and ends the thread.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.sender.send(Message::Close(reply)).is_ok() {
            let _ = closed.await;
        }
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// How a transaction ended.
enum TransactionEnd {
    Committed,
    /// The only request failed, or no request changed rows.
    RolledBack,
}

/// The state of the writer thread.
struct Worker {
    db: Connection,
    clock: Arc<dyn ServerClock>,
    lease_clock: LeaseClock,
    pools: Option<Pools>,
    stored_ms: u64,
    /// Until when each request has a savepoint.
    careful_until: Option<Instant>,
    receiver: Receiver<Message>,
    last_full: Arc<Mutex<Option<Instant>>>,
    observer: Arc<dyn Observer>,
}

impl Worker {
    fn run(mut self) {
        loop {
            let mut jobs = Vec::new();
            let closing = match self.receiver.recv_timeout(STEP) {
                Ok(first) => self.collect(first, &mut jobs),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.lease_clock.advance(self.clock.boot_ms());
            if !jobs.is_empty() || self.must_store_clock() {
                self.commit(jobs);
            }
            if let Some(closed) = closing {
                drop(self);
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Collects the waiting requests, up to the largest batch. Returns the channel of the caller
    /// that closes the writer, if any.
    fn collect(&self, first: Message, jobs: &mut Vec<Box<dyn Job>>) -> Option<oneshot::Sender<()>> {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job) => jobs.push(job),
                Message::Close(closed) => return Some(closed),
            }
            let is_full = jobs.len() >= MAX_BATCH;
            next = (!is_full).then(|| self.receiver.try_recv().ok()).flatten();
        }
        None
    }

    fn must_store_clock(&self) -> bool {
        let unstored = self.lease_clock.now_ms().saturating_sub(self.stored_ms);
        self.pools.is_some() && unstored >= STORE_CLOCK_MS
    }

    /// Runs the jobs in one transaction, and sends their results.
    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let start = Instant::now();
        let committed = self.transact(&mut jobs);
        // A transaction that is rolled back does not wait for the disk.
        if !matches!(committed, Ok(TransactionEnd::RolledBack)) {
            self.observer.committed(start.elapsed(), committed.is_ok());
        }
        if let Err(error) = &committed {
            if error.is_disk_full() {
                self.note_full();
            }
            // The pools in memory have changes that are not in the database.
            if let Some(pools) = &mut self.pools {
                pools.discard_batch();
            }
            let _ = self.db.execute_batch("ROLLBACK");
            // A full disk may have room for changes in the database, but not in its log. The next
            // batch overwrites a log that was copied.
            let _ = self
                .db
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Some(repeated) = log_limit::pass("commit") {
                let error = license_core::with_causes(error);
                tracing::error!(%error, repeated, "cannot commit");
            }
        } else if let Some(pools) = &mut self.pools {
            pools.accept_batch();
        }
        let source = committed.err().map(Arc::new);
        for job in jobs {
            job.finish(match &source {
                None => Ok(()),
                Some(error) => Err(ServerStoreError::NotCommitted(Arc::clone(error))),
            });
        }
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<TransactionEnd, ServerStoreError> {
        // A deferred transaction that reads and then writes can fail as busy.
        self.execute("BEGIN IMMEDIATE")?;
        let changes = self.db.total_changes();
        let is_success = match jobs {
            [job] => self.run_job(job.as_mut())? == WorkEnd::Succeeded,
            jobs => {
                for job in jobs {
                    self.run_in_batch(job.as_mut())?;
                }
                true
            }
        };
        self.write_counters()?;
        let has_changed = self.db.total_changes() != changes || self.must_store_clock();
        if !is_success || !has_changed {
            self.execute("ROLLBACK")?;
            return Ok(TransactionEnd::RolledBack);
        }
        let now_ms = self.lease_clock.now_ms();
        if self.pools.is_some() {
            let mut statement = self.db.prepare_cached(query!("clock_write"))?;
            if statement.execute([column(now_ms), column(self.stored_ms)])? == 0 {
                return Err(ServerStoreError::TakenOver);
            }
        }
        self.execute("COMMIT")?;
        self.stored_ms = now_ms;
        Ok(TransactionEnd::Committed)
    }

    /// Runs one of several jobs of a batch. A job that fails changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if the whole batch must be rolled back.
    fn run_in_batch(&mut self, job: &mut dyn Job) -> Result<(), ServerStoreError> {
        let is_careful = self.careful_until.is_some_and(|end| Instant::now() < end);
        if let Some(pools) = &mut self.pools {
            pools.set_careful(is_careful);
        }
        if is_careful || job.failure_scope() == FailureScope::Request {
            self.execute("SAVEPOINT request")?;
            if self.run_job(job)? != WorkEnd::Succeeded {
                self.execute("ROLLBACK TO request")?;
            }
            return self.execute("RELEASE request");
        }
        let changes = self.db.total_changes();
        let end = self.run_job(job)?;
        if end == WorkEnd::Succeeded || self.db.total_changes() == changes {
            return Ok(());
        }
        self.be_careful();
        Err(match end {
            WorkEnd::DiskFull => ServerStoreError::DiskFull,
            _ => ServerStoreError::BatchFailed,
        })
    }

    /// Writes the counters of the pools that the batch has changed.
    fn write_counters(&mut self) -> Result<(), ServerStoreError> {
        let Some(pools) = &self.pools else {
            return Ok(());
        };
        let written = pools.write_counters(&self.db);
        if written.is_err() {
            self.be_careful();
        }
        written
    }

    /// Gives each request a savepoint for a while.
    fn be_careful(&mut self) {
        self.careful_until = Instant::now().checked_add(CAREFUL_FOR);
    }

    /// Runs a job.
    fn run_job(&mut self, job: &mut dyn Job) -> Result<WorkEnd, ServerStoreError> {
        let mut batch = Batch {
            db: &self.db,
            pools: self.pools.as_mut(),
            now: LeaseTime::from_millis(self.lease_clock.now_ms()),
            wall: self.clock.wall(),
        };
        let end = job.run(&mut batch);
        if end == WorkEnd::DiskFull {
            self.note_full();
        }
        // Some errors, such as a full disk, roll back the whole transaction.
        if self.db.is_autocommit() && end == WorkEnd::DiskFull {
            return Err(ServerStoreError::DiskFull);
        }
        if self.db.is_autocommit() {
            return Err(ServerStoreError::Database(Arc::new(
                rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
                    Some("the database rolled back the transaction".to_owned()),
                ),
            )));
        }
        if let Some(pools) = &mut self.pools {
            pools.end_request(end == WorkEnd::Succeeded);
        }
        Ok(end)
    }

    fn note_full(&self) {
        let mut last = self
            .last_full
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(Instant::now());
    }

    fn execute(&self, sql: &str) -> Result<(), ServerStoreError> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
