//! Reads the orders again and passes on those that are not minted yet.

use std::sync::mpsc::SyncSender;

use license_core::issue::LicenseDraft;
use license_terminal::Failure;

use super::super::now;
use super::known::{Found, Known};
use super::mint::{Finished, Job, Mint};
use super::orders::{Mistake, Order};
use crate::books::not_kept;
use crate::ledger::Ledger;

/// Rows that are looked up together.
const GROUP: usize = 128;

/// What leads from the orders to those who sign.
pub(super) struct Feed<'m> {
    pub(super) mint: &'m Mint<'m>,
    pub(super) books: Option<Ledger>,
    /// The next one.
    pub(super) serial: u64,
    pub(super) jobs: SyncSender<Job>,
    pub(super) results: SyncSender<Finished>,
}

impl Feed<'_> {
    pub(super) fn run(mut self) {
        let orders = self.mint.orders;
        let mut group = Vec::with_capacity(GROUP);
        let read = orders.each(|order| {
            group.push(order.map_err(|mistake| self.changed(&mistake))?);
            match group.len() {
                GROUP => self.pass_on(&mut group),
                _ => Ok(true),
            }
        });
        if let Err(failure) = read.and_then(|()| self.pass_on(&mut group)) {
            let _ = self.results.send(Finished::Failed(failure));
        }
    }

    /// Whether anybody is left to pass them on to.
    fn pass_on(&mut self, group: &mut Vec<Order>) -> Result<bool, Failure> {
        let found = self.find(group)?;
        for (order, found) in group.drain(..).zip(found) {
            let is_taken = match found {
                None => {
                    let draft = self.draft(&order)?;
                    self.jobs.send(Job { order, draft }).is_ok()
                }
                Some((known, row)) => {
                    let path = self.mint.folder.join(&order.file);
                    let known = known.restore(row, &path)?;
                    let known = Finished::Known(order, known);
                    self.results.send(known).is_ok()
                }
            };
            if !is_taken {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn find(&self, group: &[Order]) -> Result<Vec<Option<Found>>, Failure> {
        let each = |books| {
            let folder = self.mint.folder;
            let find =
                |order: &Order| Known::find(books, &order.id, &folder.join(&order.file), now());
            group.iter().map(find).collect()
        };
        match &self.books {
            None => each(None),
            Some(books) => books
                .at_one_moment(|| each(Some(books)))
                .map_err(|error| not_kept(books.path(), &error))?,
        }
    }

    fn draft(&mut self, order: &Order) -> Result<LicenseDraft, Failure> {
        let draft = self.mint.orders.draft(order, self.mint.matrix);
        let mut draft = draft.map_err(|mistake| Failure::malformed(mistake.to_string()))?;
        draft.serial = Some(self.serial);
        self.serial = self.serial.saturating_add(1);
        Ok(draft)
    }

    fn changed(&self, mistake: &Mistake) -> Failure {
        let name = &self.mint.orders.name;
        Failure::malformed(format!("{name} changed while it was read: {mistake}"))
            .hint("run the command again")
    }
}
