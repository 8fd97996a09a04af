//! Signs on all cores, and hands out chunk by chunk: whoever is interrupted loses one chunk's signatures and nothing else.

use std::fs::{File, TryLockError};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use license_core::issue::{CheckedKey, LicenseDraft};
use license_core::{License, Matrix, Unverified};
use license_terminal::{Exit, Failure, show_path};

use super::super::{not_issued, not_verified, now, since_epoch};
use super::known::{Known, Tally};
use super::orders::{Order, Orders};
use super::progress::Progress;
use crate::books::{self, Books, Sheet};

/// The table of what was minted, in the folder of the licenses.
pub(super) const MANIFEST: &str = "manifest.csv";

/// Licenses that are entered together: a commit costs the same for one as for many.
const CHUNK: usize = 512;

/// What is signed and waits to be handed out, so that nobody stops signing while the disk is slow. Some 3 KB each.
const BACKLOG: usize = 4 * CHUNK;

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

/// A row with the license that was signed for it.
type Signed = (Order, License, String);

/// A row on its way to be signed.
struct Job {
    order: Order,
    draft: LicenseDraft,
}

/// A row that is signed, or was before.
enum Finished {
    Signed {
        order: Order,
        license: License,
        token: String,
    },
    Known(Order, Known),
    Failed(Failure),
}

impl Mint<'_> {
    pub(super) fn run(&self, books: &mut Books) -> Result<Done, Failure> {
        let microseconds = u64::try_from(since_epoch().as_micros()).unwrap_or(0);
        let serial = books.counter(now())?.serials(self.count, microseconds)?;
        let looking = books.another_view()?;
        let mut manifest = Manifest::new(self.folder)?;
        let mut progress = Progress::new("licenses minted", Some(self.count));
        let mut done = Done::default();
        let (jobs, waiting) = sync_channel::<Job>(2 * CHUNK);
        let waiting = Arc::new(Mutex::new(waiting));
        let (results, finished) = sync_channel(BACKLOG);
        let outcome = thread::scope(|scope| {
            let feeding = results.clone();
            scope.spawn(move || self.feed(serial, looking.as_ref(), &jobs, &feeding));
            for _ in 0..self.jobs {
                let results = results.clone();
                let waiting = Arc::clone(&waiting);
                scope.spawn(move || self.sign_all(&waiting, &results));
            }
            // Held by those who sign alone.
            drop(waiting);
            drop(results);
            let outcome = self.hand_out(&finished, books, &mut manifest, &mut progress, &mut done);
            // Whoever signs then finds nobody waiting and ends, and with the last of them the reader does.
            drop(finished);
            outcome
        });
        outcome?;
        manifest.finish()?;
        Ok(done)
    }

    /// Reads the orders again and passes on those that are not minted yet.
    fn feed(
        &self,
        first_serial: u64,
        books: Option<&crate::ledger::Ledger>,
        jobs: &SyncSender<Job>,
        results: &SyncSender<Finished>,
    ) {
        let mut serial = first_serial;
        let read = self.orders.each(|order| {
            let order = match order {
                Ok(order) => order,
                Err(mistake) => {
                    let message =
                        format!("{} changed while it was read: {mistake}", self.orders.name);
                    return Err(Failure::malformed(message).hint("run the command again"));
                }
            };
            let path = self.folder.join(&order.file);
            if let Some(known) = Known::restore(books, &order.id, &path, now())? {
                return Ok(results.send(Finished::Known(order, known)).is_ok());
            }
            let draft = self.orders.draft(&order, self.matrix);
            let mut draft = draft.map_err(|mistake| Failure::malformed(mistake.to_string()))?;
            draft.serial = Some(serial);
            serial = serial.saturating_add(1);
            Ok(jobs.send(Job { order, draft }).is_ok())
        });
        if let Err(failure) = read {
            let _ = results.send(Finished::Failed(failure));
        }
    }

    fn sign_all(&self, jobs: &Mutex<Receiver<Job>>, results: &SyncSender<Finished>) {
        loop {
            let job = match jobs.lock() {
                Ok(jobs) => jobs.recv(),
                Err(_) => return,
            };
            let Ok(Job { order, draft }) = job else {
                return;
            };
            let result = match draft.mint(self.key) {
                Ok((license, token)) => Finished::Signed {
                    order,
                    license,
                    token,
                },
                Err(error) => Finished::Failed(not_issued(&error)),
            };
            if results.send(result).is_err() {
                return;
            }
        }
    }

    fn hand_out(
        &self,
        finished: &Receiver<Finished>,
        books: &mut Books,
        manifest: &mut Manifest,
        progress: &mut Progress,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let mut chunk: Vec<Signed> = Vec::with_capacity(CHUNK);
        loop {
            let result = finished.recv();
            let is_end = result.is_err();
            match result {
                Ok(Finished::Failed(failure)) => return Err(failure),
                Ok(Finished::Known(order, known)) => {
                    manifest.add(&order, &known.license_id, &known.key)?;
                    done.before.add(&known);
                }
                Ok(Finished::Signed {
                    order,
                    license,
                    token,
                }) => chunk.push((order, license, token)),
                Err(_) => {}
            }
            if chunk.len() >= CHUNK || (is_end && !chunk.is_empty()) {
                chunk.sort_by_key(|(order, _, _)| order.row);
                let known = self.hand_out_chunk(&mut chunk, books)?;
                for (order, known) in known {
                    manifest.add(&order, &known.license_id, &known.key)?;
                    done.before.add(&known);
                }
                for (order, license, _) in chunk.drain(..) {
                    let key = license.standard_key().map(|key| key.to_string());
                    manifest.add(&order, license.id().as_str(), &key.unwrap_or_default())?;
                    done.minted += 1;
                }
            }
            progress.tell(done.minted + done.before.known);
            if is_end {
                return Ok(());
            }
        }
    }

    /// Hands out what nobody else has minted of the same orders meanwhile, and takes the rest out of the chunk.
    fn hand_out_chunk(
        &self,
        chunk: &mut Vec<Signed>,
        books: &mut Books,
    ) -> Result<Vec<(Order, Known)>, Failure> {
        let mut counter = books.counter(now())?;
        let (mut news, mut known) = (Vec::with_capacity(chunk.len()), Vec::new());
        for (order, license, token) in chunk.drain(..) {
            let path = self.folder.join(&order.file);
            let found = match counter.ledger() {
                None => None,
                ledger => Known::restore(ledger, &order.id, &path, now())?,
            };
            match found {
                Some(found) => known.push((order, found)),
                None => news.push((order, license, token)),
            }
        }
        *chunk = news;
        let sheets = chunk.iter().map(|(order, license, token)| {
            let mut record = books::license(license, token, self.matrix);
            if let Some(body) = record.body.as_object_mut() {
                body.insert("order".to_owned(), order.id.clone().into());
            }
            let armored = Unverified::parse(token).map(|token| token.to_armor());
            let content = armored.map_err(|error| not_verified("license", &error))?;
            Ok(Sheet {
                record,
                path: self.folder.join(&order.file),
                passing: order.id.clone(),
                content,
            })
        });
        let sheets: Vec<Sheet> = sheets.collect::<Result<_, Failure>>()?;
        counter.hand_out_all(sheets)?;
        Ok(known)
    }
}

