//! Issuing of many licenses, one for each row of a table.
//!
//! One thread reads the rows and looks up which rows are already issued. Several threads sign. The
//! calling thread records and delivers chunks, each as one [`IssueTransaction`]. An interrupted
//! batch loses only the signatures of one chunk and of the licenses that wait to be delivered (up
//! to `BACKLOG`). The next run skips the rows that are already issued, because the ledger records
//! the order id of each license.

mod deliver;
mod error;
mod issued;
mod read;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use license_core::claims::LicenseClaims;
use license_core::issue::{LicenseDraft, VerifyingSigner};
use license_core::{FeatureMatrix, License};

use crate::clock::Clock;
use crate::delivery::ArtifactDestination;
use crate::files::Collision;
use crate::ledger::{Ledger, LedgerReader, PendingArtifact};
use crate::services::issue::{
    IssueError, IssueService, Mode, SignError, SignerSource, record_signing_key,
};
use crate::services::licenses::SignedLicense;

pub use error::BatchError;
pub use issued::AlreadyIssuedCounts;

use deliver::Deliverer;
use issued::IssuedLicense;
use read::RowReader;

#[cfg(doc)]
use crate::services::transaction::IssueTransaction;

/// The maximum number of rows that wait to be signed.
const QUEUE: usize = 128;

/// The maximum number of signed licenses that wait to be delivered. With this backlog, signing
/// continues while the disk is slow. Each license uses about 8 KB.
const BACKLOG: usize = 256;

/// A row of a batch.
pub trait BatchRow: Send {
    /// Returns the number of the row.
    fn number(&self) -> u64;

    /// Returns the name of the license's file, without a directory.
    fn file_name(&self) -> &str;

    /// Returns the order id, which is the same each time that this row is read.
    fn order_id(&self) -> &str;

    /// Returns the id of the license that the license of this row replaces. By default, it replaces
    /// none.
    ///
    /// The batch stops if another process renews, replaces or revokes this license meanwhile.
    fn replaces(&self) -> Option<&str> {
        None
    }
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

    /// Returns the draft of the license that a row requests. `ledger` is the ledger of the batch.
    ///
    /// # Errors
    ///
    /// Returns an error if the row is invalid.
    fn draft(
        &self,
        row: &Self::Row,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<LicenseDraft, Self::Error>;
}

/// An observer of the progress of a batch.
pub trait BatchObserver {
    /// A row.
    type Row;
    /// The error of the observer.
    type Error;

    /// Receives the start of the batch, once, before the first row is signed.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch must not start.
    fn started(&mut self) -> Result<(), Self::Error>;

    /// Receives a row whose license file is complete. The rows come in the order of the table.
    ///
    /// If the license was issued before and there is no ledger, `license` is `None`.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch must not continue.
    fn delivered(
        &mut self,
        row: &Self::Row,
        license: Option<&LicenseClaims>,
    ) -> Result<(), Self::Error>;

    /// Receives the end of the batch, after the last row.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch must fail.
    fn finished(&mut self) -> Result<(), Self::Error>;
}

/// A batch.
pub struct BatchRequest<'b, S: BatchSource> {
    /// The rows.
    pub source: &'b S,
    /// The number of rows.
    pub rows: u64,
    /// The feature matrix of the product.
    pub matrix: &'b FeatureMatrix,
    /// The directory of the license files.
    pub directory: &'b Path,
    /// The number of threads that sign.
    pub jobs: usize,
    /// The source of the signing key.
    pub signer: &'b dyn SignerSource<VerifyingSigner, Error = S::Error>,
    /// The observer.
    pub observer: &'b mut dyn BatchObserver<Row = S::Row, Error = S::Error>,
}

/// The result of [`IssueService::issue_batch`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchReport {
    /// The number of licenses that were issued.
    pub issued: u64,
    /// The number of licenses that were issued before.
    pub already_issued: AlreadyIssuedCounts,
}

/// A row to sign.
struct SigningJob<R> {
    /// The position of the row in the table, counted from 0.
    index: u64,
    row: R,
    draft: LicenseDraft,
}

/// The result for a row: a signed license, a license that was issued before, or an error that ends
/// the batch.
enum RowResult<S: BatchSource> {
    Signed(Box<SignedRow<S::Row>>),
    AlreadyIssued(u64, S::Row, IssuedLicense),
    Failed(BatchError<S::Error>),
}

/// A row with its signed license.
struct SignedRow<R> {
    index: u64,
    row: R,
    license: License,
    artifact: PendingArtifact,
    content: Vec<u8>,
}

/// The parts of a request that all threads of a batch share.
struct BatchContext<'b, S> {
    source: &'b S,
    matrix: &'b FeatureMatrix,
    directory: &'b Path,
}

impl<S: BatchSource> BatchContext<'_, S> {
    /// Returns the path of a row's file.
    fn path(&self, row: &S::Row) -> PathBuf {
        self.directory.join(row.file_name())
    }
}

impl<S> Clone for BatchContext<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for BatchContext<'_, S> {}

