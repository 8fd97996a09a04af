//! Where artefacts are handed out, one process at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use license_core::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::entry::{Entry, Record};
use super::{Ledger, LedgerError, passing};

/// The right to mint: nobody else does until it is dropped.
#[derive(Debug)]
pub(crate) struct Desk<'l> {
    ledger: &'l mut Ledger,
    now: Timestamp,
    _lock: File,
}

/// Artefacts that are about to be handed out.
#[derive(Debug)]
#[must_use = "it is neither confirmed nor given up"]
pub(crate) struct Intent {
    first: i64,
    count: i64,
}

/// Where an artefact goes.
#[derive(Clone, Debug)]
pub(crate) enum Outlet {
    /// To standard output.
    Stream,
    /// To a file, which has another name in the same folder until it is entered.
    File {
        path: PathBuf,
        passing: PathBuf,
        /// Whether it takes the place of another.
        replaces: bool,
    },
}

/// A token that goes to a file of its own.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// Its time, number and hash are given when it is entered.
    pub(crate) entry: Entry,
    pub(crate) outlet: Outlet,
}

impl Outlet {
    /// The outlet of a file.
    pub(crate) fn file(path: &Path, id: &str, replaces: bool) -> Self {
        Self::File {
            path: path.to_owned(),
            passing: passing::name(path, id),
            replaces,
        }
    }

    /// The file's own name, and the one in passing.
    pub(crate) fn names(&self) -> Option<(&Path, &Path)> {
        match self {
            Self::Stream => None,
            Self::File { path, passing, .. } => Some((path, passing)),
        }
    }
}

impl Intent {
    /// Of the rows of one transaction.
    fn of(ids: &[i64]) -> Self {
        Self {
            first: ids.first().copied().unwrap_or(0),
            count: i64::try_from(ids.len()).unwrap_or(i64::MAX),
        }
    }

    fn ids(&self) -> std::ops::Range<i64> {
        self.first..self.first.saturating_add(self.count)
    }
}

impl<'l> Desk<'l> {
    /// Sits down, as the holder of the lock, and settles what whoever died before had begun.
    pub(super) fn open(
        ledger: &'l mut Ledger,
        now: Timestamp,
        lock: File,
    ) -> Result<Self, LedgerError> {
        let mut desk = Self {
            ledger,
            now,
            _lock: lock,
        };
        desk.recover()?;
        Ok(desk)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.ledger
    }

    /// Hands out so many serials, the first of which is returned. They rise above those of clocks too, which is what there is without a
    /// ledger.
    pub(crate) fn serials(&mut self, count: u64, microseconds: u64) -> Result<u64, LedgerError> {
        let change = self.change()?;
        let last: i64 = change.query_row("SELECT serial FROM head", [], |row| row.get(0))?;
        let last = u64::try_from(last).unwrap_or(0);
        let first = last.saturating_add(1).max(microseconds);
        let end = first.saturating_add(count).saturating_sub(1);
        let end = i64::try_from(end).map_err(|_| LedgerError::Full)?;
        change.execute("UPDATE head SET serial = ?1", [end])?;
        change.commit()?;
        Ok(first)
    }

    /// States what is about to be handed out.
    pub(crate) fn intend(
        &mut self,
        records: &[Record],
        outlet: &Outlet,
    ) -> Result<Intent, LedgerError> {
        let at = seconds(self.now);
        let change = self.change()?;
        let mut ids = Vec::with_capacity(records.len());
        for record in records {
            let mut entry = record.clone().into_entry();
            entry.at = at;
            ids.push(intend(&change, &entry, outlet)?);
        }
        change.commit()?;
        Ok(Intent::of(&ids))
    }

    /// The same for artefacts that go to a place each; the entries get their time here.
    pub(crate) fn intend_each(&mut self, sheets: &mut [Sheet]) -> Result<Intent, LedgerError> {
        let at = seconds(self.now);
        let change = self.change()?;
        let mut ids = Vec::with_capacity(sheets.len());
        for sheet in sheets {
            sheet.entry.at = at;
            ids.push(intend(&change, &sheet.entry, &sheet.outlet)?);
        }
        change.commit()?;
        Ok(Intent::of(&ids))
    }

    /// Enters what is written under its passing name: from here on it is handed out, whatever happens.
    pub(crate) fn enter(&mut self, intent: &Intent) -> Result<(), LedgerError> {
        self.enter_as(intent, true)
    }

    /// Enters what was intended for a place each, with the entries still at hand. That they are entered shows the entries alone: to note
    /// it with each intent would be to write as much again.
    pub(crate) fn enter_each(&mut self, sheets: &mut [Sheet]) -> Result<(), LedgerError> {
        let change = self.change()?;
        for sheet in sheets {
            append(&change, &mut sheet.entry)?;
        }
        change.commit()?;
        Ok(())
    }

    fn enter_as(&mut self, intent: &Intent, delivered: bool) -> Result<(), LedgerError> {
        let change = self.change()?;
        for id in intent.ids() {
            enter(&change, id, delivered)?;
        }
        change.commit()?;
        Ok(())
    }

    /// Forgets what was entered and has its own name, or was not handed out after all.
    pub(crate) fn forget(&mut self, intent: &Intent) -> Result<(), LedgerError> {
        let ids = intent.ids();
        self.ledger.db.execute(
            "DELETE FROM intents WHERE id >= ?1 AND id < ?2",
            [ids.start, ids.end],
        )?;
        Ok(())
    }

