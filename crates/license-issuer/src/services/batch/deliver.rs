//! Records and delivers the signed licenses, chunk by chunk.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use license_core::License;
use license_core::chrono::{DateTime, Utc};
use license_core::claims::LicenseClaims;

use super::issued::IssuedLicense;
use super::{
    BatchContext, BatchError, BatchObserver, BatchReport, BatchRow, BatchSource, RowResult,
    SignedRow,
};
use crate::clock::Clock;
use crate::delivery::FileDelivery;
use crate::files::Durability;
use crate::ledger::{Ledger, LedgerReader};
use crate::services::issue::IssueError;
use crate::services::renewals::RenewalState;
use crate::services::transaction::{Deliverable, IssueTransaction};

/// The number of licenses that are recorded together. The cost of a commit hardly depends on this
/// number.
const CHUNK: usize = 256;

/// The last stage of the pipeline.
pub(super) struct Deliverer<'b, S: BatchSource, L, C> {
    pub(super) context: BatchContext<'b, S>,
    pub(super) ledger: Option<&'b mut L>,
    pub(super) clock: &'b C,
    /// The change counter of the ledger, read before the first row was looked up.
    pub(super) change_counter: Option<i64>,
    pub(super) observer: &'b mut dyn BatchObserver<Row = S::Row, Error = S::Error>,
    pub(super) report: BatchReport,
    pub(super) chunk: Vec<SignedRow<S::Row>>,
    /// Rows that are complete but follow a row that is not, by their position in the table.
    pub(super) finished: BTreeMap<u64, FinishedRow<S::Row>>,
    /// The position of the next row for the observer.
    pub(super) next: u64,
}

/// A row whose license file is complete.
pub(super) struct FinishedRow<R> {
    row: R,
    license: FinishedLicense,
}

/// The license of a row.
enum FinishedLicense {
    New(License),
    Known(IssuedLicense),
}

impl FinishedLicense {
    fn claims(&self) -> Option<&LicenseClaims> {
        match self {
            Self::New(license) => Some(license.claims()),
            Self::Known(license) => license.claims.as_deref(),
        }
    }
}

impl<S: BatchSource, L: Ledger, C: Clock> Deliverer<'_, S, L, C> {
    pub(super) fn run(
        mut self,
        finished: Receiver<RowResult<S>>,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        for result in finished {
            match result {
                RowResult::Failed(error) => return Err(error),
                RowResult::AlreadyIssued(index, row, issued) => {
                    self.finish_known(index, row, issued);
                    self.observe()?;
                }
                RowResult::Signed(signed) => self.chunk.push(*signed),
            }
            // Known rows wait for the rows before them.
            if self.chunk.len().saturating_add(self.finished.len()) >= CHUNK {
                self.deliver_chunk()?;
            }
        }
        self.deliver_chunk()?;
        self.observer.finished().map_err(IssueError::Request)?;
        Ok(self.report)
    }

    /// Records and delivers the chunk, except for rows that another process issued in the meantime.
    fn deliver_chunk(&mut self) -> Result<(), BatchError<S::Error>> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        let mut issued = Vec::new();
        let mut delivered = Vec::with_capacity(chunk.len());
        match &mut self.ledger {
            None => {
                let mut delivery = FileDelivery::new(Durability::Synced);
                let mut transaction = split(chunk, &mut delivered);
                transaction.commit(None, &mut delivery)?;
            }
            Some(ledger) => {
                let now = self.clock.now();
                let mut writer = ledger.acquire(now).map_err(IssueError::OpenLedger)?;
                let counter = writer.reader().change_counter();
                if Some(counter.map_err(IssueError::Ledger)?) != self.change_counter {
                    issued = take_issued(&mut chunk, self.context, writer.reader(), now)?;
                }
                // The ledger can restore the files, so they need not be synced one by one.
                let mut delivery = FileDelivery::new(Durability::Restorable);
                let mut transaction = split(chunk, &mut delivered);
                transaction.commit(Some(&mut *writer), &mut delivery)?;
            }
        }
        for (index, row, issued) in issued {
            self.finish_known(index, row, issued);
        }
        for (index, row, license) in delivered {
            self.report.issued += 1;
            let license = FinishedLicense::New(license);
            self.finished.insert(index, FinishedRow { row, license });
        }
        self.observe()
    }

    fn finish_known(&mut self, index: u64, row: S::Row, issued: IssuedLicense) {
        self.report.already_issued.add(&issued);
        let license = FinishedLicense::Known(issued);
        self.finished.insert(index, FinishedRow { row, license });
    }

    /// Passes finished rows to the observer, up to the first row that is not finished.
    fn observe(&mut self) -> Result<(), BatchError<S::Error>> {
        while let Some(FinishedRow { row, license }) = self.finished.remove(&self.next) {
            self.next = self.next.saturating_add(1);
            let observed = self.observer.delivered(&row, license.claims());
            observed.map_err(IssueError::Request)?;
        }
        Ok(())
    }
}

/// A row that another process issued.
type IssuedRow<S> = (u64, <S as BatchSource>::Row, IssuedLicense);

/// A row with its position and its license.
type DeliveredRow<R> = (u64, R, License);

/// Returns the transaction of a chunk, in the order of the rows. Adds the rows to `delivered`.
fn split<R: BatchRow>(
    mut chunk: Vec<SignedRow<R>>,
    delivered: &mut Vec<DeliveredRow<R>>,
) -> IssueTransaction {
    chunk.sort_by_key(|signed| signed.row.number());
    let mut transaction = IssueTransaction::default();
    for signed in chunk {
        transaction.deliverables.push(Deliverable {
            destination: signed.artifact.destination.clone(),
            content: signed.content,
        });
        transaction.artifacts.push(signed.artifact);
        delivered.push((signed.index, signed.row, signed.license));
    }
    transaction
}

/// Removes from a chunk the rows that another process issued, and returns them. No other process
/// can issue rows while the caller holds the writer lock.
///
/// # Errors
///
/// Returns [`BatchError::Replaced`] if another process renewed, replaced or revoked a license that
/// a row replaces.
fn take_issued<S: BatchSource>(
    chunk: &mut Vec<SignedRow<S::Row>>,
    context: BatchContext<'_, S>,
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<Vec<IssuedRow<S>>, BatchError<S::Error>> {
    let (mut new, mut issued) = (Vec::with_capacity(chunk.len()), Vec::new());
    for signed in chunk.drain(..) {
        let order = signed.row.order_id();
        let path = context.path(&signed.row);
        let found = IssuedLicense::find(Some(ledger), order, &path, now);
        match found.map_err(IssueError::Ledger)? {
            Some(found) => {
                let restored = found.restore(&path, order)?;
                issued.push((signed.index, signed.row, restored));
            }
            None => {
                if let Some(previous) = signed.row.replaces() {
                    check_replaceable(previous, ledger, now)?;
                }
                new.push(signed);
            }
        }
    }
    *chunk = new;
    Ok(issued)
}

/// Checks that a license is still recorded, in effect and without a successor.
fn check_replaceable<E: std::error::Error>(
    license: &str,
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<(), BatchError<E>> {
    let recorded = ledger.license(license, now).map_err(IssueError::Ledger)?;
    let state = recorded.map(|recorded| RenewalState::of(&recorded, ledger));
    let state = state.transpose().map_err(IssueError::Ledger)?;
    if state == Some(RenewalState::Due) {
        return Ok(());
    }
    Err(BatchError::Replaced(license.to_owned()))
}
