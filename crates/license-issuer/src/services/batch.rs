//! Issuing of many licenses: one for each row of a table.
//!
//! One thread reads the rows and looks up which are already issued. Several threads sign. The
//! calling thread records and delivers chunks, each as one [`IssueTransaction`]. A batch that is
//! interrupted loses the signatures of one chunk and nothing else: the next run continues, because
//! the ledger knows for each license the order for which it was issued.

mod deliver;
mod feed;
mod known;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use license_core::Matrix;
use license_core::issue::{CheckedKey, LicenseDraft};

use crate::clock::Clock;
use crate::delivery::ArtifactDestination;
use crate::errors::DeliveryError;
use crate::files::Collision;
use crate::ledger::{Ledger, LedgerReader, LedgerWriter, PendingArtifact};
use crate::services::issue::{
    IssueError, IssueService, Mode, SignError, SignerSource, record_signing_key,
};
use crate::services::licenses::SignedLicense;
use crate::services::transaction::TransactionError;

pub use known::KnownCounts;

use deliver::Deliverer;
use feed::Feed;
use known::KnownLicense;

#[cfg(doc)]
use crate::services::transaction::IssueTransaction;

/// The number of rows that wait to be signed.
const QUEUE: usize = 128;

/// The number of signed licenses that wait to be delivered, so that signing continues while the
/// disk is slow. Each takes about 8 KB.
const BACKLOG: usize = 256;

/// A row of a batch.
pub trait BatchRow: Send {
    /// Returns the number of the row.
    fn number(&self) -> u64;

    /// Returns the name of the license's file, without a directory.
    fn file_name(&self) -> &str;

    /// Returns an id that is the same whenever the same row of the same orders is read.
    fn order_id(&self) -> &str;
}

/// The rows of a batch, which are read several times.
pub trait BatchSource: Sync {
    /// A row.
    type Row: BatchRow;
    /// The error of reading a row.
    type Error: std::error::Error + Send + 'static;

    /// Visits the rows, until `each` breaks.
    ///
    /// # Errors
    ///
    /// Returns an error if the rows cannot be read, or have changed since they were checked.
    fn visit(&self, each: &mut dyn FnMut(Self::Row) -> ControlFlow<()>) -> Result<(), Self::Error>;

    /// Returns the license that a row asks for.
    ///
    /// # Errors
    ///
    /// Returns an error if the row is invalid.
    fn draft(&self, row: &Self::Row) -> Result<LicenseDraft, Self::Error>;
}

/// A listener to the progress of a batch.
pub trait BatchObserver {
    /// A row.
    type Row;
    /// The error of the listener.
    type Error;

    /// Is called once before the first row is signed.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch must not start.
    fn started(&mut self) -> Result<(), Self::Error>;

    /// Is called for each row whose license is in its file. Without a ledger, neither the id nor
    /// the key of a license is known that was issued before.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch must not continue.
    fn delivered(
        &mut self,
        row: &Self::Row,
        license_id: Option<&str>,
        key: Option<&str>,
    ) -> Result<(), Self::Error>;

    /// Is called after the last row.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch is incomplete without it.
    fn finished(&mut self) -> Result<(), Self::Error>;
}

/// A batch.
pub struct BatchRequest<'b, S: BatchSource> {
    /// The rows.
    pub source: &'b S,
    /// The number of rows.
    pub rows: u64,
    /// The product.
    pub matrix: &'b Matrix,
    /// The directory of the license files.
    pub directory: &'b Path,
    /// The number of threads that sign.
    pub jobs: usize,
    /// The source of the signing key.
    pub signer: &'b dyn SignerSource<Signer = CheckedKey, Error = S::Error>,
    /// The listener.
    pub observer: &'b mut dyn BatchObserver<Row = S::Row, Error = S::Error>,
}

/// The result of [`IssueService::issue_batch`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchReport {
    /// The number of licenses that were issued.
    pub issued: u64,
    /// The licenses that were issued before.
    pub known: KnownCounts,
}