impl<L: Ledger, C: Clock> IssueService<L, C> {
    /// Issues a license for each row. In a dry run, only counts the rows that are already issued.
    ///
    /// # Errors
    ///
    /// Returns [`BatchError`] if a step fails. The chunks that were recorded before the failure
    /// stay issued. If the caller repeats the request, the batch skips the rows of these chunks.
    pub fn issue_batch<S: BatchSource>(
        &mut self,
        request: BatchRequest<'_, S>,
        mode: Mode,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        check_directory(request.directory)?;
        let view = self.ledger.as_ref().map(Ledger::check).transpose();
        let view = view.map_err(IssueError::OpenLedger)?.flatten();
        match mode {
            Mode::DryRun => self.count_already_issued(&request, view.as_deref()),
            Mode::Commit => {
                // The read-only view of the ledger must not outlive the first change.
                drop(view);
                self.commit_batch(request)
            }
        }
    }

    /// Counts the rows that are already issued. Refuses files that were not issued from the rows.
    fn count_already_issued<S: BatchSource>(
        &self,
        request: &BatchRequest<'_, S>,
        view: Option<&dyn LedgerReader>,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        request.signer.peek().map_err(IssueError::Request)?;
        let now = self.clock.now();
        let context = request.context();
        let mut report = BatchReport::default();
        let mut failed = None;
        let mut count = |row: S::Row| {
            let path = context.path(&row);
            let found = match (view, &self.ledger) {
                // A ledger that does not exist yet contains no license.
                (None, Some(_)) => Ok(None),
                (view, _) => IssuedLicense::find(view, row.order_id(), &path, now),
            };
            match found.map_err(IssueError::Ledger)? {
                Some(found) => report.already_issued.add(&found.license),
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
        let mut change_counter = None;
        if let Some(ledger) = &mut self.ledger {
            let mut writer = ledger.acquire(now).map_err(IssueError::OpenLedger)?;
            for public in request.signer.public_keys(&key) {
                record_signing_key(&mut *writer, public).map_err(IssueError::Ledger)?;
            }
            let reserved = writer.reserve_serials(request.rows, clock_micros);
            serial = reserved.map_err(IssueError::Ledger)?;
            // The counter must be read before any row is looked up.
            let counter = writer.reader().change_counter();
            change_counter = Some(counter.map_err(IssueError::Ledger)?);
            drop(writer);
            reader = Some(ledger.second_reader().map_err(IssueError::OpenLedger)?);
        }
        request.observer.started().map_err(IssueError::Request)?;
        let context = request.context();
        let (jobs, waiting) = sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let (results, finished) = sync_channel(BACKLOG);
        thread::scope(|scope| {
            let reader_thread = RowReader {
                context,
                reader,
                now,
                index: 0,
                serial,
                jobs,
                results: results.clone(),
            };
            scope.spawn(move || reader_thread.run());
            for _ in 0..request.jobs {
                let results = results.clone();
                let waiting = Arc::clone(&waiting);
                let key = &key;
                scope.spawn(move || run_signing_thread(context, key, &waiting, &results));
            }
            // Only the threads may have these ends of the channels. When the last thread ends, no
            // sender of results is left, and the deliverer ends. If the deliverer fails first, the
            // signing threads cannot send results and end. Then no receiver of jobs is left, and
            // the reading thread ends.
            drop(waiting);
            drop(results);
            let deliverer = Deliverer {
                context,
                ledger: self.ledger.as_mut(),
                clock: &self.clock,
                change_counter,
                observer: request.observer,
                report: BatchReport::default(),
                chunk: Vec::new(),
                finished: BTreeMap::new(),
                next: 0,
            };
            deliverer.run(finished)
        })
    }
}

impl<'b, S: BatchSource> BatchRequest<'b, S> {
    fn context(&self) -> BatchContext<'b, S> {
        BatchContext {
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

fn run_signing_thread<S: BatchSource>(
    context: BatchContext<'_, S>,
    key: &VerifyingSigner,
    jobs: &Mutex<Receiver<SigningJob<S::Row>>>,
    results: &SyncSender<RowResult<S>>,
) {
    loop {
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            // Another signing thread panicked, which ends the batch.
            Err(_) => {
                let _ = results.send(RowResult::Failed(BatchError::Thread));
                return;
            }
        };
        let Ok(job) = job else {
            return;
        };
        let result = match sign(context, key, job) {
            Ok(signed) => RowResult::Signed(Box::new(signed)),
            Err(error) => RowResult::Failed(IssueError::Sign(error).into()),
        };
        if results.send(result).is_err() {
            return;
        }
    }
}

/// Signs the license of a row and prepares everything that needs no lock.
fn sign<S: BatchSource>(
    context: BatchContext<'_, S>,
    key: &VerifyingSigner,
    SigningJob { index, row, draft }: SigningJob<S::Row>,
) -> Result<SignedRow<S::Row>, SignError> {
    let signed = SignedLicense::sign(&draft, key, context.matrix)?;
    let order = row.order_id();
    let path = context.path(&row);
    let destination = ArtifactDestination::file(&path, order, Collision::Refuse);
    let entry = signed.entry.with_member("order", order);
    Ok(SignedRow {
        index,
        license: signed.license,
        artifact: PendingArtifact::new(entry, destination),
        content: signed.file.into_bytes(),
        row,
    })
}
