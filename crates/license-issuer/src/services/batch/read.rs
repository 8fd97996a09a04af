//! Reads the rows, and sends those that are not issued yet to the signing threads.

use std::ops::ControlFlow;
use std::sync::mpsc::SyncSender;

use license_core::chrono::{DateTime, Utc};

use super::issued::{IssuedLicense, IssuedLicenseLookup};
use super::{BatchContext, BatchError, BatchRow, BatchSource, RowResult, SigningJob};
use crate::errors::LedgerError;
use crate::ledger::LedgerReader;
use crate::services::issue::IssueError;

/// The number of rows that are looked up together.
const GROUP: usize = 128;

/// The thread that reads the rows.
pub(super) struct RowReader<'b, S: BatchSource> {
    pub(super) context: BatchContext<'b, S>,
    pub(super) reader: Option<Box<dyn LedgerReader + Send>>,
    pub(super) now: DateTime<Utc>,
    /// The position of the next row in the table.
    pub(super) index: u64,
    /// The serial of the next license.
    pub(super) serial: u64,
    pub(super) jobs: SyncSender<SigningJob<S::Row>>,
    pub(super) results: SyncSender<RowResult<S>>,
}

impl<S: BatchSource> RowReader<'_, S> {
    pub(super) fn run(mut self) {
        let source = self.context.source;
        let mut group = Vec::with_capacity(GROUP);
        let mut failed = None;
        let visited = source.visit(&mut |row| {
            group.push(row);
            if group.len() < GROUP {
                return ControlFlow::Continue(());
            }
            self.send_or_fail(&mut group, &mut failed)
        });
        if failed.is_none() {
            match visited {
                Ok(()) => {
                    let _ = self.send_or_fail(&mut group, &mut failed);
                }
                Err(error) => failed = Some(IssueError::Request(error).into()),
            }
        }
        if let Some(error) = failed {
            // If the receiver has ended, the batch has already failed.
            let _ = self.results.send(RowResult::Failed(error));
        }
    }

    fn send_or_fail(
        &mut self,
        group: &mut Vec<S::Row>,
        failed: &mut Option<BatchError<S::Error>>,
    ) -> ControlFlow<()> {
        match self.send_group(group) {
            Ok(flow) => flow,
            Err(error) => {
                *failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// Sends a group of rows. Breaks if the receivers have ended.
    fn send_group(
        &mut self,
        group: &mut Vec<S::Row>,
    ) -> Result<ControlFlow<()>, BatchError<S::Error>> {
        let found = self.find(group).map_err(IssueError::Ledger)?;
        for (row, found) in group.drain(..).zip(found) {
            let index = self.index;
            self.index = index.saturating_add(1);
            let is_received = match found {
                None => {
                    let draft = self.context.source.draft(&row, self.ledger());
                    let mut draft = draft.map_err(IssueError::Request)?;
                    draft.serial = Some(self.serial);
                    self.serial = self.serial.saturating_add(1);
                    self.jobs.send(SigningJob { index, row, draft }).is_ok()
                }
                Some(found) => {
                    let issued = found.restore(&self.context.path(&row), row.order_id())?;
                    self.results
                        .send(RowResult::AlreadyIssued(index, row, issued))
                        .is_ok()
                }
            };
            if !is_received {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn ledger(&self) -> Option<&dyn LedgerReader> {
        let reader = self.reader.as_ref()?;
        Some(&**reader)
    }

    /// Looks up the rows in one snapshot of the ledger, which is faster than one snapshot for each
    /// row.
    fn find(&self, group: &[S::Row]) -> Result<Vec<Option<IssuedLicenseLookup>>, LedgerError> {
        let find_all = |reader: Option<&dyn LedgerReader>| {
            let find = |row: &S::Row| {
                IssuedLicense::find(reader, row.order_id(), &self.context.path(row), self.now)
            };
            group.iter().map(find).collect()
        };
        let Some(reader) = &self.reader else {
            return find_all(None);
        };
        let mut found = Ok(Vec::new());
        reader.with_snapshot(&mut || found = find_all(Some(&**reader)))?;
        found
    }
}