/// The reason why a batch has stopped. `E` is the error of the caller's own functions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError<E: std::error::Error + 'static> {
    /// A row cannot be read, or a step of issuing failed.
    #[error(transparent)]
    Issue(#[from] IssueError<E>),
    /// The file of a row exists and was not issued for these orders.
    #[error("{} exists, and was not issued for these orders", .0.display())]
    ForeignFile(PathBuf),
    /// The file of a row is not the license that was issued for it.
    #[error("{} is not the license that was issued for its row", .0.display())]
    DamagedFile(PathBuf),
    /// A file or directory cannot be read or created.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// The action: `read` or `write`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A signing thread has panicked.
    #[error("a signing thread has failed")]
    Thread,
}

impl<E: std::error::Error + 'static> From<TransactionError> for BatchError<E> {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Delivery(DeliveryError::Exists(path)) => Self::ForeignFile(path),
            error => Self::Issue(error.into()),
        }
    }
}

/// A row on its way to be signed.
struct Job<R> {
    row: R,
    draft: LicenseDraft,
}

/// A row that is signed, or was issued before.
enum Finished<S: BatchSource> {
    Signed(Box<SignedRow<S::Row>>),
    Known(S::Row, KnownLicense),
    Failed(BatchError<S::Error>),
}

/// A row with its signed license.
struct SignedRow<R> {
    row: R,
    license_id: String,
    key: Option<String>,
    artifact: PendingArtifact,
    content: Vec<u8>,
}

/// The state that the threads of a batch share.
struct Shared<'b, S> {
    source: &'b S,
    matrix: &'b Matrix,
    directory: &'b Path,
}

impl<S: BatchSource> Shared<'_, S> {
    /// Returns the path of a row's file.
    fn path(&self, row: &S::Row) -> PathBuf {
        self.directory.join(row.file_name())
    }
}

impl<S> Clone for Shared<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Shared<'_, S> {}

impl<L: Ledger, C: Clock> IssueService<L, C> {
    /// Issues a license for each row, or finds in a dry run which rows would be issued.
    ///
    /// # Errors
    ///
    /// Returns [`BatchError`] if a step fails. Chunks that are already recorded are issued; the
    /// same request continues after them.
    pub fn issue_batch<S: BatchSource>(
        &mut self,
        request: BatchRequest<'_, S>,
        mode: Mode,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        check_directory(request.directory)?;
        let view = self.ledger.as_ref().map(Ledger::check).transpose();
        let view = view.map_err(IssueError::OpenLedger)?.flatten();
        match mode {
            Mode::DryRun => self.count_known(&request, view.as_deref()),
            Mode::Commit => {
                // The view of the ledger must not outlive the first change.
                drop(view);
                self.commit_batch(request)
            }
        }
    }

