//! What a ledger is asked.

use std::fmt;

use license_core::Timestamp;
use rusqlite::{OptionalExtension, Row, ToSql, params_from_iter};
use serde_json::{Value, json};

use super::entry::{COLUMNS, Entry, Kind};
use super::{Ledger, LedgerError};

/// How a license stands at an instant, by what the ledger knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    /// It starts later.
    Future,
    Expired,
    Superseded,
    Revoked,
}

impl Standing {
    pub(crate) const ALL: [Self; 5] = [
        Self::Active,
        Self::Future,
        Self::Expired,
        Self::Superseded,
        Self::Revoked,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Future => "future",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.as_str() == name)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What licenses are listed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// In the order in which they were entered.
    #[default]
    Entered,
    Customer,
    /// What ends first comes first, what never ends last.
    Expires,
    Tier,
}

/// Which licenses are meant; what is not set is any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// A part of the customer's or the company's name, whatever the case.
    pub(crate) customer: Option<String>,
    pub(crate) tier: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) standing: Option<Standing>,
    /// Those that hold, or will, and end at this instant or before.
    pub(crate) ends_by: Option<Timestamp>,
    /// Any id, key, or name that holds this text.
    pub(crate) text: Option<String>,
    pub(crate) sort: Sort,
    pub(crate) reverse: bool,
    pub(crate) limit: Option<u64>,
}

/// A license or enterprise key in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct LicenseRow {
    pub(crate) entry: Entry,
    pub(crate) standing: Standing,
}

impl LicenseRow {
    pub(crate) fn to_json(&self) -> Value {
        let mut object: Value =
            serde_json::from_str(&self.entry.body).unwrap_or_else(|_| json!({}));
        if let Some(members) = object.as_object_mut() {
            members.insert("status".to_owned(), self.standing.as_str().into());
            members.insert("recorded_at".to_owned(), self.entry.recorded_at().into());
            members.insert("seq".to_owned(), self.entry.seq.into());
            members.insert("delivered".to_owned(), self.entry.delivered.into());
        }
        object
    }
}

/// How many there are of what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) entries: Vec<(String, i64)>,
    /// Licenses by tier and standing.
    pub(crate) licenses: Vec<(String, String, i64)>,
    pub(crate) customers: i64,
    pub(crate) seats: i64,
}

/// The standing at `?1`, in the order in which a verifier would deny. What was revoked takes nobody's place: the license that it replaced
/// holds where it is installed alone. `CROSS JOIN` has what replaces this one looked up, where SQLite by itself may go through all licenses
/// for each (<https://sqlite.org/optoverview.html#crossjoin>).
const STANDING: &str = "CASE
  WHEN EXISTS (SELECT 1 FROM entries r WHERE r.subject = e.subject AND r.kind = 'revocation') THEN 'revoked'
  WHEN EXISTS (SELECT 1 FROM replaced p CROSS JOIN entries n ON n.subject = p.new WHERE p.old = e.subject
    AND n.kind = 'license' AND coalesce(json_extract(n.body, '$.not_before') <= ?1, 1)
    AND NOT EXISTS (SELECT 1 FROM entries r WHERE r.subject = p.new AND r.kind = 'revocation')) THEN 'superseded'
  WHEN json_extract(e.body, '$.expires_at') <= ?1 THEN 'expired'
  WHEN json_extract(e.body, '$.not_before') > ?1 THEN 'future'
  ELSE 'active' END";

const LICENSES: &str = "e.kind IN ('license', 'enterprise_key')";

