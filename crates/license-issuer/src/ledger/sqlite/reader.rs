//! Read access to a SQLite ledger.

mod license_query;
mod machine_use;
mod stats;

use std::collections::BTreeSet;

use license_core::chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use license_core::{LicenseId, LicenseKey, ProductCode, time};
use rusqlite::{OptionalExtension, Params, Row, params_from_iter};

use crate::errors::LedgerError;
use crate::folding::folded;
use crate::ledger::entry::{LedgerEntry, LedgerEntryKind};
use crate::ledger::query::{LedgerStats, LicenseFilter, RecordedLicense};
use crate::ledger::reader::LedgerReader;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::sqlite::names::FOLDED;
use license_query::{LICENSES, STATUS, filter_sql, is_revoked, license_columns, license_of_row};

/// The columns of an entry, in the order in which [`entry_of_row`] reads them.
pub(super) const COLUMNS: &str = "seq, at, kind, subject, delivered, body, artefact, hash";

/// The condition for entries of trials. `likelihood` makes SQLite use the index of trials, and not
/// the index of kinds (<https://sqlite.org/lang_corefunc.html#likelihood>).
pub(super) const TRIALS: &str =
    "likelihood(json_extract(body, '$.trial_of') > '', 0.0000001) AND kind = 'license'";

/// The SQL condition that entry `e` shows for which product the ledger is used.
const OF_PRODUCT: &str = "e.kind IN ('license', 'enterprise_key', 'revocation_list')";

impl LedgerReader for SqliteLedger {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn change_counter(&self) -> Result<i64, LedgerError> {
        // https://sqlite.org/pragma.html#pragma_data_version
        let counter = self
            .db
            .pragma_query_value(None, "data_version", |row| row.get(0));
        Ok(counter?)
    }

    fn with_snapshot(&self, read: &mut dyn FnMut()) -> Result<(), LedgerError> {
        let _snapshot = self.db.unchecked_transaction()?;
        read();
        Ok(())
    }

    fn license(
        &self,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<RecordedLicense>, LedgerError> {
        let sql = format!(
            "SELECT {}, {STATUS} FROM entries e WHERE e.subject = ?2 AND {LICENSES} ORDER BY e.seq LIMIT 1",
            license_columns()
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([rfc3339(now).to_string(), subject.to_owned()])?;
        rows.next()?.map(license_of_row).transpose()
    }

    fn visit_licenses(
        &self,
        filter: &LicenseFilter,
        now: DateTime<Utc>,
        each: &mut dyn FnMut(RecordedLicense),
    ) -> Result<(), LedgerError> {
        let (sql, values) = filter_sql(filter, now);
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values.iter().map(AsRef::as_ref)))?;
        while let Some(row) = rows.next()? {
            each(license_of_row(row)?);
        }
        Ok(())
    }

