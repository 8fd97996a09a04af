//! What was before: whose trial it was, and since when a user has a place.

use license_core::Timestamp;
use rusqlite::OptionalExtension;
use serde_json::Value;

use super::entry::{COLUMNS, Entry, Kind};
use super::{Ledger, LedgerError};

impl Ledger {
    /// The trials of a customer, in the order in which they were entered.
    pub(crate) fn trials(&self, of: &str) -> Result<Vec<Entry>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries
             WHERE json_extract(body, '$.trial_of') = ?1 AND kind = 'license' ORDER BY seq"
        );
        let mut statement = self.db.prepare(&sql)?;
        let entries = statement.query_map([of], Entry::of_row)?;
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// The license that takes the place of this one, the latest if there are several, and none that was revoked.
    pub(crate) fn successor(&self, license: &str) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT p.new FROM replaced p JOIN entries e ON e.subject = p.new
                   WHERE p.old = ?1 AND NOT EXISTS (
                     SELECT 1 FROM entries r WHERE r.subject = p.new AND r.kind = 'revocation')
                   ORDER BY e.seq DESC LIMIT 1";
        let mut statement = self.db.prepare(sql)?;
        Ok(statement
            .query_row([license], |row| row.get(0))
            .optional()?)
    }

    /// The licenses that this one replaces, as far as the ledger knows them.
    pub(crate) fn replaced_by(&self, license: &str) -> Result<Vec<String>, LedgerError> {
        let sql = "SELECT p.old FROM replaced p JOIN entries e ON e.subject = p.old AND e.kind = 'license'
                   WHERE p.new = ?1 GROUP BY p.old ORDER BY min(e.seq)";
        let mut statement = self.db.prepare(sql)?;
        let replaced = statement.query_map([license], |row| row.get(0))?;
        Ok(replaced.collect::<Result<_, _>>()?)
    }

    /// Since when a license, and those that it replaced, have named a user without a pause; none if the license does not.
    pub(crate) fn named_since(
        &self,
        license: &str,
        user: &str,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let mut since = None;
        let mut next = self.license_entry(license)?;
        while let Some(entry) = next {
            let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
            if !texts(&body, "users").any(|named| named == user) {
                break;
            }
            let issued_at = body.get("issued_at").and_then(Value::as_str);
            since = issued_at.and_then(|at| Timestamp::parse(at).ok()).or(since);
            next = self.latest(texts(&body, "supersedes"), entry.seq)?;
        }
        Ok(since)
    }

    /// The one of these licenses that was entered last, before the entry of this number: so that every walk back ends.
    fn latest<'i>(
        &self,
        ids: impl Iterator<Item = &'i str>,
        before: i64,
    ) -> Result<Option<Entry>, LedgerError> {
        let mut latest: Option<Entry> = None;
        for id in ids {
            let entry = self.license_entry(id)?.filter(|entry| entry.seq < before);
            latest = latest
                .into_iter()
                .chain(entry)
                .max_by_key(|entry| entry.seq);
        }
        Ok(latest)
    }

    fn license_entry(&self, id: &str) -> Result<Option<Entry>, LedgerError> {
        Ok(self.about_of_kind(id, Kind::License)?.into_iter().next())
    }
}

fn texts<'b>(body: &'b Value, name: &str) -> impl Iterator<Item = &'b str> {
    let array = body.get(name).and_then(Value::as_array);
    array.into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests;