    /// Counts the rows that are already issued, and refuses foreign files.
    fn count_known<S: BatchSource>(
        &self,
        request: &BatchRequest<'_, S>,
        view: Option<&dyn LedgerReader>,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        request.signer.peek().map_err(IssueError::Request)?;
        let now = self.clock.now();
        let shared = request.shared();
        let mut report = BatchReport::default();
        let mut failed = None;
        let mut count = |row: S::Row| {
            let path = shared.path(&row);
            let found = match (view, &self.ledger) {
                // A ledger that must still be created contains nothing.
                (None, Some(_)) => Ok(None),
                (view, _) => KnownLicense::find(view, row.order_id(), &path, now),
            };
            match found.map_err(IssueError::Ledger)? {
                Some(found) => report.known.add(&found.license),
                None if path.symlink_metadata().is_ok() => {
                    return Err(BatchError::ForeignFile(path));
                }
                None => {}
            }
            Ok(())
        };
        let visited = request.source.visit(&mut |row| match count(row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(visited.map(|()| report).map_err(IssueError::Request)?),
        }
    }

    fn commit_batch<S: BatchSource>(
        &mut self,
        request: BatchRequest<'_, S>,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        let directory = request.directory;
        fs::create_dir_all(directory).map_err(|source| BatchError::Io {
            action: "write",
            path: directory.to_owned(),
            source,
        })?;
        let now = self.clock.now();
        let clock_micros = self.clock.unix_micros();
        if let Some(ledger) = &mut self.ledger {
            ledger.prepare().map_err(IssueError::OpenLedger)?;
        }
        let key = request.signer.open().map_err(IssueError::Request)?;
        // Without a ledger, a serial is the clock's microseconds.
        let mut serial = clock_micros;
        let mut reader = None;
        let mut version = None;
        if let Some(ledger) = &mut self.ledger {
            let mut writer = ledger.acquire(now).map_err(IssueError::OpenLedger)?;
            for public in request.signer.public_keys(&key) {
                record_signing_key(&mut writer, public).map_err(IssueError::Ledger)?;
            }
            let reserved = writer.reserve_serials(request.rows, clock_micros);
            serial = reserved.map_err(IssueError::Ledger)?;
            // Before any row is looked up.
            let counter = writer.reader().change_counter();
            version = Some(counter.map_err(IssueError::Ledger)?);
            drop(writer);
            reader = Some(ledger.second_reader().map_err(IssueError::OpenLedger)?);
        }
        request.observer.started().map_err(IssueError::Request)?;
        let shared = request.shared();
        let (jobs, waiting) = sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let (results, finished) = sync_channel(BACKLOG);
        thread::scope(|scope| {
            let feed = Feed {
                shared,
                reader,
                now,
                serial,
                jobs,
                results: results.clone(),
            };
            scope.spawn(move || feed.run());
            for _ in 0..request.jobs {
                let results = results.clone();
                let waiting = Arc::clone(&waiting);
                let key = &key;
                scope.spawn(move || sign_all(shared, key, &waiting, &results));
            }
            // The channels end with the threads that use them. If the deliverer fails, the signing
            // threads find no receiver and end, and with the last of them the reading thread does.
            drop(waiting);
            drop(results);
            let deliverer = Deliverer {
                shared,
                ledger: self.ledger.as_mut(),
                clock: &self.clock,
                version,
                observer: request.observer,
                report: BatchReport::default(),
                chunk: Vec::new(),
            };
            deliverer.run(finished)
        })
    }
}

impl<'b, S: BatchSource> BatchRequest<'b, S> {
    fn shared(&self) -> Shared<'b, S> {
        Shared {
            source: self.source,
            matrix: self.matrix,
            directory: self.directory,
        }
    }
}

/// Checks that the directory exists or can be created.
fn check_directory<E: std::error::Error>(directory: &Path) -> Result<(), BatchError<E>> {
    let existing = directory.ancestors().find(|name| name.exists());
    match existing {
        Some(file) if !file.is_dir() => Err(BatchError::Io {
            action: "write",
            path: file.to_owned(),
            source: io::ErrorKind::NotADirectory.into(),
        }),
        _ => Ok(()),
    }
}

fn sign_all<S: BatchSource>(
    shared: Shared<'_, S>,
    key: &CheckedKey,
    jobs: &Mutex<Receiver<Job<S::Row>>>,
    results: &SyncSender<Finished<S>>,
) {
    loop {
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            // Another signing thread has panicked, which ends the batch.
            Err(_) => {
                let _ = results.send(Finished::Failed(BatchError::Thread));
                return;
            }
        };
        let Ok(job) = job else {
            return;
        };
        let result = match sign(shared, key, job) {
            Ok(signed) => Finished::Signed(Box::new(signed)),
            Err(error) => Finished::Failed(IssueError::Sign(error).into()),
        };
        if results.send(result).is_err() {
            return;
        }
    }
}

/// Signs a license and prepares everything that needs no lock.
fn sign<S: BatchSource>(
    shared: Shared<'_, S>,
    key: &CheckedKey,
    Job { row, draft }: Job<S::Row>,
) -> Result<SignedRow<S::Row>, SignError> {
    let signed = SignedLicense::sign(&draft, key, shared.matrix)?;
    let order = row.order_id();
    let path = shared.path(&row);
    let destination = ArtifactDestination::file(&path, order, Collision::Refuse);
    let entry = signed.entry.with("order", order);
    Ok(SignedRow {
        license_id: signed.license.id().as_str().to_owned(),
        key: signed.license.standard_key().map(|key| key.to_string()),
        artifact: PendingArtifact::new(entry, destination),
        content: signed.file.into_bytes(),
        row,
    })
}