    fn visit_names(&self, each: &mut dyn FnMut(&str, &str)) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT e.subject, e.subject, json_extract(e.body, '$.key'), json_extract(e.body, '$.short_key'),
               CASE e.kind WHEN 'enterprise_key' THEN e.artefact END
             FROM entries e WHERE {LICENSES}"
        );
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let subject: String = row.get(0)?;
            for column in 1..5 {
                if let Some(name) = row.get::<_, Option<String>>(column)? {
                    each(&subject, &name);
                }
            }
        }
        Ok(())
    }

    fn license_of_order(&self, order: &str) -> Result<Option<LedgerEntry>, LedgerError> {
        let condition = "json_extract(body, '$.order') = ?1 AND kind = 'license' LIMIT 1";
        self.select_one(condition, [order])
    }

    fn trials(&self, trial_key: &str) -> Result<Vec<LedgerEntry>, LedgerError> {
        // Earlier versions folded names in another way. For names in ASCII, the key is the same.
        let condition = format!(
            "{TRIALS} AND (json_extract(body, '$.trial_of') = ?1
               OR json_extract(body, '$.trial_of') GLOB '*[^ -~]*'
                 AND {FOLDED}(json_extract(body, '$.trial_of')) = ?2) ORDER BY seq"
        );
        self.select_all(&condition, [trial_key, &folded(trial_key)])
    }

    fn visit_server_keys(&self, each: &mut dyn FnMut(&str, &str)) -> Result<(), LedgerError> {
        let sql = "SELECT json_extract(body, '$.server_key'), json_extract(body, '$.customer')
             FROM entries
             WHERE kind = 'license' AND json_extract(body, '$.server_key') IS NOT NULL";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (key, customer): (String, String) = (row.get(0)?, row.get(1)?);
            each(&key, &customer);
        }
        Ok(())
    }

    fn successor(&self, license: &str) -> Result<Option<String>, LedgerError> {
        let sql = concat!(
            "SELECT p.new FROM replaced p JOIN entries e ON e.subject = p.new
             WHERE p.old = ?1 AND NOT ",
            is_revoked!("p.new"),
            " ORDER BY e.seq DESC LIMIT 1"
        );
        let mut statement = self.db.prepare_cached(sql)?;
        let successor = statement.query_row([license], |row| row.get(0));
        Ok(successor.optional()?)
    }

    fn later_licenses(&self, license: &str) -> Result<Vec<String>, LedgerError> {
        let sql = "WITH RECURSIVE later(id) AS (
                     SELECT new FROM replaced WHERE old = ?1
                     UNION SELECT p.new FROM replaced p JOIN later ON p.old = later.id)
                   SELECT id FROM later";
        let mut statement = self.db.prepare_cached(sql)?;
        let later = statement.query_map([license], |row| row.get(0))?;
        Ok(later.collect::<Result<_, _>>()?)
    }

    fn replaced_licenses(&self, license: &str) -> Result<Vec<String>, LedgerError> {
        let sql = "SELECT p.old FROM replaced p JOIN entries e ON e.subject = p.old AND e.kind = 'license'
                   WHERE p.new = ?1 GROUP BY p.old ORDER BY min(e.seq)";
        let mut statement = self.db.prepare_cached(sql)?;
        let replaced = statement.query_map([license], |row| row.get(0))?;
        Ok(replaced.collect::<Result<_, _>>()?)
    }

    fn count_licenses_signed_by(&self, key: &str, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        let sql = concat!(
            "SELECT count(*) FROM entries e
                   WHERE e.kind IN ('license', 'enterprise_key') AND json_extract(e.body, '$.kid') = ?1
                     AND coalesce(json_extract(e.body, '$.expires_at') > ?2, 1)
                     AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.old = e.subject)
                     AND NOT ",
            is_revoked!("e.subject")
        );
        let values = [key, &rfc3339(now).to_string()];
        let count: i64 = self.db.query_row(sql, values, |row| row.get(0))?;
        u64::try_from(count).map_err(|_| LedgerError::Inconsistent {
            expected: "a count that is not negative",
            found: count.to_string(),
        })
    }

    fn contains(&self, subject: &str) -> Result<bool, LedgerError> {
        self.exists("subject = ?1", [subject])
    }

    fn entries_about(&self, subject: &str) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.select_all("subject = ?1 ORDER BY seq", [subject])
    }

    fn visit_entries_about(
        &self,
        subject: &str,
        kind: LedgerEntryKind,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError> {
        let condition = "subject = ?1 AND kind = ?2 ORDER BY seq";
        self.visit(condition, [subject, kind.as_str()], each)
    }

    fn visit_entries_of_kind(
        &self,
        kind: LedgerEntryKind,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError> {
        self.visit("kind = ?1 ORDER BY seq", [kind.as_str()], each)
    }

    fn visit_usage_chain(
        &self,
        chain: &str,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError> {
        let condition = "json_extract(body, '$.chain') = ?1 AND kind = 'usage' ORDER BY seq";
        self.visit(condition, [chain], each)
    }

    fn visit_entries_after(
        &self,
        seq: i64,
        limit: u32,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError> {
        let condition = "seq > ?1 ORDER BY seq LIMIT ?2";
        self.visit(condition, (seq, limit), each)
    }

    fn entry(&self, seq: i64) -> Result<Option<LedgerEntry>, LedgerError> {
        self.select_one("seq = ?1", [seq])
    }

    fn visit_entries(&self, each: &mut dyn FnMut(LedgerEntry)) -> Result<(), LedgerError> {
        self.visit("1 ORDER BY seq", [], each)
    }

    fn entries_with_artifact(
        &self,
        subject: &str,
        kind: LedgerEntryKind,
        artifact: &str,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        let condition = "subject = ?1 AND kind = ?2 AND artefact = ?3 ORDER BY seq";
        self.select_all(condition, [subject, kind.as_str(), artifact])
    }

    fn answer(
        &self,
        kind: LedgerEntryKind,
        nonce: &str,
    ) -> Result<Option<LedgerEntry>, LedgerError> {
        let condition = "json_extract(body, '$.nonce') = ?1
               AND kind IN ('activation', 'clock_repair') AND kind = ?2 ORDER BY seq DESC LIMIT 1";
        self.select_one(condition, [nonce, kind.as_str()])
    }

    fn entry_of_activation(
        &self,
        id: &str,
        kind: LedgerEntryKind,
    ) -> Result<Option<LedgerEntry>, LedgerError> {
        let condition = "json_extract(body, '$.activation_id') = ?1
               AND kind IN ('activation', 'release') AND kind = ?2 ORDER BY seq LIMIT 1";
        self.select_one(condition, [id, kind.as_str()])
    }

    fn entries_of_machine(&self, digest: &str) -> Result<Vec<LedgerEntry>, LedgerError> {
        let condition = "json_extract(body, '$.machine') = ?1
               AND kind IN ('activation', 'release', 'check_in', 'clock_repair') ORDER BY seq";
        self.select_all(condition, [digest])
    }

    fn machines_in_use(&self, licenses: &[&str]) -> Result<BTreeSet<String>, LedgerError> {
        machine_use::machines_in_use(&self.db, licenses)
    }

    fn products(&self) -> Result<BTreeSet<String>, LedgerError> {
        let sql = format!(
            "SELECT DISTINCT json_extract(body, '$.product') FROM entries e WHERE {OF_PRODUCT}"
        );
        let mut statement = self.db.prepare(&sql)?;
        let codes = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
        let codes: Vec<_> = codes.collect::<Result<_, _>>()?;
        Ok(codes.into_iter().flatten().collect())
    }

    fn holds_product(&self, product: ProductCode) -> Result<bool, LedgerError> {
        let sql = format!(
            "SELECT 1 FROM entries e WHERE {OF_PRODUCT} AND json_extract(body, '$.product') = ?1 LIMIT 1"
        );
        Ok(self.db.prepare(&sql)?.exists([product.as_str()])?)
    }

    fn last_recorded_at(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.recorded_at("SELECT at FROM entries ORDER BY seq DESC LIMIT 1")
    }

    fn newest_recorded_at(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.recorded_at("SELECT at FROM entries ORDER BY at DESC LIMIT 1")
    }

    fn stats(&self, now: DateTime<Utc>) -> Result<LedgerStats, LedgerError> {
        stats::stats(&self.db, now)
    }

    fn has(&self, kind: LedgerEntryKind, subject: &str) -> Result<bool, LedgerError> {
        self.exists("subject = ?1 AND kind = ?2", [subject, kind.as_str()])
    }

    /// Returns the product of a license without reading the rest of its entry, because a revocation
    /// list may need the products of many licenses.
    fn product_of(&self, license: &LicenseId) -> Result<Option<ProductCode>, LedgerError> {
        if let Ok(LicenseKey::EnterpriseShort(key)) = LicenseKey::parse(license.as_str()) {
            return Ok(Some(key.unverified_terms().product));
        }
        let sql = "SELECT json_extract(body, '$.product') FROM entries WHERE subject = ?1 AND kind = 'license'";
        let mut statement = self.db.prepare_cached(sql)?;
        let code = statement.query_row([license.as_str()], |row| row.get(0));
        let code: Option<Option<String>> = code.optional()?;
        let code = code.flatten();
        Ok(code.and_then(|code| ProductCode::parse(&code).ok()))
    }
}

impl SqliteLedger {
    /// Visits the entries that meet a condition.
    fn visit(
        &self,
        condition: &str,
        values: impl Params,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM entries WHERE {condition}");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            each(entry_of_row(row)?);
        }
        Ok(())
    }

    fn select_all(
        &self,
        condition: &str,
        values: impl Params,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        let mut entries = Vec::new();
        self.visit(condition, values, &mut |entry| entries.push(entry))?;
        Ok(entries)
    }

    fn select_one(
        &self,
        condition: &str,
        values: impl Params,
    ) -> Result<Option<LedgerEntry>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM entries WHERE {condition}");
        let mut statement = self.db.prepare_cached(&sql)?;
        Ok(statement.query_row(values, entry_of_row).optional()?)
    }

    /// Returns the time in the first row of a query.
    fn recorded_at(&self, sql: &str) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let at: Option<i64> = self.db.query_row(sql, [], |row| row.get(0)).optional()?;
        let at = at.and_then(|at| u64::try_from(at).ok());
        Ok(at.and_then(time::from_unix_seconds))
    }

    fn exists(&self, condition: &str, values: impl Params) -> Result<bool, LedgerError> {
        let sql = format!("SELECT 1 FROM entries WHERE {condition} LIMIT 1");
        Ok(self.db.prepare_cached(&sql)?.exists(values)?)
    }
}

/// Reads a row of [`COLUMNS`].
pub(super) fn entry_of_row(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    // SQLite ignores the constraints of a database that is opened for reading.
    let delivered = match row.get(4)? {
        0 => false,
        1 => true,
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(4, other)),
    };
    Ok(LedgerEntry {
        seq: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        subject: row.get(3)?,
        delivered,
        body: row.get(5)?,
        artifact: row.get(6)?,
        hash: row.get(7)?,
    })
}

#[cfg(test)]
mod tests;
