//! Signs on all cores, and hands out chunk by chunk: whoever is interrupted loses one chunk's signatures and nothing else.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use license_core::issue::{CheckedKey, LicenseDraft};
use license_core::{License, Matrix};
use license_terminal::Failure;

use super::super::{not_issued, now, since_epoch};
use super::feed::Feed;
use super::hand_out::HandOut;
use super::known::{Known, Tally};
use super::orders::{Order, Orders};
use crate::books::{self, Books};
use crate::ledger::{Outlet, Sheet};

/// Rows that wait to be signed.
const QUEUE: usize = 128;

/// What is signed and waits to be handed out, so that nobody stops signing while the disk is slow. Some 4 KB each.
const BACKLOG: usize = 256;

/// What a batch needs.
pub(super) struct Mint<'a> {
    pub(super) key: &'a CheckedKey,
    pub(super) matrix: &'a Matrix,
    pub(super) orders: &'a Orders,
    pub(super) folder: &'a Path,
    pub(super) jobs: usize,
    pub(super) count: u64,
}

/// How many were minted, and how many were there.
#[derive(Default)]
pub(super) struct Done {
    pub(super) minted: u64,
    pub(super) before: Tally,
}

/// A row on its way to be signed.
pub(super) struct Job {
    pub(super) order: Order,
    pub(super) draft: LicenseDraft,
}

/// A row that is signed, or was before.
pub(super) enum Finished {
    Signed(Signed),
    Known(Order, Known),
    Failed(Failure),
}

/// A row with the license that was signed for it, ready to be handed out.
pub(super) struct Signed {
    pub(super) order: Order,
    /// The standard key, if it has one.
    pub(super) key: String,
    pub(super) sheet: Sheet,
}

impl Mint<'_> {
    pub(super) fn run(&self, books: &mut Books) -> Result<Done, Failure> {
        let microseconds = u64::try_from(since_epoch().as_micros()).unwrap_or(0);
        let serial = books.counter(now())?.serials(self.count, microseconds)?;
        let looking = books.another_view()?;
        let hand_out = HandOut::new(self, books)?;
        let (jobs, waiting) = sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let (results, finished) = sync_channel(BACKLOG);
        thread::scope(|scope| {
            let feed = Feed {
                mint: self,
                books: looking,
                serial,
                jobs,
                results: results.clone(),
            };
            scope.spawn(move || feed.run());
            for _ in 0..self.jobs {
                let results = results.clone();
                let waiting = Arc::clone(&waiting);
                scope.spawn(move || self.sign_all(&waiting, &results));
            }
            // Held by those who sign alone.
            drop(waiting);
            drop(results);
            // Whoever signs when this fails finds nobody waiting and ends, and with the last of them the reader does.
            hand_out.run(finished)
        })
    }

    fn sign_all(&self, jobs: &Mutex<Receiver<Job>>, results: &SyncSender<Finished>) {
        loop {
            let job = match jobs.lock() {
                Ok(jobs) => jobs.recv(),
                Err(_) => return,
            };
            let Ok(job) = job else {
                return;
            };
            let result = match self.sign(job) {
                Ok(signed) => Finished::Signed(signed),
                Err(failure) => Finished::Failed(failure),
            };
            if results.send(result).is_err() {
                return;
            }
        }
    }

    /// All that needs no one's turn is done here, where several do it at once.
    fn sign(&self, Job { order, draft }: Job) -> Result<Signed, Failure> {
        let (license, token) = draft.mint(self.key).map_err(|error| not_issued(&error))?;
        let key = license.standard_key().map(|key| key.to_string());
        let sheet = self.sheet(&order, &license, &token);
        Ok(Signed {
            order,
            key: key.unwrap_or_default(),
            sheet,
        })
    }

    fn sheet(&self, order: &Order, license: &License, token: &str) -> Sheet {
        let mut record = books::license(license, token, self.matrix);
        if let Some(body) = record.body.as_object_mut() {
            body.insert("order".to_owned(), order.id.clone().into());
        }
        Sheet {
            entry: record.into_entry(),
            outlet: Outlet::file(&self.folder.join(&order.file), &order.id, false),
        }
    }
}
