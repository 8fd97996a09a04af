//! Records and delivers the signed licenses, chunk by chunk.

use std::sync::mpsc::Receiver;

use super::known::KnownLicense;
use super::{
    BatchError, BatchObserver, BatchReport, BatchRow, BatchSource, Finished, Shared, SignedRow,
};
use crate::clock::Clock;
use crate::delivery::{Delivery, FileDelivery};
use crate::files::Durability;
use crate::ledger::{Ledger, LedgerReader, LedgerWriter};
use crate::services::issue::IssueError;
use crate::services::transaction::{Deliverable, IssueTransaction};

/// The number of licenses that are recorded together. A commit costs about the same for one as for
/// many.
const CHUNK: usize = 256;

/// The end of the pipeline.
pub(super) struct Deliverer<'b, S: BatchSource, L, C> {
    pub(super) shared: Shared<'b, S>,
    pub(super) ledger: Option<&'b mut L>,
    pub(super) clock: &'b C,
    /// The change counter of the ledger, from before the first row was looked up.
    pub(super) version: Option<i64>,
    pub(super) observer: &'b mut dyn BatchObserver<Row = S::Row, Error = S::Error>,
    pub(super) report: BatchReport,
    pub(super) chunk: Vec<SignedRow<S::Row>>,
}

impl<S: BatchSource, L: Ledger, C: Clock> Deliverer<'_, S, L, C> {
    pub(super) fn run(
        mut self,
        finished: Receiver<Finished<S>>,
    ) -> Result<BatchReport, BatchError<S::Error>> {
        for result in finished {
            match result {
                Finished::Failed(error) => return Err(error),
                Finished::Known(row, known) => self.note_known(&row, &known)?,
                Finished::Signed(signed) => self.chunk.push(*signed),
            }
            if self.chunk.len() >= CHUNK {
                self.deliver_chunk()?;
            }
        }
        self.deliver_chunk()?;
        self.observer.finished().map_err(IssueError::Request)?;
        Ok(self.report)
    }

    /// Records and delivers the chunk, except for rows that another process has issued meanwhile.
    fn deliver_chunk(&mut self) -> Result<(), BatchError<S::Error>> {
        let mut chunk = std::mem::take(&mut self.chunk);
        let mut known = Vec::new();
        let mut issued = Vec::with_capacity(chunk.len());
        match &mut self.ledger {
            None => {
                let mut delivery = FileDelivery::new(Durability::Synced);
                let mut transaction = split(chunk, &mut issued);
                for one in &transaction.deliverables {
                    // A batch that was killed may have left the staging file.
                    let _ = delivery.discard(&one.destination);
                }
                transaction.commit(None, &mut delivery)?;
            }
            Some(ledger) => {
                let now = self.clock.now();
                let mut writer = ledger.acquire(now).map_err(IssueError::OpenLedger)?;
                let counter = writer.reader().change_counter();
                if Some(counter.map_err(IssueError::Ledger)?) != self.version {
                    known = take_known(&mut chunk, self.shared, writer.reader(), now)?;
                }
                // The ledger can restore the files, so they need not be synced one by one.
                let mut delivery = FileDelivery::new(Durability::Restorable);
                let mut transaction = split(chunk, &mut issued);
                transaction.commit(Some(&mut writer), &mut delivery)?;
            }
        }
        for (row, known) in &known {
            self.note_known(row, known)?;
        }
        for (row, license_id, key) in issued {
            let noted = self
                .observer
                .delivered(&row, Some(&license_id), key.as_deref());
            noted.map_err(IssueError::Request)?;
            self.report.issued += 1;
        }
        Ok(())
    }

    fn note_known(
        &mut self,
        row: &S::Row,
        known: &KnownLicense,
    ) -> Result<(), BatchError<S::Error>> {
        self.report.known.add(known);
        let (id, key) = (known.license_id.as_deref(), known.key.as_deref());
        let noted = self.observer.delivered(row, id, key);
        Ok(noted.map_err(IssueError::Request)?)
    }
}

/// A row that another process has issued.
type KnownRow<S> = (<S as BatchSource>::Row, KnownLicense);

/// A row with the id and the key of its license.
type IssuedRow<R> = (R, String, Option<String>);

/// Returns the transaction of a chunk, in the order of the rows.
fn split<R: BatchRow>(
    mut chunk: Vec<SignedRow<R>>,
    issued: &mut Vec<IssuedRow<R>>,
) -> IssueTransaction {
    chunk.sort_by_key(|signed| signed.row.number());
    let mut transaction = IssueTransaction::default();
    for signed in chunk {
        transaction.deliverables.push(Deliverable {
            destination: signed.artifact.destination.clone(),
            content: signed.content,
        });
        transaction.artifacts.push(signed.artifact);
        issued.push((signed.row, signed.license_id, signed.key));
    }
    transaction
}

/// Takes the rows out of a chunk that another process has issued. No other process can issue them
/// while the caller holds the writer lock.
fn take_known<S: BatchSource>(
    chunk: &mut Vec<SignedRow<S::Row>>,
    shared: Shared<'_, S>,
    ledger: &dyn LedgerReader,
    now: license_core::Timestamp,
) -> Result<Vec<KnownRow<S>>, BatchError<S::Error>> {
    let (mut new, mut known) = (Vec::with_capacity(chunk.len()), Vec::new());
    for signed in chunk.drain(..) {
        let order = signed.row.order_id();
        let path = shared.path(&signed.row);
        let found = KnownLicense::find(Some(ledger), order, &path, now);
        match found.map_err(IssueError::Ledger)? {
            Some(found) => {
                let restored = found.restore(&path, order)?;
                known.push((signed.row, restored));
            }
            None => new.push(signed),
        }
    }
    *chunk = new;
    Ok(known)
}