fn busy(folder: &Path) -> Failure {
    let message = format!("another batch writes to {} now", show_path(folder));
    Failure::new(Exit::Machine, "BUSY", message)
        .hint("wait until it is done, or choose another folder with --out")
}

/// The table of what was minted, which gets its name when it is whole.
struct Manifest {
    passing: PathBuf,
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
}

impl Manifest {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let (passing, path) = (folder.join(".manifest"), folder.join(MANIFEST));
        let failed = |error: std::io::Error| Failure::io("write", &passing, &error);
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(&passing).map_err(failed)?;
        // Another batch that writes here would write another manifest.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(folder)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        let mut manifest = Self {
            writer: csv::Writer::from_writer(BufWriter::new(file)),
            passing,
            path,
        };
        manifest.write(&["row", "file", "license_id", "key", "customer"])?;
        Ok(manifest)
    }

    fn add(&mut self, order: &Order, license_id: &str, key: &str) -> Result<(), Failure> {
        let row = order.row.to_string();
        self.write(&[&row, &order.file, license_id, key, &order.customer])
    }

    fn write(&mut self, cells: &[&str]) -> Result<(), Failure> {
        let written = self.writer.write_record(cells);
        written.map_err(|error| Failure::io("write", &self.path, &error.into()))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::io("write", &self.path, &error);
        self.writer.flush().map_err(failed)?;
        std::fs::rename(&self.passing, &self.path).map_err(failed)
    }
}