impl Ledger {
    /// The licenses that the filter means, one by one, in constant memory.
    pub(crate) fn licenses(
        &self,
        filter: &Filter,
        now: Timestamp,
        mut each: impl FnMut(LicenseRow) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let (sql, values) = filter.to_sql(now);
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values.iter().map(AsRef::as_ref)))?;
        while let Some(row) = rows.next()? {
            each(license_row(row)?)?;
        }
        Ok(())
    }

    /// A license by its id.
    pub(crate) fn license(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<LicenseRow>, LedgerError> {
        let columns: Vec<_> = COLUMNS
            .split(", ")
            .map(|name| format!("e.{name}"))
            .collect();
        let sql = format!(
            "SELECT {}, {STANDING} FROM entries e WHERE e.subject = ?2 AND {LICENSES} ORDER BY e.seq LIMIT 1",
            columns.join(", ")
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let values = [now.to_string(), subject.to_owned()];
        Ok(statement.query_row(values, license_row).optional()?)
    }

    /// Everything that was entered about a license or key, in order.
    pub(crate) fn about(&self, subject: &str) -> Result<Vec<Entry>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM entries WHERE subject = ?1 ORDER BY seq");
        let mut statement = self.db.prepare(&sql)?;
        let entries = statement.query_map([subject], Entry::of_row)?;
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// Every entry of a kind, in order, one by one.
    pub(crate) fn of_kind(
        &self,
        kind: Kind,
        mut each: impl FnMut(Entry),
    ) -> Result<(), LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM entries WHERE kind = ?1 ORDER BY seq");
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query([kind.as_str()])?;
        while let Some(row) = rows.next()? {
            each(Entry::of_row(row)?);
        }
        Ok(())
    }

    /// Whether anything was entered about it.
    pub(crate) fn knows_of(&self, subject: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM entries WHERE subject = ?1)";
        let mut statement = self.db.prepare_cached(sql)?;
        Ok(statement.query_row([subject], |row| row.get(0))?)
    }

    /// What was entered of a kind about it, in order.
    pub(crate) fn about_of_kind(
        &self,
        subject: &str,
        kind: Kind,
    ) -> Result<Vec<Entry>, LedgerError> {
        let sql =
            format!("SELECT {COLUMNS} FROM entries WHERE subject = ?1 AND kind = ?2 ORDER BY seq");
        let mut statement = self.db.prepare_cached(&sql)?;
        let entries = statement.query_map([subject, kind.as_str()], Entry::of_row)?;
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// What was entered of a kind about it as this very artefact.
    pub(crate) fn same_artefact(
        &self,
        subject: &str,
        kind: Kind,
        artefact: &str,
    ) -> Result<Vec<Entry>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries WHERE subject = ?1 AND kind = ?2 AND artefact = ?3"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let values = [subject, kind.as_str(), artefact];
        let entries = statement.query_map(values, Entry::of_row)?;
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// Every usage entry of a chain, in order, one by one.
    pub(crate) fn of_chain(
        &self,
        chain: &str,
        mut each: impl FnMut(Entry),
    ) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries
             WHERE json_extract(body, '$.chain') = ?1 AND kind = 'usage' ORDER BY seq"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([chain])?;
        while let Some(row) = rows.next()? {
            each(Entry::of_row(row)?);
        }
        Ok(())
    }

    /// Every entry of a kind about a subject, in order, one by one.
    pub(crate) fn of_subject(
        &self,
        subject: &str,
        kind: Kind,
        mut each: impl FnMut(Entry),
    ) -> Result<(), LedgerError> {
        let sql =
            format!("SELECT {COLUMNS} FROM entries WHERE subject = ?1 AND kind = ?2 ORDER BY seq");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([subject, kind.as_str()])?;
        while let Some(row) = rows.next()? {
            each(Entry::of_row(row)?);
        }
        Ok(())
    }

    /// Whether anything of a kind was entered about a subject.
    pub(crate) fn has(&self, kind: Kind, subject: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM entries WHERE subject = ?1 AND kind = ?2 LIMIT 1";
        let mut statement = self.db.prepare_cached(sql)?;
        Ok(statement.exists([subject, kind.as_str()])?)
    }

    /// The license that an order of a batch was minted as.
    pub(crate) fn of_order(&self, order: &str) -> Result<Option<Entry>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM entries WHERE json_extract(body, '$.order') = ?1 AND kind = 'license' LIMIT 1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        Ok(statement.query_row([order], Entry::of_row).optional()?)
    }

    /// Every entry, one by one.
    pub(crate) fn entries(
        &self,
        mut each: impl FnMut(Entry) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM entries ORDER BY seq");
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(Entry::of_row(row)?)?;
        }
        Ok(())
    }

    /// How many there are of what.
    pub(crate) fn stats(&self, now: Timestamp) -> Result<Stats, LedgerError> {
        // As of one moment: others may be minting.
        let _read = self.db.unchecked_transaction()?;
        let mut by_kind = self
            .db
            .prepare("SELECT kind, count(*) FROM entries GROUP BY kind ORDER BY kind")?;
        let entries = by_kind.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sql = format!(
            "SELECT json_extract(e.body, '$.tier') AS tier, {STANDING} AS standing, count(*)
             FROM entries e WHERE {LICENSES} GROUP BY tier, standing ORDER BY tier, standing"
        );
        let mut by_tier = self.db.prepare(&sql)?;
        let licenses = by_tier.query_map([now.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let sql = format!(
            "SELECT count(DISTINCT customer), coalesce(sum(seats), 0) FROM (
               SELECT json_extract(e.body, '$.customer') AS customer,
                 CASE {STANDING} WHEN 'active' THEN json_extract(e.body, '$.seats') END AS seats
               FROM entries e WHERE {LICENSES})"
        );
        let (customers, seats) = self.db.query_row(&sql, [now.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(Stats {
            entries: entries.collect::<Result<_, _>>()?,
            licenses: licenses.collect::<Result<_, _>>()?,
            customers,
            seats,
        })
    }

    /// Whatever names a license, with its id, to look for what was mistyped.
    pub(crate) fn names(&self, mut each: impl FnMut(&str, &str)) -> Result<(), LedgerError> {
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
}

fn license_row(row: &Row<'_>) -> rusqlite::Result<LicenseRow> {
    let standing: String = row.get(8)?;
    Ok(LicenseRow {
        entry: Entry::of_row(row)?,
        standing: Standing::parse(&standing).unwrap_or(Standing::Active),
    })
}

impl Filter {
    fn to_sql(&self, now: Timestamp) -> (String, Vec<Box<dyn ToSql>>) {
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(now.to_string())];
        let mut conditions = vec![LICENSES.to_owned()];
        let mut add = |condition: &str, value: Box<dyn ToSql>| {
            values.push(value);
            conditions.push(condition.replace('#', &format!("?{}", values.len())));
        };
        if let Some(customer) = &self.customer {
            let holds = "(json_extract(e.body, '$.customer') LIKE # ESCAPE '\\' OR json_extract(e.body, '$.company') LIKE # ESCAPE '\\')";
            add(holds, Box::new(like(customer)));
        }
        if let Some(tier) = &self.tier {
            add(
                "json_extract(e.body, '$.tier') = #",
                Box::new(tier.to_ascii_uppercase()),
            );
        }
        if let Some(product) = &self.product {
            add(
                "json_extract(e.body, '$.product') = #",
                Box::new(product.to_ascii_uppercase()),
            );
        }
        if let Some(standing) = self.standing {
            add(&format!("{STANDING} = #"), Box::new(standing.as_str()));
        }
        if let Some(end) = self.ends_by {
            add(
                &format!(
                    "json_extract(e.body, '$.expires_at') <= # AND {STANDING} IN ('active', 'future')"
                ),
                Box::new(end.to_string()),
            );
        }
        if let Some(text) = &self.text {
            let holds = "(e.subject LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.key') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.short_key') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.customer') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.company') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.kid') LIKE # ESCAPE '\\'
              OR (e.kind = 'enterprise_key' AND e.artefact LIKE # ESCAPE '\\')
              OR e.subject IN (SELECT a.subject FROM entries a WHERE a.kind = 'activation'
                AND (json_extract(a.body, '$.activation_id') LIKE # ESCAPE '\\'
                  OR json_extract(a.body, '$.machine') LIKE # ESCAPE '\\'
                  OR json_extract(a.body, '$.nonce') LIKE # ESCAPE '\\')))";
            add(holds, Box::new(like(text)));
        }
        let order: &[&str] = match self.sort {
            Sort::Entered => &["e.seq"],
            Sort::Customer => &["json_extract(e.body, '$.customer') COLLATE NOCASE", "e.seq"],
            Sort::Expires => &[
                "json_extract(e.body, '$.expires_at') IS NULL",
                "json_extract(e.body, '$.expires_at')",
                "e.seq",
            ],
            Sort::Tier => &["json_extract(e.body, '$.tier')", "e.seq"],
        };
        let order = match self.reverse {
            false => order.join(", "),
            true => order.join(" DESC, ") + " DESC",
        };
        let limit = self
            .limit
            .map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let columns: Vec<_> = COLUMNS
            .split(", ")
            .map(|name| format!("e.{name}"))
            .collect();
        let sql = format!(
            "SELECT {}, {STANDING} FROM entries e WHERE {} ORDER BY {order} LIMIT {limit}",
            columns.join(", "),
            conditions.join(" AND ")
        );
        (sql, values)
    }
}

/// A pattern that holds the text as it is.
fn like(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests;
