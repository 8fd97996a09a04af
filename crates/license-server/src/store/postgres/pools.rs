//! The pools in use: one task for each, which commits the waiting commands together.

mod batch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use license_core::ids::Commitment;
use license_seats::{OpenLease, Pool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::database::Database;
use super::lease_clock::ClockKeeper;
use super::renewals::Renewals;
use crate::clock::ServerClock;
use crate::domain::NewAuditEntry;
use crate::log_limit;
use crate::observer::Observer;
use crate::store::pool::PoolKey;
use crate::store::redis::FoldCursor;
use crate::store::{PoolReply, PoolRequest, PoolView, ServerStoreError};

/// The maximum number of commands that are committed together.
const MAX_BATCH: usize = 512;

/// How long a pool stays in memory without a command.
const IDLE: Duration = Duration::from_secs(60);

/// The parts that the tasks of all pools share.
pub(super) struct PoolContext {
    pub(super) database: Database,
    pub(super) keeper: Arc<ClockKeeper>,
    pub(super) renewals: Arc<Renewals>,
    pub(super) clock: Arc<dyn ServerClock>,
    pub(super) observer: Arc<dyn Observer>,
}

/// The work of a caller in a pool.
#[derive(Clone, Debug)]
pub(super) enum PoolWork {
    /// Applies a command. The audit entry is appended if the command is not denied.
    Apply(Box<PoolRequest>, Option<Box<NewAuditEntry>>),
    /// Returns the counts of the pool.
    View,
    /// Returns the borrowed seat whose loan has this commitment.
    Loan(Commitment),
}

/// The result of the work of a caller.
#[derive(Clone, Debug)]
pub(super) enum PoolAnswer {
    Applied(Box<PoolReply>),
    View(Option<PoolView>),
    Loan(Option<Arc<OpenLease>>),
}

type Answered = Result<PoolAnswer, ServerStoreError>;

/// Work that waits for its batch, and where its result goes.
struct PoolJob {
    work: PoolWork,
    reply: oneshot::Sender<Answered>,
}

/// A pool in memory, as of a version in the database.
pub(super) struct KnownPool {
    pool: Pool,
    version: i64,
    /// The renewals outside the database that the pool has.
    cursor: FoldCursor,
    /// The first fencing number after a restore that the pool has taken over.
    lifted_to: u64,
}

/// The pools in use. Clones are the same pools.
#[derive(Clone)]
pub(super) struct PoolTasks {
    context: Arc<PoolContext>,
    /// The tasks of the pools. `None` after the store was closed.
    tasks: Arc<Mutex<Option<HashMap<PoolKey, PoolTask>>>>,
}

struct PoolTask {
    sender: mpsc::UnboundedSender<PoolJob>,
    handle: JoinHandle<()>,
}

impl PoolTasks {
    pub(super) fn new(context: PoolContext) -> Self {
        Self {
            context: Arc::new(context),
            tasks: Arc::new(Mutex::new(Some(HashMap::new()))),
        }
    }

    pub(super) fn context(&self) -> &PoolContext {
        &self.context
    }

    /// Does work in the next batch of a pool, and returns its result after the commit.
    pub(super) async fn run(&self, key: PoolKey, work: PoolWork) -> Answered {
        let (reply, answer) = oneshot::channel();
        self.send(key, PoolJob { work, reply })?;
        answer.await.unwrap_or(Err(ServerStoreError::Closed))
    }

    fn send(&self, key: PoolKey, mut job: PoolJob) -> Result<(), ServerStoreError> {
        let mut tasks = self.lock();
        let tasks = tasks.as_mut().ok_or(ServerStoreError::Closed)?;
        if let Some(task) = tasks.get(&key) {
            match task.sender.send(job) {
                Ok(()) => return Ok(()),
                // The task has panicked.
                Err(returned) => job = returned.0,
            }
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let sent = sender.send(job);
        sent.map_err(|_| ServerStoreError::Closed)?;
        let handle = tokio::spawn(self.clone().serve(key.clone(), receiver));
        tasks.insert(key, PoolTask { sender, handle });
        Ok(())
    }

    /// Runs the commands of a pool, until it is not used for a while or the store is closed.
    async fn serve(self, key: PoolKey, mut receiver: mpsc::UnboundedReceiver<PoolJob>) {
        let mut known = None;
        loop {
            let first = match timeout(IDLE, receiver.recv()).await {
                Ok(first) => first,
                Err(_) => self.retire(&key, &mut receiver),
            };
            let Some(first) = first else { return };
            let mut jobs = vec![first];
            while jobs.len() < MAX_BATCH
                && let Ok(job) = receiver.try_recv()
            {
                jobs.push(job);
            }
            self.context.process(&key, &mut known, jobs).await;
        }
    }

    /// Forgets the task of a pool, unless a command has arrived meanwhile.
    fn retire(
        &self,
        key: &PoolKey,
        receiver: &mut mpsc::UnboundedReceiver<PoolJob>,
    ) -> Option<PoolJob> {
        let mut tasks = self.lock();
        let job = receiver.try_recv().ok();
        if job.is_none()
            && let Some(tasks) = tasks.as_mut()
        {
            tasks.remove(key);
        }
        job
    }

    /// Commits the commands that wait, and accepts no more.
    pub(super) async fn close(&self) {
        let tasks = self.lock().take().unwrap_or_default();
        let handles: Vec<_> = tasks.into_values().map(|task| task.handle).collect();
        for handle in handles {
            // A task that has panicked has no commands any more.
            let _ = handle.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<PoolKey, PoolTask>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolContext {
    /// Runs jobs in one transaction, and sends their results.
    ///
    /// A transaction that certainly was not committed is repeated once, for example after the
    /// database was restarted. If the database has refused a value, each job runs alone, so that
    /// only the job with this value fails.
    async fn process(&self, key: &PoolKey, known: &mut Option<KnownPool>, jobs: Vec<PoolJob>) {
        let works: Vec<_> = jobs.iter().map(|job| &job.work).collect();
        let mut answers = batch::run(self, key, known, &works).await;
        if let Err(error) = &answers
            && is_repeatable(error)
        {
            if matches!(error, ServerStoreError::Restored)
                && let Err(error) = self.database.adopt().await
            {
                let error = self.failed(error);
                for job in jobs {
                    self.deliver(job, Err(error.clone()));
                }
                return;
            }
            if works.len() > 1 && is_refused_value(error) {
                return self.process_singly(key, known, jobs).await;
            }
            if let ServerStoreError::Redis(error) = error
                && let Err(error) = self.renewals.turn_off_failed(error).await
            {
                answers = Err(error);
            } else {
                answers = batch::run(self, key, known, &works).await;
            }
        }
        match answers {
            Ok(answers) => {
                for (job, answer) in jobs.into_iter().zip(answers) {
                    self.deliver(job, Ok(answer));
                }
            }
            Err(error) => {
                let error = self.failed(error);
                for job in jobs {
                    self.deliver(job, Err(error.clone()));
                }
            }
        }
    }

    async fn process_singly(
        &self,
        key: &PoolKey,
        known: &mut Option<KnownPool>,
        jobs: Vec<PoolJob>,
    ) {
        for job in jobs {
            let answers = batch::run(self, key, known, &[&job.work]).await;
            let answer = answers.map(|answers| answers.into_iter().next());
            let answer = match answer {
                Ok(answer) => answer.ok_or(ServerStoreError::Closed),
                Err(error) => Err(self.failed(error)),
            };
            self.deliver(job, answer);
        }
    }

    /// Logs the error of a batch, and returns the error of its commands.
    fn failed(&self, error: ServerStoreError) -> ServerStoreError {
        if let Some(repeated) = log_limit::pass("commit") {
            let error = license_core::with_causes(&error);
            tracing::error!(%error, repeated, "cannot commit");
        }
        ServerStoreError::NotCommitted(Arc::new(error))
    }

    fn deliver(&self, job: PoolJob, answer: Answered) {
        if let Ok(PoolAnswer::Applied(reply)) = &answer {
            for event in &reply.outcome.events {
                self.observer.seat_changed(event);
            }
        }
        // The caller may have gone away. Its change is committed nevertheless.
        let _ = job.reply.send(answer);
    }
}

/// Returns whether a transaction with this error was not committed, and can succeed next time.
fn is_repeatable(error: &ServerStoreError) -> bool {
    !matches!(
        error,
        ServerStoreError::CommitUnknown(_)
            | ServerStoreError::Unreachable { .. }
            | ServerStoreError::Tls { .. }
            | ServerStoreError::Setting { .. }
            | ServerStoreError::DiskFull
            | ServerStoreError::Closed
    )
}

/// Returns whether the database has refused a value or a row: classes 22 and 23 of
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn is_refused_value(error: &ServerStoreError) -> bool {
    let ServerStoreError::Postgres(error) = error else {
        return false;
    };
    let code = error.code.as_deref();
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
