//! Verification of the hash chain.

use rusqlite::{OptionalExtension, params};

use crate::errors::LedgerError;
use crate::ledger::chain::{ChainFault, ChainReport, LedgerHead};
use crate::ledger::sqlite::reader::{COLUMNS, entry_of_row};
use crate::ledger::sqlite::{SqliteLedger, schema};

/// Selects whether the table of replaced licenses differs from the entries, or the table of the
/// head has other rows. SQLite ignores the constraints of a database that is opened for reading.
const DERIVED_DIFFERS: &str = "
WITH recorded AS (SELECT s.value AS old, e.subject AS new FROM entries e, json_each(e.body, '$.supersedes') s)
SELECT EXISTS (SELECT * FROM recorded EXCEPT SELECT old, new FROM replaced)
    OR EXISTS (SELECT old, new FROM replaced EXCEPT SELECT * FROM recorded)
    OR (SELECT group_concat(only) FROM head) IS NOT '1'";

impl SqliteLedger {
    /// Verifies the whole chain in constant memory.
    ///
    /// `known` is the [`head`](ChainReport::head) of an earlier report, stored outside the ledger.
    /// A chain that was completely rewritten does not contain this hash. The head of an empty
    /// ledger, 32 zero bytes, precedes the first entry of every chain, so it proves nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn verify_chain(&self, known: Option<&[u8]>) -> Result<ChainReport, LedgerError> {
        // The chain is read in one snapshot, because other processes may be writing.
        let _read = self.db.unchecked_transaction()?;
        if !schema::is_intact(&self.db)? {
            return Ok(ChainReport {
                entries: 0,
                head: GENESIS.to_vec(),
                fault: Some(ChainFault::Schema),
            });
        }
        let mut report = self.verify_entries()?;
        if report.fault.is_none() {
            report.fault = self.check_derived_data(known)?;
        }
        Ok(report)
    }

    /// Returns the stored number of entries and hash of the last entry, without verifying the chain.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn head(&self) -> Result<LedgerHead, LedgerError> {
        let mut statement = self.db.prepare_cached("SELECT entries, hash FROM head")?;
        let head = statement.query_row([], |row| {
            Ok(LedgerHead {
                entries: row.get(0)?,
                hash: row.get(1)?,
            })
        });
        Ok(head?)
    }

    fn verify_entries(&self) -> Result<ChainReport, LedgerError> {
        let mut report = ChainReport {
            entries: 0,
            head: GENESIS.to_vec(),
            fault: None,
        };
        let mut statement = self
            .db
            .prepare(&format!("SELECT {COLUMNS} FROM entries ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let seq = report.entries.saturating_add(1);
            // This program never writes a row that cannot be read, such as one with invalid UTF-8.
            let Ok(entry) = entry_of_row(row) else {
                report.fault = Some(ChainFault::Changed(seq));
                return Ok(report);
            };
            if entry.seq != seq {
                report.fault = Some(ChainFault::OutOfSequence(seq));
                return Ok(report);
            }
            if entry.expected_hash(&report.head) != entry.hash {
                report.fault = Some(ChainFault::Changed(seq));
                return Ok(report);
            }
            report.entries = seq;
            report.head = entry.hash;
        }
        let LedgerHead {
            entries: expected,
            hash,
        } = self.head()?;
        if expected != report.entries || hash != report.head {
            let found = report.entries;
            report.fault = Some(ChainFault::Head { expected, found });
        }
        Ok(report)
    }

    /// Checks the derived data and the known hash of a ledger with a valid chain.
    fn check_derived_data(&self, known: Option<&[u8]>) -> Result<Option<ChainFault>, LedgerError> {
        let differs: bool = self.db.query_row(DERIVED_DIFFERS, [], |row| row.get(0))?;
        let check = "PRAGMA integrity_check(1)";
        let check: String = self.db.query_row(check, [], |row| row.get(0))?;
        if differs || check != "ok" {
            return Ok(Some(ChainFault::Derived));
        }
        match known {
            Some(known) if known != GENESIS => self.check_known_hash(known),
            _ => Ok(None),
        }
    }

    fn check_known_hash(&self, known: &[u8]) -> Result<Option<ChainFault>, LedgerError> {
        let sql = "SELECT seq FROM entries WHERE hash = ?1";
        let found: Option<i64> = self
            .db
            .query_row(sql, params![known], |row| row.get(0))
            .optional()?;
        Ok(found.is_none().then_some(ChainFault::NotInChain))
    }
}

/// The hash before the first entry.
const GENESIS: [u8; 32] = [0; 32];
