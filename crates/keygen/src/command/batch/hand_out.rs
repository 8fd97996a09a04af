//! Enters what was signed, and writes it, chunk by chunk.

use std::sync::mpsc::Receiver;

use license_terminal::Failure;

use super::super::now;
use super::known::Known;
use super::manifest::Manifest;
use super::mint::{Done, Finished, Mint, Signed};
use super::orders::Order;
use super::progress::Progress;
use crate::books::{Books, Counter};
use crate::ledger::Sheet;

/// Licenses that are entered together: a commit costs the same for one as for many.
const CHUNK: usize = 256;

/// Where the licenses of a batch go.
pub(super) struct HandOut<'m> {
    mint: &'m Mint<'m>,
    books: &'m mut Books,
    /// Of the ledger, before the first order was looked up.
    version: Option<i64>,
    manifest: Manifest,
    progress: Progress,
    done: Done,
    chunk: Vec<Signed>,
}

impl<'m> HandOut<'m> {
    /// Before anybody looks up what is minted already.
    pub(super) fn new(mint: &'m Mint<'m>, books: &'m mut Books) -> Result<Self, Failure> {
        let version = books.counter(now())?.others_version()?;
        Ok(Self {
            mint,
            books,
            version,
            manifest: Manifest::new(mint.folder)?,
            progress: Progress::new("licenses minted", Some(mint.count)),
            done: Done::default(),
            chunk: Vec::with_capacity(CHUNK),
        })
    }

    pub(super) fn run(mut self, finished: Receiver<Finished>) -> Result<Done, Failure> {
        for result in finished {
            match result {
                Finished::Failed(failure) => return Err(failure),
                Finished::Known(order, known) => self.note(&order, &known)?,
                Finished::Signed(signed) => self.chunk.push(signed),
            }
            if self.chunk.len() >= CHUNK {
                self.hand_out()?;
            }
            let before = self.done.before.known;
            self.progress.tell(self.done.minted + before);
        }
        self.hand_out()?;
        self.manifest.finish()?;
        Ok(self.done)
    }

    /// Hands out what is signed so far, unless somebody else has minted the same orders meanwhile.
    fn hand_out(&mut self) -> Result<(), Failure> {
        let mut counter = self.books.counter(now())?;
        let mut known = Vec::new();
        if counter.others_version()? != self.version {
            known = take_known(&mut self.chunk, self.mint, &counter)?;
        }
        self.chunk.sort_by_key(|signed| signed.order.row);
        let split = |signed: Signed| ((signed.order, signed.key), signed.sheet);
        let (orders, mut sheets): (Vec<_>, Vec<Sheet>) = self.chunk.drain(..).map(split).unzip();
        counter.hand_out_all(&mut sheets)?;
        drop(counter);
        for (order, known) in &known {
            self.note(order, known)?;
        }
        for ((order, key), sheet) in orders.iter().zip(&sheets) {
            self.manifest.add(order, &sheet.entry.subject, key)?;
            self.done.minted += 1;
        }
        Ok(())
    }

    fn note(&mut self, order: &Order, known: &Known) -> Result<(), Failure> {
        self.done.before.add(known);
        self.manifest.add(order, &known.license_id, &known.key)
    }
}

/// Takes out of the chunk what is minted already, which stays so while the counter is held.
fn take_known(
    chunk: &mut Vec<Signed>,
    mint: &Mint<'_>,
    counter: &Counter<'_>,
) -> Result<Vec<(Order, Known)>, Failure> {
    let (mut news, mut known) = (Vec::with_capacity(chunk.len()), Vec::new());
    for signed in chunk.drain(..) {
        let order = &signed.order;
        let path = mint.folder.join(&order.file);
        match Known::find(counter.ledger(), &order.id, &path, now())? {
            Some((found, row)) => known.push((signed.order, found.restore(row, &path)?)),
            None => news.push(signed),
        }
    }
    *chunk = news;
    Ok(known)
}
