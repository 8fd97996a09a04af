//! Reads the rows, and passes on those that are not issued yet.

use std::ops::ControlFlow;
use std::sync::mpsc::SyncSender;

use license_core::Timestamp;

use super::known::{FoundLicense, KnownLicense};
use super::{BatchError, BatchRow, BatchSource, Finished, Job, Shared};
use crate::errors::LedgerError;
use crate::ledger::LedgerReader;
use crate::services::issue::IssueError;

/// The number of rows that are looked up together.
const GROUP: usize = 128;

/// The thread that reads the rows.
pub(super) struct Feed<'b, S: BatchSource> {
    pub(super) shared: Shared<'b, S>,
    pub(super) reader: Option<Box<dyn LedgerReader + Send>>,
    pub(super) now: Timestamp,
    /// The serial of the next license.
    pub(super) serial: u64,
    pub(super) jobs: SyncSender<Job<S::Row>>,
    pub(super) results: SyncSender<Finished<S>>,
}

impl<S: BatchSource> Feed<'_, S> {
    pub(super) fn run(mut self) {
        let source = self.shared.source;
        let mut group = Vec::with_capacity(GROUP);
        let mut failed = None;
        let visited = source.visit(&mut |row| {
            group.push(row);
            if group.len() < GROUP {
                return ControlFlow::Continue(());
            }
            self.pass_on_or(&mut group, &mut failed)
        });
        if failed.is_none() {
            match visited {
                Ok(()) => {
                    let _ = self.pass_on_or(&mut group, &mut failed);
                }
                Err(error) => failed = Some(IssueError::Request(error).into()),
            }
        }
        if let Some(error) = failed {
            // If no one receives the error, the batch has already failed.
            let _ = self.results.send(Finished::Failed(error));
        }
    }

    fn pass_on_or(
        &mut self,
        group: &mut Vec<S::Row>,
        failed: &mut Option<BatchError<S::Error>>,
    ) -> ControlFlow<()> {
        match self.pass_on(group) {
            Ok(flow) => flow,
            Err(error) => {
                *failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// Passes on a group of rows. Breaks if no one receives them.
    fn pass_on(
        &mut self,
        group: &mut Vec<S::Row>,
    ) -> Result<ControlFlow<()>, BatchError<S::Error>> {
        let found = self.find(group).map_err(IssueError::Ledger)?;
        for (row, found) in group.drain(..).zip(found) {
            let is_received = match found {
                None => {
                    let draft = self.shared.source.draft(&row);
                    let mut draft = draft.map_err(IssueError::Request)?;
                    draft.serial = Some(self.serial);
                    self.serial = self.serial.saturating_add(1);
                    self.jobs.send(Job { row, draft }).is_ok()
                }
                Some(found) => {
                    let known = found.restore(&self.shared.path(&row), row.order_id())?;
                    self.results.send(Finished::Known(row, known)).is_ok()
                }
            };
            if !is_received {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Looks up the rows in one snapshot, which is also faster than one by one.
    fn find(&self, group: &[S::Row]) -> Result<Vec<Option<FoundLicense>>, LedgerError> {
        let find_all = |reader: Option<&dyn LedgerReader>| {
            let find = |row: &S::Row| {
                KnownLicense::find(reader, row.order_id(), &self.shared.path(row), self.now)
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