    /// Enters what hands nothing out, such as a revocation: all of it or nothing.
    pub(crate) fn record(&mut self, records: &[Record]) -> Result<(), LedgerError> {
        let at = seconds(self.now);
        let change = self.change()?;
        for record in records {
            let mut entry = record.clone().into_entry();
            entry.at = at;
            append(&change, &mut entry)?;
        }
        change.commit()?;
        Ok(())
    }

    /// Finishes or undoes what somebody intended: nobody else is at the desk, so that they have died. What was entered gets its name;
    /// what was not entered is removed. What may have been seen, on standard output or on a disk that is not there now, is entered as
    /// such.
    fn recover(&mut self) -> Result<(), LedgerError> {
        for (id, left) in self.left()? {
            let intent = Intent {
                first: id,
                count: 1,
            };
            match (left.files, left.entered) {
                (Some((passing, path)), true) => {
                    // Another time, when its disk is there.
                    if passing::finish(&passing, &path, left.replaces).is_err() {
                        continue;
                    }
                }
                (Some((passing, _)), false) if passing::remove(&passing).is_ok() => {}
                (_, false) => self.enter_as(&intent, false)?,
                (None, true) => {}
            }
            self.forget(&intent)?;
        }
        Ok(())
    }

    fn left(&self) -> Result<Vec<(i64, Left)>, LedgerError> {
        let mut statement = self.ledger.db.prepare_cached(LEFT)?;
        let left = statement.query_map([], |row| Ok((row.get(0)?, Left::of_row(row)?)))?;
        Ok(left.collect::<Result<_, _>>()?)
    }

    fn change(&mut self) -> Result<Transaction<'_>, LedgerError> {
        let behavior = TransactionBehavior::Immediate;
        Ok(self.ledger.db.transaction_with_behavior(behavior)?)
    }
}

/// What is intended, and whether it is entered: it says so itself, or it is a license and certainly handed out as this very token.
const LEFT: &str = "
SELECT id, passing, path, replaces, entered OR (kind = 'license' AND EXISTS (
  SELECT 1 FROM entries e WHERE e.subject = intents.subject AND e.kind = intents.kind
    AND e.artefact = intents.artefact AND e.delivered))
FROM intents ORDER BY id";

/// What somebody intended and did not live to finish.
struct Left {
    /// The passing name and the one to be.
    files: Option<(PathBuf, PathBuf)>,
    replaces: bool,
    entered: bool,
}

impl Left {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (passing, path): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
        let files = passing.zip(path);
        Ok(Self {
            files: files.map(|(passing, path)| (passing.into(), path.into())),
            replaces: row.get(3)?,
            entered: row.get(4)?,
        })
    }
}

/// Notes an intent; its number is returned.
fn intend(change: &Transaction<'_>, entry: &Entry, outlet: &Outlet) -> Result<i64, LedgerError> {
    let names = outlet.names();
    let path = names.map(|(path, _)| text(path)).transpose()?;
    let passing = names.map(|(_, passing)| text(passing)).transpose()?;
    let replaces = matches!(outlet, Outlet::File { replaces: true, .. });
    let sql = "INSERT INTO intents (at, kind, subject, body, artefact, path, passing, replaces)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    change.prepare_cached(sql)?.execute(params![
        entry.at,
        entry.kind,
        entry.subject,
        entry.body,
        entry.artefact,
        path,
        passing,
        replaces,
    ])?;
    Ok(change.last_insert_rowid())
}

/// Makes an intent the next entry of the chain, if it is not yet.
fn enter(change: &Transaction<'_>, id: i64, delivered: bool) -> Result<(), LedgerError> {
    let sql = "SELECT at, kind, subject, body, artefact FROM intents WHERE id = ?1 AND NOT entered";
    let intent = change
        .prepare_cached(sql)?
        .query_row([id], |row| {
            Ok(Entry {
                seq: 0,
                at: row.get(0)?,
                kind: row.get(1)?,
                subject: row.get(2)?,
                delivered,
                body: row.get(3)?,
                artefact: row.get(4)?,
                hash: Vec::new(),
            })
        })
        .optional()?;
    if let Some(mut entry) = intent {
        append(change, &mut entry)?;
    }
    change
        .prepare_cached("UPDATE intents SET entered = 1 WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Makes it the next entry of the chain: its number and its hash are given here.
fn append(change: &Transaction<'_>, entry: &mut Entry) -> Result<(), LedgerError> {
    let (count, previous): (i64, Vec<u8>) = change
        .prepare_cached("SELECT entries, hash FROM head")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    entry.seq = count.saturating_add(1);
    entry.hash = entry.expected_hash(&previous);
    change
        .prepare_cached(
            "INSERT INTO entries (seq, at, kind, subject, delivered, body, artefact, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            entry.seq,
            entry.at,
            entry.kind,
            entry.subject,
            entry.delivered,
            entry.body,
            entry.artefact,
            entry.hash,
        ])?;
    change
        .prepare_cached(
            "INSERT OR IGNORE INTO replaced (old, new)
             SELECT value, ?1 FROM json_each(?2, '$.supersedes')",
        )?
        .execute([&entry.subject, &entry.body])?;
    change
        .prepare_cached("UPDATE head SET entries = ?1, hash = ?2")?
        .execute(params![entry.seq, entry.hash])?;
    Ok(())
}

fn text(path: &Path) -> Result<String, LedgerError> {
    let path = std::path::absolute(path).map_err(LedgerError::Io)?;
    path.into_os_string()
        .into_string()
        .map_err(|_| LedgerError::NotText)
}

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.unix_seconds()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
